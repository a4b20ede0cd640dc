"""The one channel of a person's own: mail over the company's account, or a chat that the person has the key of."""

from __future__ import annotations

import re
from urllib.parse import unquote

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.translation import gettext as _

from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import can
from xqplatform.alerts.models import Channel, Delivery
from xqplatform.alerts.services import channels
from xqplatform.errors import Refused
from xqplatform.notices.services.preferences import owner

# Services with an address of their own: by others (mail servers, web hooks) anybody could have the platform call any machine.
OF_ANYBODY = (
    "dingtalk", "discord", "feishu", "lark", "pover", "pushplus", "schan", "slack", "tgram", "wecombot", "wxpusher",
)  # fmt: skip
# Of what may stand behind the «?» of such an address. Others have the platform read files and call machines (template=).
OPTIONS = frozenset(
    {"format", "mode", "overflow", "preview", "priority", "secret", "silent", "sound", "to", "token", "topic"}
)
KINDS = (Channel.Kind.MAIL, Channel.Kind.APPRISE)


def of(actor: Actor) -> Channel | None:
    return Channel.objects.filter(owner=actor.user).first() if actor.user is not None else None


def set_own(actor: Actor, kind: str, address: str) -> Channel:
    """Makes it or replaces it. Raises Refused for an address that nothing can be sent to, or that only SREs may use."""
    user = owner(actor)
    address = address.strip()
    if kind not in KINDS:
        raise Refused(_("There is no such kind."), "kind", 400)
    service = _mail(address) if kind == Channel.Kind.MAIL else _chat(actor, address)
    values = {
        "name": f"person:{user.pk}",
        "kind": kind,
        "url": address,
        "service": service,
        "default": False,
        "enabled": True,
        "ok": None,
        "ok_since": None,
        "problem": "",
    }
    with transaction.atomic():
        row, _made = Channel.objects.update_or_create(owner=user, defaults=values)
        audit.record(actor, "notice.own.set", user, after={"kind": kind, "service": service, "address": "•••"})
    return row


def _mail(address: str) -> str:
    if not settings.MAIL_URL:
        raise Refused(_("No mail account is set up here (XQ_MAIL_URL): ask an SRE."), "kind", 400)
    try:
        validate_email(address)
        if re.search(r'[",;<>\s]', address):  # in quotes a name may hold what is a list of others to apprise
            raise ValidationError("")
    except ValidationError:
        raise Refused(_("This is not a mail address."), "address", 400) from None
    return "Email"


def _chat(actor: Actor, address: str) -> str:
    scheme = address.partition("://")[0].lower()
    if scheme not in OF_ANYBODY and not can(actor, channels.RIGHT):
        words = _("Addresses of this kind are set up by SREs. You can use: %(known)s.")
        raise Refused(words % {"known": ", ".join(OF_ANYBODY)}, "address", 400)
    if (strange := options(address) - OPTIONS) and not can(actor, channels.RIGHT):
        words = _("An address with «%(name)s» in it is set up by SREs.")
        raise Refused(words % {"name": min(strange)[:60]}, "address", 400)
    try:
        return channels.checked(Channel.Kind.APPRISE, address)
    except Refused as refused:
        raise Refused(refused.message, "address", 400) from None


def options(address: str) -> set[str]:
    """The names behind the «?», read at least as widely as apprise reads them. Pure."""
    behind = address.partition("?")[2]
    pairs = [unquote(pair.partition("=")[0]).strip().lower() for pair in re.split(r"[?#&;]", behind)]
    return {name for name in pairs if name}


def remove_own(actor: Actor) -> None:
    """With what is on its way over it."""
    user = owner(actor)
    row = of(actor)
    if row is None:
        raise Refused(_("You have no channel of your own."))
    with transaction.atomic():
        row.delete()
        audit.record(actor, "notice.own.remove", user)


def test_own(actor: Actor) -> Delivery:
    """Sends a message to oneself; what came of it stands in the delivery."""
    owner(actor)
    row = of(actor)
    if row is None:
        raise Refused(_("You have no channel of your own."))
    return channels.send_test(actor, row, _("If you read this, what you want to hear of arrives here."))


test_own.__test__ = False  # type: ignore[attr-defined]  # not one of pytest's
