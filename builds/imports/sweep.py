"""What the beat sees to: imports that wait, uploads that nobody goes on with, files of imports that are over."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from builds.imports import place
from builds.models import ImageImport
from xqplatform import leases, live

RECEIVES_FOR = timedelta(hours=24)  # after the last piece


def due() -> list[int]:
    """Imports that somebody may take up now."""
    now = timezone.now()
    rows = ImageImport.objects.filter(Q(retry_at=None) | Q(retry_at__lte=now), state__in=ImageImport.ACTIVE)
    return [row.pk for row in rows.only("pk", "lease", "lease_until") if not leases.is_held(row)]


def tidy() -> None:
    """Ends uploads that stopped coming, and removes what lies there for none that is under way."""
    old = ImageImport.objects.filter(state=ImageImport.State.RECEIVING, changed__lt=timezone.now() - RECEIVES_FOR)
    with translation.override(settings.LANGUAGE_CODE):
        words = _("No piece of it came for %(n)d hours.") % {"n": RECEIVES_FOR.total_seconds() // 3600}
    if old.update(state=ImageImport.State.FAILED, reason=words, finished=timezone.now()):
        live.bump("imports")
    # Asked first what lies there: an import that is opened meanwhile has no folder in this list.
    there = place.there()
    known = set(ImageImport.objects.filter(pk__in=there, state__in=ImageImport.OPEN).values_list("pk", flat=True))
    for pk in set(there) - known:
        place.forget(pk)
