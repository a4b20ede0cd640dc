"""What a host's page says of it."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import QuerySet
from django.utils import timezone

from hosts.models import Host
from xqplatform.audit.models import Event

RECENT = timedelta(days=1)
MOST = 1000


UNSURE = "outside.unsure"


def recent(host: Host) -> int:
    """How many events tell within a day of what somebody else did there."""
    return _events(host).exclude(action=UNSURE).count()


def unsure(host: Host) -> int:
    """How many of its own calls there the platform did not note within a day, so that they may be among them."""
    told = _events(host).filter(action=UNSURE).order_by("-pk").values_list("after", flat=True)[:MOST]
    return sum(int((after or {}).get("count", 0)) for after in told)


def _events(host: Host) -> QuerySet[Event]:
    return Event.objects.filter(
        object_type=host._meta.label_lower,
        object_id=str(host.pk),
        action__startswith="outside.",
        time__gt=timezone.now() - RECENT,
    )
