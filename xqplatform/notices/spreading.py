"""From a notice to its receivers: one transaction, so that a worker that dies leaves all of it or nothing."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from xqplatform import live
from xqplatform.alerts.models import Channel
from xqplatform.audit.tidying import tidied
from xqplatform.notices import receivers
from xqplatform.notices.models import Entry, Notice, Post

KEPT = timedelta(days=90)
AT_ONCE = 200


def spread(pk: int) -> bool:
    """Puts the notice where it belongs; False when somebody else has done so. Safe to repeat."""
    with transaction.atomic():
        if not Notice.objects.filter(pk=pk, spread=None).update(spread=timezone.now()):
            return False
        notice = Notice.objects.get(pk=pk)
        followed = receivers.subscriptions(notice)
        found = list(receivers.people(notice, followed))
        listed = [one for one in found if one.inbox]
        Entry.objects.bulk_create([Entry(user=one.user, notice=notice, relation=one.relation) for one in listed])
        own = Channel.objects.filter(owner__in=[one.user.pk for one in found if one.own], enabled=True)
        to = [*receivers.channels(followed, notice), *own.order_by("pk")]
        Post.objects.bulk_create([Post(notice=notice, channel=channel) for channel in to])
        if listed:
            live.bump(*(f"inbox:{one.user.pk}" for one in listed))
    return True


def left() -> list[int]:
    """Notices that nobody has spread: their task was lost with a broker or a worker."""
    return list(Notice.objects.filter(spread=None).order_by("pk").values_list("pk", flat=True)[:AT_ONCE])


def tidy() -> None:
    """What is too old to be looked at goes, with the inboxes' entries of it."""
    with transaction.atomic():
        tidied("notices", Notice.objects.filter(created__lt=timezone.now() - KEPT).delete()[1])
