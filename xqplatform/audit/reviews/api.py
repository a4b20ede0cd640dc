"""Reviews over the API."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Field, Query, Router, Schema, Status

from xqplatform.accounts.http import actor_of
from xqplatform.accounts.rights import require
from xqplatform.audit.reviews import feeding, services
from xqplatform.audit.reviews.models import ReviewRule

router = Router(tags=["reviews"])
Key = Annotated[int, Field(ge=1, lt=2**63)]


class ReviewOut(Schema):
    id: int
    event: int
    time: datetime
    actor: str
    action: str
    denied: bool
    object_type: str
    object_id: str
    object_name: str
    environment: str
    reason: str
    rules: list[str]
    reviewed: datetime | None = None
    reviewed_name: str
    comment: str


class ReviewQuery(Schema):
    state: Literal["open", "done"] = "open"
    after: Annotated[int, Field(ge=0, lt=2**63)] = 0
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class MarkIn(Schema):
    reviews: Annotated[list[Key], Field(max_length=services.MOST)]
    comment: str = Field("", max_length=services.LONGEST)


class ReviewCommentIn(Schema):
    comment: str = Field("", max_length=services.LONGEST)


class ReviewRuleIn(Schema):
    name: str = Field(max_length=200)
    actions: list[str] = Field(max_length=100)
    environment: str = Field("", max_length=100)
    production: bool = False
    denied: str = Field("", max_length=10)


class ReviewRuleOut(Schema):
    id: int
    slug: str
    name: str
    enabled: bool
    actions: list[str]
    environment: str
    production: bool
    denied: str


class SwitchIn(Schema):
    enabled: bool


@router.get(
    "/audit-reviews", response=list[ReviewOut], summary="Events to review, by their key; the open ones unless asked"
)
def reviews(request: HttpRequest, query: Query[ReviewQuery]) -> Any:
    require(actor_of(request), "audit.read")
    rows = services.seen_by(actor_of(request)).filter(reviewed__isnull=query.state == "open", pk__gt=query.after)
    return rows.order_by("pk")[: query.limit]


@router.post("/audit-reviews/mark", response=list[ReviewOut], summary="Marks events as reviewed, all or none")
def mark(request: HttpRequest, data: MarkIn) -> Any:
    return services.review(actor_of(request), data.reviews, data.comment)


@router.post("/audit-reviews/{int:pk}/reopen", response=ReviewOut, summary="Somebody has to look at it once more")
def reopen(request: HttpRequest, pk: int, data: ReviewCommentIn) -> Any:
    return services.reopen(
        actor_of(request), get_object_or_404(services.seen_by(actor_of(request)), pk=pk), data.comment
    )


@router.get("/audit-review-rules", response=list[ReviewRuleOut], summary="Which events are taken into the queue")
def rules(request: HttpRequest) -> Any:
    require(actor_of(request), "audit.read")
    feeding.ensure_built_in()
    return ReviewRule.objects.all()


@router.post("/audit-review-rules", response={201: ReviewRuleOut}, summary="One more rule")
def add_rule(request: HttpRequest, data: ReviewRuleIn) -> Any:
    return Status(201, services.add_rule(actor_of(request), data.dict()))


@router.put("/audit-review-rules/{int:pk}", response=ReviewRuleOut, summary="Switches a rule on or off")
def switch_rule(request: HttpRequest, pk: int, data: SwitchIn) -> Any:
    return services.switch_rule(actor_of(request), get_object_or_404(ReviewRule, pk=pk), data.enabled)


@router.delete("/audit-review-rules/{int:pk}", response={204: None}, summary="Takes an own rule away")
def remove_rule(request: HttpRequest, pk: int) -> Any:
    services.remove_rule(actor_of(request), get_object_or_404(ReviewRule, pk=pk))
    return Status(204, None)
