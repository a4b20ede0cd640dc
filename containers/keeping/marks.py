"""Snapshots and restores on charts: what an instance measured around them is seen with them."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from containers.keeping.models import Restore, Snapshot
from containers.models import Instance
from xqplatform.metrics.charts import Mark

MOST = 200  # of a kind; the newest
OF = ("instance__place__service", "instance__place__environment")


def of(instances: QuerySet[Instance], first: datetime, last: datetime) -> list[Mark]:
    """What `containers.charts.MARKS` promises."""
    taken = Snapshot.objects.filter(instance__in=instances, taken__gte=first, taken__lte=last)
    taken = taken.exclude(state=Snapshot.State.FAILED).select_related(*OF).order_by("-taken")[:MOST]
    found = [Mark(row.taken.timestamp(), "snapshot", _taken(row), _page(row.instance)) for row in taken if row.taken]
    back = Restore.objects.filter(instance__in=instances, created__gte=first, created__lte=last)
    back = back.select_related(*OF, "snapshot", "backup").order_by("-created")[:MOST]
    found += [Mark(row.created.timestamp(), "restore", _back(row), _page(row.instance)) for row in back]
    return sorted(found, key=lambda mark: mark.time)


def _page(instance: Instance) -> str:
    return reverse("keeping:data", args=[instance.place.service.slug, instance.place.environment.slug])


def _taken(row: Snapshot) -> str:
    words = _("snapshot %(name)s of %(instance)s (%(why)s), stood still %(ms)s ms")
    return words % {
        "name": row.label,
        "instance": row.instance,
        "why": row.get_why_display(),
        "ms": row.still_ms,
    }


def _back(row: Restore) -> str:
    words = _("data of %(instance)s put back as at %(name)s: %(state)s, %(who)s")
    return words % {
        "instance": row.instance,
        "name": row.source,
        "state": row.get_state_display(),
        "who": row.who,
    }
