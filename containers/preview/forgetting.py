"""What was learnt of images is forgotten with them."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from builds.models import Image
from containers.models import ImageContents
from xqplatform.audit.tidying import tidied

GRACE = timedelta(days=1)  # since it was last asked for


def tidy() -> int:
    """Forgets layers and packages of images that are all discarded; of how many."""
    there = Image.objects.exclude(state=Image.State.DISCARDED)
    rows = ImageContents.objects.filter(asked__lt=timezone.now() - GRACE)
    rows = rows.exclude(key__in=there.values("digest")).exclude(key__in=there.values("image_id"))
    with transaction.atomic():
        return tidied("contents of images", rows.delete()[1])
