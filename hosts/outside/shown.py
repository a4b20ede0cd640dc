"""What a host's page says of it."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from hosts.models import Host
from xqplatform.audit.models import Event

RECENT = timedelta(days=1)


def recent(host: Host) -> int:
    """How many events tell within a day of what somebody else did there."""
    return Event.objects.filter(
        object_type=host._meta.label_lower,
        object_id=str(host.pk),
        action__startswith="outside.",
        time__gt=timezone.now() - RECENT,
    ).count()
