"""The verbs of channels and deliveries."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from xqplatform import audit, live, work
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.accounts.visibility import sees_everything
from xqplatform.alerts import child, notify
from xqplatform.alerts.models import Channel, Delivery, Notification, Severity
from xqplatform.errors import Denied, Refused

RIGHT = "alerts.manage"
SHOWN = ("name", "kind", "service", "default", "least", "enabled", "hears_closed")
CHECK_SECONDS = 15.0


def facts(channel: Channel) -> dict[str, Any]:
    """What the log compares: never the address."""
    return {name: getattr(channel, name) for name in SHOWN}


def save_channel(actor: Actor, channel: Channel | None, data: dict[str, Any]) -> Channel:
    """Makes a channel or changes one. An empty address or secret leaves the old one. Raises Denied, Refused."""
    require(actor, RIGHT, obj=channel)
    new = channel is None
    row = channel or Channel()
    before = {} if new else facts(row)
    for name in ("name", "kind", "default", "least", "enabled", "hears_closed"):
        if name in data:
            setattr(row, name, data[name])
    if row.hears_closed:
        _require_all(actor, channel)
    row.name = str(row.name).strip()
    if not row.name:
        raise Refused(_("Give it a name."), "name", 400)
    if row.kind not in Channel.SHARED or row.least not in Severity.values:
        raise Refused(_("There is no such kind."), "kind", 400)
    url, secret = str(data.get("url") or "").strip(), str(data.get("secret") or "")
    if not url and not row.url:
        raise Refused(_("An address is needed."), "url", 400)
    if not url and not new and before["kind"] != row.kind:
        raise Refused(_("For another kind the address must be given again."), "url", 400)
    if url:
        row.service = checked(row.kind, url)
        row.url, row.ok, row.problem, row.ok_since = url, None, "", None
    if secret:
        row.secret = secret
    try:
        with transaction.atomic():
            row.save()
            was, now = audit.changed(before, facts(row))
            if url:
                now["address"] = "•••"
            if secret:
                now["secret"] = "•••"  # noqa: S105
            if new or now:
                audit.record(
                    actor, "alert.channel.create" if new else "alert.channel.change", row, before=was, after=now
                )
            live.bump("alerts:channels")
    except IntegrityError:
        raise Refused(_("There is a channel of this name already."), "name") from None
    return row


def _require_all(actor: Actor, channel: Channel | None) -> None:
    """Who may not see everything neither makes a channel hear everything, nor says where such a channel leads. Raises Denied."""
    if sees_everything(actor):
        return
    audit.record(actor, RIGHT, channel, denied=True, after={"hears of closed teams": True})
    raise Denied(_("Only who sees what all teams own sets up a channel that hears of closed teams."))


def checked(kind: str, url: str) -> str:
    """What the address is of. Raises Refused when nothing can be sent there."""
    if len(url) > 2000 or any(ord(c) < 32 for c in url):
        raise Refused(_("This is not an address."), "url", 400)
    if kind == Channel.Kind.WEBHOOK:
        try:
            parts = urlsplit(url)
            fine = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            fine = False
        if not fine:
            raise Refused(_("An address of a webhook begins with https:// or http://."), "url", 400)
        return "Webhook"
    answer = child.ask({"do": "check", "url": url}, limit=CHECK_SECONDS)
    if not answer["ok"]:
        words = _("apprise does not understand this address. %(words)s")
        raise Refused((words % {"words": answer["words"]}).strip(), "url", 400)
    return str(answer["service"])


def remove_channel(actor: Actor, channel: Channel) -> None:
    """With its deliveries; the rules that named it name it no more."""
    require(actor, RIGHT, obj=channel)
    with transaction.atomic():
        audit.record(actor, "alert.channel.remove", channel, before=facts(channel))
        channel.delete()
        live.bump("alerts:channels", "alerts:deliveries")


def test_channel(actor: Actor, channel: Channel) -> Delivery:
    """Sends a message as an alert's would be sent; what came of it stands in the delivery."""
    require(actor, RIGHT, obj=channel)
    text = _("%(who)s tests the channel «%(channel)s». If you read this, alerts arrive here.")
    return send_test(actor, channel, text % {"who": actor.name, "channel": channel.name})


test_channel.__test__ = False  # type: ignore[attr-defined]  # not one of pytest's


def send_test(actor: Actor, channel: Channel, text: str) -> Delivery:
    """Whoever calls it has checked the right."""
    if not channel.enabled:
        raise Refused(_("This channel is off."))
    with transaction.atomic():
        row = Notification.objects.create(
            kind=Notification.Kind.TEST, title=_("[test] xqplatform"),
            body=text,
            data={"version": 1, "kind": "test", "severity": "", "rule": "", "total": 0, "alerts": []},
        )  # fmt: skip
        notify.send(row, [channel])
        audit.record(actor, "alert.channel.test", channel)
    return row.deliveries.get()


def retry_delivery(actor: Actor, delivery: Delivery) -> Delivery:
    """One that was given up, or that waits for its next attempt, is sent now."""
    from xqplatform.alerts.tasks import deliver

    require(actor, RIGHT, obj=delivery.channel)
    with transaction.atomic():
        rows = Delivery.objects.filter(pk=delivery.pk, state__in=[Delivery.State.WAITING, Delivery.State.FAILED])
        if not rows.update(state=Delivery.State.WAITING, due=timezone.now(), ended=None):
            raise Refused(_("It was sent, or is being sent."))
        audit.record(actor, "alert.delivery.retry", delivery.channel, after={"delivery": delivery.pk})
        work.enqueue(deliver, delivery.channel_id)
        live.bump("alerts:deliveries")
    delivery.refresh_from_db()
    return delivery
