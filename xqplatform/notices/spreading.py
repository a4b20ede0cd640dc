"""From a notice to its receivers: one transaction, so that a worker that dies leaves all of it or nothing."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from xqplatform import live
from xqplatform.notices import receivers
from xqplatform.notices.kinds import INBOX, reaches
from xqplatform.notices.models import Entry, Notice

KEPT = timedelta(days=90)
AT_ONCE = 200


def spread(pk: int) -> bool:
    """Puts the notice where it belongs; False when somebody else has done so. Safe to repeat."""
    with transaction.atomic():
        if not Notice.objects.filter(pk=pk, spread=None).update(spread=timezone.now()):
            return False
        notice = Notice.objects.get(pk=pk)
        found = [
            (user, relation) for user, relation in receivers.people(notice) if reaches(INBOX[notice.kind], relation)
        ]
        Entry.objects.bulk_create([Entry(user=user, notice=notice, relation=relation) for user, relation in found])
        if found:
            live.bump(*(f"inbox:{user.pk}" for user, _relation in found))
    return True


def left() -> list[int]:
    """Notices that nobody has spread: their task was lost with a broker or a worker."""
    return list(Notice.objects.filter(spread=None).order_by("pk").values_list("pk", flat=True)[:AT_ONCE])


def tidy() -> None:
    """What is too old to be looked at goes, with the inboxes' entries of it."""
    Notice.objects.filter(created__lt=timezone.now() - KEPT).delete()
