"""What nobody looks at any more."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from containers.scaling.models import ScalingDecision
from xqplatform.audit.tidying import tidied

KEPT = timedelta(days=730)


def tidy() -> None:
    """Decisions go after two years."""
    with transaction.atomic():
        tidied("scaling decisions", ScalingDecision.objects.filter(time__lt=timezone.now() - KEPT).delete()[1])
