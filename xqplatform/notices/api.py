"""One's own inbox and wishes over the API, and who else is told. An address goes in and never comes out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Field, Query, Router, Schema, Status

from xqplatform.accounts.http import actor_of
from xqplatform.accounts.models import Team
from xqplatform.accounts.visibility import get_visible, visible
from xqplatform.alerts.api_channels import DeliveryOut
from xqplatform.alerts.models import Channel
from xqplatform.errors import Refused
from xqplatform.notices import gathering, sources
from xqplatform.notices.kinds import Kind
from xqplatform.notices.models import Entry, Subscription
from xqplatform.notices.services import inbox as inbox_verbs
from xqplatform.notices.services import own, preferences
from xqplatform.notices.services import subscriptions as verbs

router = Router(tags=["notices"])
Key = Annotated[int, Field(ge=1, lt=2**63)]
Scope = Literal["none", "mine", "team", "all"]


class EntryOut(Schema):
    id: int
    kind: str = Field(description="begun, approval, approved, withdrawn, held, succeeded, failed, rolled_back, …")
    title: str
    lines: list[str]
    url: str
    service: str
    environment: str
    relation: str = Field(description="mine, team or all: how you stand to it.")
    time: datetime
    read: datetime | None = None


class InboxQuery(Schema):
    unread: bool = False
    kind: str = Field("", max_length=14)
    before: Key | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class ReadIn(Schema):
    model_config = {"extra": "forbid"}
    id: Key | None = Field(None, description="null: all of them")
    read: bool = True


class Changed(Schema):
    changed: int


class WishesOut(Schema):
    inbox: dict[str, str]
    own: dict[str, str] = Field(description="Over your own channel.")


class WishesIn(Schema):
    model_config = {"extra": "forbid"}
    inbox: dict[str, Scope] = {}
    own: dict[str, Scope] = {}


class OwnOut(Schema):
    kind: str
    service: str
    ok: bool | None = None
    problem: str


class OwnIn(Schema):
    model_config = {"extra": "forbid"}
    kind: Literal["mail", "apprise"]
    address: str = Field(max_length=2000, description="Kept encrypted, never shown again.")


class SubscriptionOut(Schema):
    id: int
    channel: str | None = None
    team: str | None = None
    service: str
    environment: str
    kinds: list[str]
    created: datetime

    @staticmethod
    def resolve_channel(row: Subscription) -> str | None:
        return row.channel.name if row.channel is not None else None

    @staticmethod
    def resolve_team(row: Subscription) -> str | None:
        return row.team.slug if row.team is not None else None


class SubscriptionIn(Schema):
    model_config = {"extra": "forbid"}
    channel: str = Field("", max_length=80, description="The name of a channel; or a team:")
    team: str = Field("", max_length=60)
    service: str = Field("", max_length=120, description="Empty: all.")
    environment: str = Field("", max_length=60, description="Empty: all.")
    kinds: list[Kind] = Field(max_length=len(Kind))


@router.get("/inbox", response=list[EntryOut], summary="Your inbox, newest first")
def inbox(request: HttpRequest, query: Query[InboxQuery]) -> Any:
    given = {"notice__kind": query.kind, "pk__lt": query.before, "read__isnull": query.unread}
    rows = inbox_verbs.of(actor_of(request)).filter(**{name: value for name, value in given.items() if value})
    return [_entry(row) for row in rows.select_related("notice").order_by("-pk")[: query.limit]]


def _entry(row: Entry) -> dict[str, Any]:
    told = gathering.as_json(row.notice, sources.words(row.notice))
    return {**told, "id": row.pk, "relation": row.relation, "read": row.read}


@router.post("/inbox/read", response=Changed, summary="Mark one message, or all, as read or unread")
def read(request: HttpRequest, data: ReadIn) -> Any:
    if data.id is not None:
        get_object_or_404(inbox_verbs.of(actor_of(request)), pk=data.id)
    return {"changed": inbox_verbs.mark(actor_of(request), data.id, read=data.read)}


@router.get("/inbox/preferences", response=WishesOut, summary="What you want to hear of")
def wishes(request: HttpRequest) -> Any:
    return preferences.of(preferences.person(actor_of(request)))


@router.put("/inbox/preferences", response=WishesOut, summary="Change what is given, kind by kind")
def change_wishes(request: HttpRequest, data: WishesIn) -> Any:
    return preferences.save(actor_of(request), data.inbox, data.own)


@router.get("/inbox/channel", response=OwnOut, summary="Your own channel")
def own_channel(request: HttpRequest) -> Any:
    return get_object_or_404(Channel, owner=preferences.person(actor_of(request)))


@router.put("/inbox/channel", response=OwnOut, summary="Make your own channel, or replace it")
def set_own_channel(request: HttpRequest, data: OwnIn) -> Any:
    return own.set_own(actor_of(request), data.kind, data.address)


@router.delete("/inbox/channel", response={204: None}, summary="Remove your own channel")
def remove_own_channel(request: HttpRequest) -> Any:
    own.remove_own(actor_of(request))
    return Status(204, None)


@router.post("/inbox/channel/test", response={202: DeliveryOut}, summary="Send a message to yourself")
def test_own_channel(request: HttpRequest) -> Any:
    return Status(202, own.test_own(actor_of(request)))


test_own_channel.__test__ = False  # type: ignore[attr-defined]  # not one of pytest's


@router.get("/notice-subscriptions", response=list[SubscriptionOut], summary="Which channels and teams hear of what")
def subscriptions(request: HttpRequest) -> Any:
    return visible(actor_of(request), Subscription).select_related("channel", "team")


@router.post("/notice-subscriptions", response={201: SubscriptionOut}, summary="Have a channel or a team hear of kinds")
def subscribe(request: HttpRequest, data: SubscriptionIn) -> Any:
    verbs.require_right(actor_of(request), data.service, data.environment)
    channel = Channel.objects.shared().filter(name=data.channel).first() if data.channel else None
    team = Team.objects.filter(slug=data.team).first() if data.team else None
    if (data.channel and channel is None) or (data.team and team is None):
        raise Refused(_("There is no such channel or team."), "channel" if data.channel else "team", 400)
    row = verbs.subscribe(
        actor_of(request),
        channel=channel,
        team=team,
        service=data.service,
        environment=data.environment,
        kinds=[kind.value for kind in data.kinds],
    )
    return Status(201, row)


@router.delete("/notice-subscriptions/{int:pk}", response={204: None}, summary="End a subscription")
def unsubscribe(request: HttpRequest, pk: int) -> Any:
    verbs.unsubscribe(actor_of(request), get_visible(actor_of(request), Subscription, pk=pk))
    return Status(204, None)
