"""Guessing is counted by django-axes, in the database: all web processes count together, and a restart forgets nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt
from django.contrib.auth.signals import user_login_failed
from django.core.exceptions import ValidationError
from django.core.validators import validate_ipv46_address
from django.db import transaction
from django.db.models import Max, QuerySet, Sum
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.accounts.signin.limits import ADDRESS, COOL_OFF, KNOWN_DAYS, PAIR, Failures, Lock, lock
from xqplatform.audit.models import Event
from xqplatform.errors import Refused

MOST = 1000  # locks of a kind that are listed


def key(request: Any, credentials: dict[str, Any] | None) -> str:
    """The name under which failures are counted: as the log-in finds people, whatever the case."""
    name = str((credentials or {}).get("username") or "")
    return name.replace("\x00", "").strip().lower()[:150]


def _address(request: HttpRequest) -> str | None:
    return request.META.get("REMOTE_ADDR") or None


def _failures(rows: QuerySet[AccessAttempt]) -> Failures:
    now = timezone.now()
    found = rows.filter(attempt_time__gt=now - timedelta(seconds=COOL_OFF)).aggregate(
        count=Sum("failures_since_start"), last=Max("attempt_time")
    )
    if not found["count"]:
        return Failures()
    return Failures(found["count"], max(0.0, (now - found["last"]).total_seconds()))


def _known(name: str, address: str | None) -> bool:
    since = timezone.now() - timedelta(days=KNOWN_DAYS)
    events = Event.objects.filter(action="login", actor__iexact=name, ip=address or "", time__gte=since)
    return bool(name) and events.exists()


def state(name: str, address: str | None) -> Lock | None:
    """Whether this name may not be tried from this address now."""
    rows = AccessAttempt.objects.all()
    of_name = _failures(rows.filter(username=name))
    return lock(
        _failures(rows.filter(username=name, ip_address=address)),
        _failures(rows.filter(ip_address=address)),
        of_name,
        # Asked only where it matters.
        of_name.count < PAIR or _known(name, address),
    )


def words(found: Lock) -> str:
    """What the person reads: for whom it holds, and for how long."""
    if found.wait > 90:
        minutes = round(found.wait / 60 + 0.49)
        left = ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes}
    else:
        seconds = max(1, round(found.wait + 0.49))
        left = ngettext("%(n)d second", "%(n)d seconds", seconds) % {"n": seconds}
    text = {
        "pair": _(
            "Too many wrong attempts for this name from your address. Try again in %(left)s; an SRE can unlock it."
        ),
        "address": _("Too many wrong attempts from your address. Try again in %(left)s; an SRE can unlock it."),
        "name": _("This name is being guessed from many addresses. Try again in %(left)s, or use a passkey."),
    }[found.what]
    return text % {"left": left}


def check(request: HttpRequest, name: str) -> None:
    """Raises ValidationError (code «locked») before anything is compared."""
    if found := state(key(request, {"username": name}), _address(request)):
        raise ValidationError(words(found), code="locked")


def failed(request: HttpRequest, name: str) -> None:
    """Counts a wrong code like a wrong password. (A wrong password is counted where it is compared.)"""
    user_login_failed.send(sender=__name__, credentials={"username": name}, request=request)


class Lockout(AxesDatabaseHandler):
    """axes' rows, our limits, and an event when a lock begins."""

    def is_locked(self, request: Any, credentials: dict[str, Any] | None = None) -> bool:
        return state(key(request, credentials), request.axes_ip_address) is not None

    def user_login_failed(self, sender: Any, credentials: dict[str, Any], request: Any = None, **kwargs: Any) -> None:
        if request is None:
            return
        name, address = key(request, credentials), request.axes_ip_address
        with transaction.atomic():
            before = state(name, address)
            super().user_login_failed(sender, credentials, request, **kwargs)
            after = state(name, address)
            if after is not None and before is None:
                facts = {"what": after.what, "address": address, "seconds": round(after.wait)}
                audit.record(Actor.of_request(request), "login.locked", None, denied=True, name=name, after=facts)

    def user_logged_in(self, sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
        """Forgets what this person mistyped here; not what else came from the address, or they could guess on."""
        AccessAttempt.objects.filter(username=key(request, {"username": user.get_username()}),
                                     ip_address=_address(request)).delete()  # fmt: skip

    def user_logged_out(self, sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
        """Nothing: the audit log has it."""


def locked() -> list[dict[str, Any]]:
    """Pairs and addresses that are locked now, the latest first, MOST of each at most: {"name", "address", "count", "wait"}."""
    now = timezone.now()
    rows = AccessAttempt.objects.filter(attempt_time__gt=now - timedelta(seconds=COOL_OFF)).order_by()
    found = []
    for fields, least in ((["username", "ip_address"], PAIR), (["ip_address"], ADDRESS)):
        counted = rows.values(*fields).annotate(count=Sum("failures_since_start"), last=Max("attempt_time"))
        found += list(counted.filter(count__gte=least).order_by("-last", *fields)[:MOST])
    return [
        {
            "name": row.get("username") or "",
            "address": row["ip_address"] or "",
            "count": row["count"],
            "wait": COOL_OFF - (now - row["last"]).total_seconds(),
        }
        for row in sorted(found, key=lambda one: one["last"], reverse=True)
    ]


def unlock(actor: Actor, name: str, address: str) -> int:
    """Forgets failures of the name, from the address, or of the pair if both are given. Raises Refused for nothing found."""
    require(actor, "people.manage", extra={"name": name, "address": address})
    if not name and not address:
        raise Refused(_("Say a name or an address."), "name", 400)
    if address:
        try:
            validate_ipv46_address(address)
        except ValidationError:
            raise Refused(_("This is not an address."), "address", 400) from None
    rows = AccessAttempt.objects.all()
    if name:
        rows = rows.filter(username=key(None, {"username": name}))
    if address:
        rows = rows.filter(ip_address=address)
    with transaction.atomic():
        count, _tables = rows.delete()
        if not count:
            raise Refused(_("Nothing is locked for this name and address (any more)."), "name")
        audit.record(actor, "login.unlocked", None, name=name or address, after={"name": name, "address": address})
    return count
