"""Channels and deliveries over the API. An address or a secret goes in and never comes out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router, Schema, Status

from xqplatform.accounts.http import actor_of
from xqplatform.accounts.visibility import get_visible, visible
from xqplatform.alerts.models import Channel, Delivery
from xqplatform.alerts.services import channels as verbs

router = Router(tags=["alerts"])


class ChannelOut(Schema):
    id: int
    name: str
    kind: str
    service: str = Field(description="What its address is of: DingTalk, Email, Webhook.")
    default: bool = Field(description="For every rule that names no channel.")
    least: str = Field(description="From this severity on.")
    enabled: bool
    hears_closed: bool = Field(description="Also of services of closed teams.")
    signed: bool = Field(description="Whether it has a signing secret.")
    ok: bool | None = Field(None, description="How its last delivery went; null: there was none.")
    ok_since: datetime | None = None
    problem: str

    @staticmethod
    def resolve_signed(row: Channel) -> bool:
        return bool(row.secret)


class ChannelFields(Schema):
    model_config = {"extra": "forbid"}
    kind: Literal["apprise", "webhook"] = "apprise"
    url: str = Field("", max_length=2000, description="Kept encrypted, never shown again. With a change, empty: stays.")
    secret: str = Field("", max_length=200, description="Signs what a webhook is sent. With a change, empty: stays.")
    default: bool = True
    least: Literal["critical", "warning"] = "warning"
    enabled: bool = True
    hears_closed: bool = Field(False, description="Also of closed teams: set by who sees what all teams own.")


class ChannelIn(ChannelFields):
    name: str = Field(min_length=1, max_length=80)


class ChannelChange(ChannelFields):
    name: str = Field("", max_length=80)


class DeliveryOut(Schema):
    id: int
    channel: str
    kind: str
    title: str
    state: str
    attempts: int
    words: str = Field(description="What the other side said last.")
    created: datetime
    due: datetime
    ended: datetime | None = None

    @staticmethod
    def resolve_channel(row: Delivery) -> str:
        return row.channel.name

    @staticmethod
    def resolve_kind(row: Delivery) -> str:
        return row.notification.kind

    @staticmethod
    def resolve_title(row: Delivery) -> str:
        return row.notification.title

    @staticmethod
    def resolve_attempts(row: Delivery) -> int:
        return len(row.attempts)


class DeliveryQuery(Schema):
    channel: str = Field("", max_length=80)
    state: Literal["", "waiting", "sending", "sent", "failed"] = ""
    before: Annotated[int, Field(ge=1, lt=2**63)] | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 200


@router.get("/alert-channels", response=list[ChannelOut], summary="Channels")
def channels(request: HttpRequest) -> Any:
    return Channel.objects.shared()


@router.get("/alert-channels/{int:pk}", response=ChannelOut, summary="One channel")
def channel(request: HttpRequest, pk: int) -> Any:
    return get_object_or_404(Channel.objects.shared(), pk=pk)


@router.post("/alert-channels", response={201: ChannelOut}, summary="Make a channel")
def create(request: HttpRequest, data: ChannelIn) -> Any:
    return Status(201, verbs.save_channel(actor_of(request), None, data.dict()))


@router.patch("/alert-channels/{int:pk}", response=ChannelOut, summary="Change what is given")
def change(request: HttpRequest, pk: int, data: ChannelChange) -> Any:
    return verbs.save_channel(
        actor_of(request), get_object_or_404(Channel.objects.shared(), pk=pk), data.dict(exclude_unset=True)
    )


@router.delete("/alert-channels/{int:pk}", response={204: None}, summary="Remove a channel, with its deliveries")
def remove(request: HttpRequest, pk: int) -> Any:
    verbs.remove_channel(actor_of(request), get_object_or_404(Channel.objects.shared(), pk=pk))
    return Status(204, None)


@router.post(
    "/alert-channels/{int:pk}/test", response={202: DeliveryOut}, summary="Send a message; follow its delivery"
)
def test(request: HttpRequest, pk: int) -> Any:
    return Status(202, verbs.test_channel(actor_of(request), get_object_or_404(Channel.objects.shared(), pk=pk)))


test.__test__ = False  # type: ignore[attr-defined]  # not one of pytest's


@router.get("/alert-deliveries", response=list[DeliveryOut], summary="What was sent, or is on its way, newest first")
def deliveries(request: HttpRequest, query: Query[DeliveryQuery]) -> Any:
    given = {"channel__name": query.channel, "state": query.state, "pk__lt": query.before}
    rows = visible(actor_of(request), Delivery).filter(
        channel__owner=None, **{name: value for name, value in given.items() if value}
    )
    return rows.select_related("channel", "notification").order_by("-pk")[: query.limit]


@router.get("/alert-deliveries/{int:pk}", response=DeliveryOut, summary="One delivery")
def delivery(request: HttpRequest, pk: int) -> Any:
    return get_visible(
        actor_of(request), Delivery.objects.filter(channel__owner=None).select_related("channel", "notification"), pk=pk
    )


@router.post(
    "/alert-deliveries/{int:pk}/retry", response=DeliveryOut, summary="Send one now that waits or was given up"
)
def retry(request: HttpRequest, pk: int) -> Any:
    return verbs.retry_delivery(
        actor_of(request),
        get_visible(actor_of(request), Delivery.objects.filter(channel__owner=None).select_related("channel"), pk=pk),
    )
