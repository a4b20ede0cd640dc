"""Roles, grants, questions about them, and requests for more, over the API."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router, Schema, Status

from xqplatform.accounts.catalogue import CATALOGUE
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.models import AccessRequest, Grant, OwnRole, Team, User
from xqplatform.accounts.places import environments, services
from xqplatform.accounts.rights import can, require, somewhere
from xqplatform.accounts.roles import foureyes, grants, own
from xqplatform.accounts.roles.builtin import BUILTIN
from xqplatform.accounts.roles.holding import held_by
from xqplatform.accounts.roles.who import holders
from xqplatform.accounts.roles.words import Why, Words, grants_told
from xqplatform.errors import Refused
from xqplatform.rest import ErrorOut

router = Router(tags=["access"])
ERRORS = {code: ErrorOut for code in (400, 403, 404, 409)}
# 202: nothing is changed yet, a second person has to approve it; the reason names the request.
WAITING = {202: ErrorOut, **ERRORS}


class RoleOut(Schema):
    slug: str
    title: str
    text: str
    built_in: bool
    rights: list[str]


class RoleIn(Schema):
    title: str = Field(max_length=80)
    text: str = Field("", max_length=300)
    rights: list[str] = Field(max_length=200)


class NewRoleIn(RoleIn):
    slug: str = Field(max_length=40)


class GrantOut(Schema):
    id: int
    person: str
    group: str
    role: str
    team: str
    service: str
    environment: str
    until: datetime | None
    reason: str


class GrantIn(Schema):
    person: str = Field("", max_length=150, description="Who has the role: a person …")
    group: str = Field("", max_length=60, description="… or everybody in a team.")
    role: str = Field(max_length=40)
    team: str = Field("", max_length=60, description="On what this team owns; empty: whatever team.")
    service: str = Field("", max_length=50)
    environment: str = Field("", max_length=40)
    until: datetime | None = None
    reason: str = Field("", max_length=300)


class WhyOut(Schema):
    role: str
    where: str
    chain: str
    grant: int | None


class HolderOut(Schema):
    person: str
    why: list[WhyOut]


class HeldOut(WhyOut):
    rights: list[str]


class RequestOut(Schema):
    id: int
    about: str
    state: str
    asked_name: str
    reason: str
    created: datetime
    expires: datetime
    gains: list[dict[str, str]] = Field(alias="diff")
    decided_name: str
    comment: str


class DecisionIn(Schema):
    comment: str = Field("", max_length=300)


class WhoQuery(Schema):
    right: str = Field(max_length=40)
    service: str = Field("", max_length=50)
    environment: str = Field("", max_length=40)


def _role(row: OwnRole) -> dict[str, Any]:
    return {"slug": row.slug, "title": row.title, "text": row.text, "built_in": False, "rights": sorted(row.rights)}


def _grant(row: Grant) -> dict[str, Any]:
    names = {"person": row.user.username if row.user else "", "group": row.group.slug if row.group else ""}
    fields = ("role", "service", "environment", "until", "reason")
    return names | {"id": row.pk, "team": row.team.slug if row.team else ""} | {f: getattr(row, f) for f in fields}


def _why(one: Why) -> dict[str, Any]:
    return {"role": one.role, "where": one.where, "chain": one.chain, "grant": one.grant}


@router.get("/roles", response=list[RoleOut], summary="Roles and their rights")
def list_roles(request: HttpRequest) -> list[dict[str, Any]]:
    built = [
        {"slug": r.slug, "title": str(r.title), "text": str(r.text), "built_in": True, "rights": sorted(r.rights)}
        for r in BUILTIN.values()
    ]
    return built + [_role(row) for row in OwnRole.objects.all()]


@router.post("/roles", response={201: RoleOut, **ERRORS}, summary="Make a role")
def make_role(request: HttpRequest, body: NewRoleIn) -> Any:
    return Status(201, _role(own.make(actor_of(request), body.slug, body.title, body.text, body.rights)))


@router.put("/roles/{slug}", response={200: RoleOut, **WAITING}, summary="Change an own role")
def change_role(request: HttpRequest, slug: str, body: RoleIn) -> Any:
    row = _own(request, slug)
    return _role(own.change(actor_of(request), row, body.title, body.text, body.rights))


@router.delete("/roles/{slug}", response={204: None, **ERRORS}, summary="Remove an own role that nobody has")
def remove_role(request: HttpRequest, slug: str) -> Any:
    own.remove(actor_of(request), _own(request, slug))
    return Status(204, None)


def _own(request: HttpRequest, slug: str) -> OwnRole:
    if slug in BUILTIN:
        require(actor_of(request), own.RIGHT)
        raise Refused("This role comes with the platform and stays as it is.")
    return get_object_or_404(OwnRole, slug=slug)


@router.get(
    "/grants",
    response=list[GrantOut],
    summary="Who was given which role, where: all for who manages them, else one's own",
)
def list_grants(request: HttpRequest) -> list[dict[str, Any]]:
    rows, actor = Grant.objects.select_related("user", "group", "team"), actor_of(request)
    if not somewhere(actor, grants.RIGHT) and not can(actor, "audit.read"):
        rows = rows.filter(user=actor.user)
    return [_grant(row) for row in grants_told(actor, rows)[:5000]]


@router.post("/grants", response={201: GrantOut, **WAITING}, summary="Give a role to a person or a team")
def give(request: HttpRequest, body: GrantIn) -> Any:
    actor = actor_of(request)
    if not somewhere(actor, grants.RIGHT):
        require(actor, grants.RIGHT)
    user = _named(User, "username", body.person, "person")
    group, team = _named(Team, "slug", body.group, "group"), _named(Team, "slug", body.team, "team")
    for field, known in (("service", services(actor)), ("environment", dict(environments()))):
        if (name := getattr(body, field)) and name not in known:
            raise Refused(f"There is no {field} of this name.", field, 400)
    row = grants.give(
        actor, body.role, user=user, group=group, team=team, service=body.service, environment=body.environment,
        until=body.until, reason=body.reason,
    )  # fmt: skip
    return Status(201, _grant(row))


def _named(model: Any, key: str, name: str, field: str) -> Any:
    """The row of this name; None for no name. Raises Refused when there is none."""
    if not name:
        return None
    row = model.objects.filter(**{key: name.replace("\0", "")}).first()
    if row is None:
        raise Refused("There is nothing of this name.", field, 400)
    return row


@router.delete("/grants/{int:number}", response={204: None, **ERRORS}, summary="Take a role away")
def take(request: HttpRequest, number: int) -> Any:
    grants.take(actor_of(request), get_object_or_404(Grant.objects.select_related("user", "group", "team"), pk=number))
    return Status(204, None)


@router.get("/access/who", response={200: list[HolderOut], **ERRORS}, summary="Who can do this there, and why?")
def who(request: HttpRequest, query: Query[WhoQuery]) -> Any:
    if query.right not in CATALOGUE:
        raise Refused("There is no such right.", "right", 400)
    actor, service = actor_of(request), query.service or None
    words, known = Words(actor), services(actor)
    if service is not None and service not in known:
        raise Refused("There is no service of this name.", "service", 400)
    found = holders(
        query.right,
        team_id=known[service] if service else None,
        environment=query.environment or None,
        service=service,
    )
    told = [one for one in found if not one.why or words.told(one.why)]
    return [{"person": one.user.username, "why": [_why(why) for why in words.all(one.why)]} for one in told]


@router.get("/access/people/{username}", response={200: list[HeldOut], **ERRORS}, summary="What can this person do?")
def what(request: HttpRequest, username: str) -> Any:
    words = Words(actor_of(request))
    held = words.told(held_by(get_object_or_404(User, username=username)))
    return [_why(words.why(one)) | {"rights": sorted(one.rights)} for one in held]


@router.get("/access/requests", response=list[RequestOut], summary="Requests for more rights in production")
def list_requests(request: HttpRequest) -> Any:
    rows, actor = AccessRequest.objects.all(), actor_of(request)
    if not can(actor, foureyes.APPROVE) and not can(actor, "audit.read"):
        rows = rows.filter(asked_by=actor.user)
    return rows[:200]


@router.post("/access/requests/{int:number}/approve", response={200: RequestOut, **ERRORS}, summary="Approve it")
def approve(request: HttpRequest, number: int, body: DecisionIn) -> Any:
    return foureyes.approve(actor_of(request), get_object_or_404(AccessRequest, pk=number), body.comment)


@router.post("/access/requests/{int:number}/decline", response={200: RequestOut, **ERRORS}, summary="Decline it")
def decline(request: HttpRequest, number: int, body: DecisionIn) -> Any:
    return foureyes.decline(actor_of(request), get_object_or_404(AccessRequest, pk=number), body.comment)
