"""Who may have a terminal, asked when it is wished for, when its socket comes, and again and again while it is open."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest
from django.utils.translation import gettext as _

from containers.models import Instance, Terminal
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import User
from xqplatform.accounts.rights import can, require
from xqplatform.errors import Refused

RIGHT = "service.terminal"
COMMAND = "service.command"


def signed_in(session_key: str) -> User | None:
    """The person of a log-in session; None when it has ended, by time, by signing out or by a new password."""
    if not session_key:
        return None
    request: Any = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = get_user(request)
    return user if isinstance(user, User) and user.is_active else None


def may(actor: Actor, instance: Instance, right: str = RIGHT) -> bool:
    return can(actor, right, **instance.place.at)


def must(actor: Actor, instance: Instance, extra: dict[str, Any] | None = None, right: str = RIGHT) -> None:
    """Raises Denied, and records the attempt, without the right."""
    require(actor, right, **instance.place.at, obj=instance, extra=extra)


def container_of(instance: Instance) -> str:
    """The engine's id of the container that runs now. Raises Refused when there is none."""
    current = instance.current
    if instance.removed or current is None or not current.engine_id:
        raise Refused(_("No container runs in %(name)s now.") % {"name": instance.name})
    return current.engine_id


def reason_for(instance: Instance, reason: str) -> str:
    """The reason as it is stored. Raises Refused where production wants one and none is given."""
    reason = reason.replace("\0", "").strip()[:2000]
    if instance.place.environment.production and not reason:
        raise Refused(_("This is production: say why."), "reason", 400)
    return reason


def verdict(terminal: Terminal, session_key: str) -> tuple[Terminal.Why, str] | None:
    """Why an open terminal has to end now; None: it may go on. The row is read anew by the caller."""
    if terminal.asked:
        return Terminal.Why.ASKED, _("Ended by %(who)s.") % {"who": terminal.asked}
    user = signed_in(session_key)
    if user is None or user.pk != terminal.person_id:
        return Terminal.Why.SIGNED_OUT, ""
    instance = terminal.instance
    if not may(Actor.person(user), instance):
        return Terminal.Why.RIGHTS, ""
    current = instance.current
    if instance.removed or current is None or current.engine_id != terminal.engine_id:
        return Terminal.Why.CONTAINER, ""
    return None
