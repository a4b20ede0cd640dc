"""Sessions begin, are looked at with each request, and end: by time, by their person, or by who manages people."""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.contrib import auth
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import User
from xqplatform.accounts.rights import require
from xqplatform.accounts.sessions import agents
from xqplatform.accounts.sessions.limits import Limits, over, to_note
from xqplatform.accounts.sessions.models import Session
from xqplatform.accounts.sessions.store import FACTS, digest

# What a page asks for by itself is no use of it (static/xq.js, and the live streams).
BY_ITSELF = "X-XQ-Live"


def limits() -> Limits:
    return Limits(settings.SESSION_IDLE, settings.SESSION_TOTAL)


def begin(sender: Any, request: HttpRequest, user: User, **_more: Any) -> None:
    """Signal «user_logged_in»: whoever signed in has just shown who they are."""
    now = time.time()
    request.session[FACTS] = {"began": now, "seen": now, "proof": now, **_from(request)}


def _from(request: HttpRequest) -> dict[str, str]:
    agent = request.META.get("HTTP_USER_AGENT", "").replace("\0", "")
    return {"ip": request.META.get("REMOTE_ADDR") or "", "agent": agent[:200]}


def look(request: HttpRequest) -> None:
    """Signs out who was away for too long or is here for too long, and notes the use once a minute."""
    if not request.user.is_authenticated:
        return
    if request.user.service_account:  # however it came in: it is no person
        auth.logout(request)
        return
    now, facts = time.time(), request.session.get(FACTS)
    if not isinstance(facts, dict):
        begin(None, request, request.user)  # type: ignore[arg-type]
        return
    if why := over(facts, limits(), now):
        audit.record(Actor.of_request(request), "session.expire", request.user, after={"by": why})
        auth.logout(request)
        return
    if to_note(facts, now) and BY_ITSELF not in request.headers and not request.path.startswith("/live/"):
        request.session[FACTS] = {**facts, "seen": now, **_from(request)}


def of(user: User) -> QuerySet[Session]:
    """Those that have not ended, the last used first."""
    return Session.objects.filter(user=user, expire_date__gt=timezone.now()).order_by("-seen", "pk")


def seen_by(actor: Actor, user: User) -> QuerySet[Session]:
    """As `of`, to the person, or to who manages people. Raises Denied."""
    _may(actor, user)
    return of(user)


def key_of(request: HttpRequest) -> str:
    """The row's key of this request's own session; empty for a token's."""
    return digest(request.session.session_key) if request.session.session_key else ""


def end(actor: Actor, session: Session) -> None:
    """One's own, or another's by who manages people. What is open by it ends within moments. Raises Denied."""
    _may(actor, session.user)
    with transaction.atomic():
        if Session.objects.filter(pk=session.pk).delete()[0]:
            after = {"ip": session.ip, "browser": agents.words(session.agent)}
            audit.record(actor, "session.end", session.user, after={k: v for k, v in after.items() if v})


def end_all(actor: Actor, user: User, keep: str = "") -> int:
    """All of a person's but the one with the row's key `keep`; how many. Raises Denied."""
    _may(actor, user)
    with transaction.atomic():
        count = drop(user, keep)
        if count:
            audit.record(actor, "session.end", user, after={"sessions": count})
    return count


def drop(user: User, keep: str = "") -> int:
    """Without an event of its own: part of a verb that has one."""
    return Session.objects.filter(user=user).exclude(pk=keep).delete()[0]


def _may(actor: Actor, user: User | None) -> None:
    own = actor.user is not None and user is not None and actor.user.pk == user.pk
    require(actor, "session.manage" if own else "people.manage", obj=user)
