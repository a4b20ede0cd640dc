"""What ends here when a person leaves: the channel of their own, with what is on its way over it."""

from __future__ import annotations

from django.utils.translation import ngettext

from xqplatform.accounts.actor import Actor
from xqplatform.accounts.leaving import Tie, register
from xqplatform.accounts.models import User
from xqplatform.alerts.models import Channel
from xqplatform.notices.models import Post


def _words(count: int) -> str:
    text = ngettext(
        "%(n)d channel of their own is removed, with what is on its way over it.",
        "%(n)d channels of their own are removed, with what is on its way over them.",
        count,
    )
    return text % {"n": count}


def _end(actor: Actor, user: User) -> int:
    rows = list(Channel.objects.filter(owner=user))
    Post.objects.filter(channel__in=rows).delete()
    for row in rows:
        row.delete()
    return len(rows)


def join() -> None:
    register(Tie("own channels", _words, lambda user: Channel.objects.filter(owner=user).count(), _end))
