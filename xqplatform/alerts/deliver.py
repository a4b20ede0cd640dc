"""Carries deliveries out, one at a time a channel. Each attempt is noted before it is made, and what came of it after.

A worker that is killed in between leaves a delivery «sending»: the next one sends again. So a message comes at least once,
and rarely twice; the webhook's `X-XQ-Delivery` tells a repetition.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from xqplatform import leases, live, work
from xqplatform.alerts import child
from xqplatform.alerts.models import Channel, Delivery, Notification
from xqplatform.secrets import known

log = logging.getLogger(__name__)
# Seconds before the second, third, … attempt; after the last one it is given up.
PAUSES = (10, 30, 120, 600, 1800, 3600, 7200)
AT_ONCE = 50  # deliveries of one task; the rest is another's
# Asked before each attempt: why it is not sent any more, in words; empty when it is. They may change what it says.
CHECKS: list[Callable[[Delivery], str]] = []


def waiting() -> QuerySet[Delivery]:
    """What is due, and what a dead worker left behind."""
    return Delivery.objects.filter(state__in=Delivery.OPEN, channel__enabled=True, due__lte=timezone.now())


def run(channel_pk: int) -> int:
    """Sends what is due over a channel until something fails; returns how many attempts were made.

    Only few do so at a time in a worker, so that many dead channels leave its threads to releases; the others come again.
    """
    with child.turn() as mine:
        made = _run(channel_pk) if mine else 0
    if mine and child.somebody_waits():
        from xqplatform.alerts.tasks import resume

        work.enqueue(resume)
    return made


def _run(channel_pk: int) -> int:
    rows = Channel.objects.filter(pk=channel_pk)
    lease = leases.take(rows.filter(enabled=True), rows)
    if lease is None:
        return 0
    made = 0
    try:
        for delivery in (
            waiting().filter(channel=channel_pk).select_related("notification", "channel").order_by("pk")[:AT_ONCE]
        ):
            if not lease.renew(force=True):
                break
            if why := next((words for check in CHECKS if (words := check(delivery))), ""):
                _drop(delivery, why)
                continue
            made += 1
            if not _attempt(delivery, lease):
                break  # a dead channel is not asked for each message in turn
    finally:
        lease.release()
    return made


def _drop(delivery: Delivery, why: str) -> None:
    Delivery.objects.filter(pk=delivery.pk).update(state=Delivery.State.FAILED, words=why, ended=timezone.now())
    live.bump("alerts:deliveries")


def _attempt(delivery: Delivery, lease: leases.Lease) -> bool:
    began = time.time()
    attempts = [*delivery.attempts, {"time": began, "took": None, "ok": None, "words": ""}]
    Delivery.objects.filter(pk=delivery.pk).update(state=Delivery.State.SENDING, attempts=attempts)
    live.bump("alerts:deliveries")
    answer = child.ask(message(delivery), alive=lease.renew)
    if not lease.trusted:
        return False  # whoever took over sends it again
    took = time.time() - began
    words = known.platform()(str(answer["words"]))
    attempts[-1] = {"time": began, "took": round(took, 2), "ok": bool(answer["ok"]), "words": words}
    _note(delivery, attempts)
    return bool(answer["ok"])


def message(delivery: Delivery) -> dict[str, Any]:
    """What the sender is asked to do."""
    told, channel = delivery.notification, delivery.channel
    level = told.severity if told.kind == Notification.Kind.FIRING else told.data.get("level") or told.kind
    by_mail = channel.kind == Channel.Kind.MAIL
    text = {"title": told.title, "body": told.body}
    return {
        "do": Channel.Kind.APPRISE if by_mail else channel.kind,
        "url": mail_url(channel.url) if by_mail else channel.url,
        "secret": channel.secret,
        "id": delivery.pk,
        "level": level,
        "data": {**told.data, **text, "delivery": delivery.pk},
        **text,
    }


def mail_url(to: str) -> str:
    """The company's account with the receiver; empty (nothing understands it) where none is set up."""
    base = settings.MAIL_URL
    return f"{base}{'&' if '?' in base else '?'}to={quote(to, safe='')}" if base else ""


def pause_after(attempts: int) -> float | None:
    """Seconds until the next attempt after so many; None: it is given up. Pure."""
    return float(PAUSES[attempts - 1]) if attempts <= len(PAUSES) else None


def _note(delivery: Delivery, attempts: list[dict[str, Any]]) -> None:
    now, last = timezone.now(), attempts[-1]
    pause = None if last["ok"] else pause_after(sum(1 for one in attempts if one["ok"] is False))
    if last["ok"]:
        state, ended = Delivery.State.SENT, now
    elif delivery.notification.kind == Notification.Kind.TEST or pause is None:
        state, ended = Delivery.State.FAILED, now
    else:
        state, ended = Delivery.State.WAITING, None
    Delivery.objects.filter(pk=delivery.pk).update(
        state=state, attempts=attempts, words=last["words"], ended=ended, due=now + timedelta(seconds=pause or 0)
    )
    channel = delivery.channel
    changed = {"ok": last["ok"], "problem": "" if last["ok"] else last["words"]}
    if channel.ok != last["ok"]:
        changed["ok_since"] = now
    Channel.objects.filter(pk=channel.pk).update(**changed)
    live.bump("alerts:deliveries", f"alerts:channel:{channel.pk}")
