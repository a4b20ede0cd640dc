"""Saved views of the log over the API: one's own, and those that are shared with all who read it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Field, Router, Schema, Status

from xqplatform.accounts.http import actor_of
from xqplatform.audit import services
from xqplatform.audit.models import SavedView

router = Router(tags=["audit"])


class ViewOut(Schema):
    id: int
    name: str
    query: str = Field(description="The address of the log's page from the question mark on: q=who:dan&range=24h")
    shared: bool
    owner: str
    created: datetime

    @staticmethod
    def resolve_owner(view: SavedView) -> str:
        return view.owner.get_username()


class ViewIn(Schema):
    model_config = {"extra": "forbid"}
    name: Annotated[str, Field(max_length=60)]
    query: Annotated[str, Field(max_length=services.MOST_QUERY)] = ""
    shared: bool = Field(False, description="for all who may read the whole log")


class ViewChange(Schema):
    model_config = {"extra": "forbid"}
    name: Annotated[str, Field(max_length=60)]
    shared: bool = False


@router.get("/audit/views", response=list[ViewOut], summary="Saved views")
def views(request: HttpRequest) -> QuerySet[SavedView]:
    return services.views_of(actor_of(request))


@router.post("/audit/views", response={201: ViewOut}, summary="Keep a search")
def create(request: HttpRequest, data: ViewIn) -> Status[SavedView]:
    return Status(201, services.save_view(actor_of(request), data.name, data.query, shared=data.shared))


def _view(request: HttpRequest, pk: int) -> SavedView:
    return get_object_or_404(services.views_of(actor_of(request)), pk=min(pk, 2**62))


@router.put("/audit/views/{int:pk}", response=ViewOut, summary="Rename a view, or share it")
def change(request: HttpRequest, pk: int, data: ViewChange) -> SavedView:
    return services.change_view(actor_of(request), _view(request, pk), name=data.name, shared=data.shared)


@router.delete("/audit/views/{int:pk}", response={204: None}, summary="Remove a view")
def remove(request: HttpRequest, pk: int) -> Status[None]:
    services.remove_view(actor_of(request), _view(request, pk))
    return Status(204, None)
