"""Sessions, locks and lost second factors over the API: the same verbs as on the pages."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Field, Router, Schema, Status
from ninja.pagination import LimitOffsetPagination, paginate

from xqplatform.accounts.http import actor_of
from xqplatform.accounts.models import User
from xqplatform.accounts.rights import require
from xqplatform.accounts.sessions import agents, verbs
from xqplatform.accounts.sessions.models import Session
from xqplatform.accounts.signin import lockout, services
from xqplatform.rest import ErrorOut

router = Router(tags=["sign-in"])
ERRORS = {code: ErrorOut for code in (400, 403, 404, 409)}


class SessionOut(Schema):
    key: str = Field(description="Names the session; it is nothing that a browser could send.")
    browser: str
    ip: str
    began: datetime | None
    seen: datetime | None

    @staticmethod
    def resolve_key(row: Session) -> str:
        return str(row.pk)

    @staticmethod
    def resolve_browser(row: Session) -> str:
        return agents.words(row.agent)


class CountOut(Schema):
    count: int = Field(description="How many there were.")


class LockOut(Schema):
    name: str = Field(description="Empty: whatever name is tried from this address.")
    address: str
    count: int = Field(description="Wrong attempts.")
    wait: float = Field(description="Seconds until the next one is heard.")


class UnlockIn(Schema):
    model_config = {"extra": "forbid"}
    name: str = Field("", max_length=150)
    address: str = Field("", max_length=45, description="With a name: of this pair; alone: of whatever name.")


def _self(request: HttpRequest) -> User:
    user = actor_of(request).user
    assert user is not None  # whoever comes over the API is somebody
    return user


@router.get("/sessions", response={200: list[SessionOut], **ERRORS}, summary="Where you are signed in")
@paginate(LimitOffsetPagination)
def sessions(request: HttpRequest) -> Any:
    return verbs.seen_by(actor_of(request), _self(request))


@router.post("/sessions/end", response={200: CountOut, **ERRORS}, summary="End all your sessions but this one")
def end_sessions(request: HttpRequest) -> Any:
    return {"count": verbs.end_all(actor_of(request), _self(request), keep=verbs.key_of(request))}


@router.delete("/sessions/{key}", response={204: None, **ERRORS}, summary="End a session of yours, or of a person's")
def end_session(request: HttpRequest, key: str) -> Any:
    rows = Session.objects.select_related("user").exclude(user=None)
    verbs.end(actor_of(request), get_object_or_404(rows, pk=key))
    return Status(204, None)


@router.get(
    "/people/{username}/sessions", response={200: list[SessionOut], **ERRORS}, summary="Where somebody is signed in"
)
@paginate(LimitOffsetPagination)
def sessions_of(request: HttpRequest, username: str) -> Any:
    return verbs.seen_by(actor_of(request), get_object_or_404(User, username=username))


@router.post("/people/{username}/sessions/end", response={200: CountOut, **ERRORS}, summary="End somebody's sessions")
def end_sessions_of(request: HttpRequest, username: str) -> Any:
    user = get_object_or_404(User, username=username)
    return {"count": verbs.end_all(actor_of(request), user, keep=verbs.key_of(request))}


@router.post(
    "/people/{username}/factors/reset", response={200: CountOut, **ERRORS}, summary="Take somebody's second factors"
)
def reset_factors(request: HttpRequest, username: str) -> Any:
    return {"count": services.reset_factors(actor_of(request), get_object_or_404(User, username=username))}


@router.get("/sign-in/locks", response={200: list[LockOut], **ERRORS}, summary="Who is locked out now")
@paginate(LimitOffsetPagination)
def locks(request: HttpRequest) -> Any:
    require(actor_of(request), "people.manage")
    return lockout.locked()


@router.post("/sign-in/unlock", response={200: CountOut, **ERRORS}, summary="Let a name, or an address, try again")
def unlock(request: HttpRequest, body: UnlockIn) -> Any:
    return {"count": lockout.unlock(actor_of(request), body.name, body.address)}
