"""What somebody else did to instances' containers, past the platform."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from containers.models import Container, Instance
from xqplatform.audit.models import Event

RECENT = timedelta(days=30)
RELATED = ("instance__place__service", "instance__place__environment")


def owners(host_id: int, containers: Mapping[str, str]) -> dict[str, Instance]:
    """Whose containers these are: by what ran or runs in instances."""
    wanted = Q(host=host_id, engine_id__in=list(containers))
    rows = Container.objects.filter(wanted).select_related(*RELATED).order_by("id")
    return {row.engine_id: row.instance for row in rows}


def changed_by_others(instance: Instance) -> int:
    """How often within a month."""
    return Event.objects.filter(
        parent_type=instance._meta.label_lower,
        parent_id=str(instance.pk),
        action__startswith="outside.",
        time__gt=timezone.now() - RECENT,
    ).count()
