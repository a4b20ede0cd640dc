"""What goes over a channel at about the same time goes in one message: a storm of releases is no storm of messages.

A message is a `Notification` of the alert room, which delivers it, tries again, and keeps what came of it.
"""

from __future__ import annotations

import zoneinfo
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max, Min, QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from xqplatform.alerts import notify
from xqplatform.alerts.models import Channel, Delivery, Notification, Severity
from xqplatform.notices import receivers, sources
from xqplatform.notices.kinds import ORDER, level
from xqplatform.notices.models import Notice, Post
from xqplatform.web.states import look

WAIT = timedelta(seconds=5)  # the first of a group waits so long for others
GAP = timedelta(seconds=60)  # between two messages over a channel
LISTED = 20  # happenings that a text names; the webhook's data names MOST
MOST = 200


def due(oldest: datetime, last: datetime | None, now: datetime) -> bool:
    """Whether what waits for a channel since `oldest` goes now, the message before it having gone at `last`. Pure."""
    return oldest + WAIT <= now and (last is None or last + GAP <= now)


def waiting(now: datetime) -> list[int]:
    """Channels whose message is due."""
    oldest: dict[int, datetime] = {row["channel"]: row["oldest"] for row in _oldest()}
    sent = Post.objects.filter(channel__in=oldest, gathered__isnull=False).values("channel")
    last = {row["channel"]: row["last"] for row in sent.annotate(last=Max("gathered")).order_by("channel")}
    return [channel for channel, since in oldest.items() if due(since, last.get(channel), now)]


def _oldest() -> QuerySet[Any, Any]:
    """Asked every five seconds: a look into the index a channel, and not at all posts of three months."""
    on = Channel.objects.filter(enabled=True).order_by().values("pk")
    rows = Post.objects.filter(channel__in=on, gathered=None).values("channel")
    return rows.annotate(oldest=Min("created")).order_by("channel")


def gather(channel: int, now: datetime) -> Notification | None:
    """Makes one message of all that waits for a channel; None where another worker was faster."""
    with transaction.atomic():
        row = Channel.objects.select_related("owner").select_for_update(of=("self",)).get(pk=channel)
        posts = list(Post.objects.filter(channel=row, gathered=None).select_related("notice").order_by("pk"))
        if not posts:
            return None
        told = Notification.objects.create(**rendered(row, [post.notice for post in posts]))
        Post.objects.filter(pk__in=[post.pk for post in posts]).update(gathered=now, notification=told)
        notify.send(told, [row])
    return told


@contextmanager
def _speaking_to(channel: Channel) -> Iterator[None]:
    """In the language and the time of whom the channel belongs to."""
    user = channel.owner
    zone: Any = UTC
    if user is not None:
        with suppress(zoneinfo.ZoneInfoNotFoundError, ValueError):
            zone = zoneinfo.ZoneInfo(user.time_zone)
    with translation.override((user.language if user else "") or settings.LANGUAGE_CODE), timezone.override(zone):
        yield


def rendered(channel: Channel, notices: Sequence[Notice]) -> dict[str, Any]:
    """The message as fields of a Notification."""
    with _speaking_to(channel):
        ordered = sorted(notices, key=lambda one: (ORDER.index(level(one.kind)), one.pk))
        said = [sources.words(one) for one in ordered]
        worst = level(ordered[0].kind)
        return {
            "kind": Notification.Kind.NOTICE,
            "severity": Severity.CRITICAL if worst == "critical" else Severity.WARNING,
            "title": (said[0].title if len(said) == 1 else _counted(ordered))[:250],
            "body": _body(ordered, said),
            "data": {
                "version": 1,
                "kind": "notice",
                "level": worst,
                "total": len(ordered),
                "notices": [as_json(one, words) for one, words in zip(ordered[:MOST], said, strict=False)],
            },
        }


def _counted(notices: Sequence[Notice]) -> str:
    """«[xqplatform] 12 messages: 3 × failed, 9 × succeeded»."""
    text = ngettext("%(n)d message", "%(n)d messages", len(notices)) % {"n": len(notices)}
    counts = Counter(str(look(one.shown_state).word) for one in notices)
    return f"[xqplatform] {text}: " + ", ".join(f"{n} × {word}" for word, n in counts.items())


def _body(notices: Sequence[Notice], said: Sequence[sources.Words]) -> str:
    if len(notices) == 1:
        lines, link = list(said[0].lines), notify.address(notices[0].url)
    else:
        lines = [" – ".join([f"• {words.title}", *words.lines[:2]]) for words in said[:LISTED]]
        if len(said) > LISTED:
            lines.append(_("… and %(n)d more.") % {"n": len(said) - LISTED})
        link = notify.address("/releases/")
    return "\n".join([*lines, "", link] if link else lines)


def as_json(notice: Notice, words: sources.Words) -> dict[str, Any]:
    return {
        "id": notice.pk,
        "kind": notice.kind,
        "source": notice.source,
        "number": notice.number,
        "service": notice.service,
        "environment": notice.environment,
        "title": words.title,
        "lines": words.lines,
        "url": notify.address(notice.url) or notice.url,
        "time": notice.created.isoformat(),
    }


def check(delivery: Delivery) -> str:
    """Before each attempt: what somebody may not hear of any more is taken out of the message; why nothing is left."""
    told, channel = delivery.notification, delivery.channel
    if told.kind != Notification.Kind.NOTICE or channel.owner is None:
        return ""
    rows = list(Post.objects.filter(notification=told, channel=channel).select_related("notice"))
    left = [row.notice for row in rows if receivers.still(channel.owner, row.notice)]
    if rows and not left:
        return _("Who it was for may not see this any more.")
    if len(left) < len(rows):
        for name, value in rendered(channel, left).items():
            setattr(told, name, value)
        told.save(update_fields=["severity", "title", "body", "data"])
    return ""
