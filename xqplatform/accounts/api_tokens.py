"""Tokens over the API: one's own, and those of service accounts. The secret is in the answer that makes one, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Field, Query, Router, Schema, Status

from xqplatform.accounts import tokens
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.models import Team, Token, User
from xqplatform.errors import Refused
from xqplatform.rest import ErrorOut

router = Router(tags=["tokens"])
ERRORS = {code: ErrorOut for code in (400, 403, 404, 409)}
Name = Annotated[str, Field(max_length=60)]


class TokenOut(Schema):
    id: int
    person: str
    label: str
    prefix: str = Field(description="The first characters, which tell tokens apart.")
    state: str = Field(description="enabled, unending, expired, revoked or deactivated.")
    rights: list[str] | None = Field(description="null: all that its person has.")
    team: str | None = Field(description="null: all teams; empty: one that is no more.")
    services: list[str] = Field(description="Empty: all.")
    environments: list[str] = Field(description="Empty: all.")
    created: datetime
    created_by: str
    expires: datetime | None
    last_used: datetime | None
    last_ip: str


class MadeOut(TokenOut):
    token: str = Field(description="The token itself. It is not shown again.")


class TokenIn(Schema):
    model_config = {"extra": "forbid"}
    label: str = Field(max_length=120, description="What it is for.")
    person: str = Field("", max_length=150, description="A service account that you manage; empty: yourself.")
    days: int = Field(tokens.DAYS, ge=0, le=tokens.MOST_DAYS, description="0: without end, of service accounts only.")
    rights: list[Name] | None = Field(None, max_length=200, description="null: all that its person has at that moment.")
    team: str = Field("", max_length=60, description="Only for what this team owns.")
    services: list[Name] = Field([], max_length=100)
    environments: list[Name] = Field([], max_length=100)


class TokensQuery(Schema):
    person: str = Field("", max_length=150, description="A service account that you manage; empty: yourself.")


def _person(request: HttpRequest, name: str) -> User:
    """Whose tokens are meant. Raises Refused for nobody's."""
    user = User.objects.filter(username=name).first() if name else actor_of(request).user
    if user is None:
        raise Refused(_("There is no such person or service account."), "person", 400)
    return user


def _told(token: Token, teams: Mapping[int, Team]) -> dict[str, Any]:
    team = teams.get(token.team_id) if token.team_id is not None else None
    fields = ("label", "prefix", "rights", "services", "environments", "created", "expires", "last_used", "last_ip")
    return {name: getattr(token, name) for name in fields} | {
        "id": token.pk,
        "person": token.user.username,
        "state": token.shown_state,
        "team": None if token.team_id is None else team.slug if team else "",
        "created_by": token.created_name,
    }


def _teams(rows: Iterable[Token]) -> dict[int, Team]:
    return Team.objects.in_bulk({row.team_id for row in rows if row.team_id is not None})


@router.get("/tokens", response={200: list[TokenOut], **ERRORS}, summary="Your tokens, or a service account's")
def list_tokens(request: HttpRequest, query: Query[TokensQuery]) -> Any:
    rows = list(tokens.of(actor_of(request), _person(request, query.person))[:1000])
    teams = _teams(rows)
    return [_told(row, teams) for row in rows]


@router.post(
    "/tokens", response={201: MadeOut, **ERRORS}, summary="Make a token; one made by a token may no more than it"
)
def make_token(request: HttpRequest, body: TokenIn) -> Any:
    values = body.dict(exclude={"person", "label"})
    row, raw = tokens.create_token(actor_of(request), _person(request, body.person), body.label, **values)
    return Status(201, _told(row, _teams([row])) | {"token": raw})


@router.delete("/tokens/{int:number}", response={204: None, **ERRORS}, summary="Revoke a token")
def revoke_token(request: HttpRequest, number: int) -> Any:
    tokens.revoke_token(actor_of(request), get_object_or_404(Token.objects.select_related("user"), pk=number))
    return Status(204, None)
