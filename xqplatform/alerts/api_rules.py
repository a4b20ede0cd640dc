"""Rules over the API: all that the pages can do, with when a rule would have fired before it is saved."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Field, Router, Schema, Status

from xqplatform.accounts.http import actor_of
from xqplatform.accounts.rights import require
from xqplatform.alerts import describe, lookback, sources
from xqplatform.alerts.models import Channel, Rule
from xqplatform.alerts.services import rules as verbs
from xqplatform.errors import Refused

router = Router(tags=["alerts"])
MOST_SPANS = 500
Seconds = Annotated[int, Field(ge=0, le=31 * 86400)]
Condition = Literal["above", "below", "rise", "limit", "absent", "state"]


class RuleOut(Schema):
    id: int
    name: str
    builtin: bool = Field(description="It came with the platform: it can be changed and switched off, not removed.")
    kind: str
    metric: str
    source: str
    condition: str
    threshold: float
    clear: float | None = None
    hold: int
    clear_hold: int
    silence_resolves: bool
    severity: str
    service: str
    environment: str
    group: str
    enabled: bool
    channels: list[str]
    text: str
    problem: str
    words: str

    @staticmethod
    def resolve_builtin(rule: Rule) -> bool:
        return bool(rule.builtin)

    @staticmethod
    def resolve_channels(rule: Rule) -> list[str]:
        return [channel.name for channel in rule.channels.all()]

    @staticmethod
    def resolve_words(rule: Rule) -> str:
        return describe.condition(rule)


class RuleFields(Schema):
    """What may be given; with a change only what is given changes."""

    model_config = {"extra": "forbid"}
    kind: Literal["instance", "host", "place", "platform"] = "instance"
    metric: str = Field("", max_length=80, description="A metric, or …")
    source: str = Field("", max_length=60, description="… a state, as GET /alert-sources names them.")
    condition: Condition = Field("above", description="limit: above this part of its limit, in percent.")
    threshold: float = Field(0, description="In the metric's own unit.")
    clear: float | None = Field(None, description="Good again at; null: at the threshold.")
    hold: Seconds = Field(0, description="Seconds that it must be so.")
    clear_hold: Seconds = Field(0, description="Seconds that it must be good again.")
    silence_resolves: bool = Field(False, description="Ends without data.")
    severity: Literal["critical", "warning"] = "warning"
    service: str = Field("", max_length=60)
    environment: str = Field("", max_length=60)
    group: str = Field("", max_length=60)
    enabled: bool = True
    text: str = Field("", max_length=10_000, description="What to do, for whoever is told.")
    channels: list[str] = Field([], max_length=100, description="Names; none: those that are for every rule.")


class RuleIn(RuleFields):
    name: str = Field(min_length=1, max_length=120)


class RuleChange(RuleFields):
    name: str = Field("", max_length=120)


class LookIn(RuleFields):
    name: str = Field("", max_length=120)


class SpanOut(Schema):
    start: datetime
    end: datetime | None = Field(None, description="null: it would fire now.")


class LookRow(Schema):
    subject: str
    name: str
    device: str
    spans: list[SpanOut]


class LookOut(Schema):
    """When it would have fired. `known` false: nobody keeps when this state held, so nothing can be told."""

    known: bool
    words: str
    start: datetime
    end: datetime
    subjects: int
    looked: int
    silent: int = Field(description="Of those looked at, without any data.")
    complete: bool = Field(description="Whether those not looked at cannot have fired.")
    count: int
    items: list[LookRow] = Field(description="Those with the longest time first, 500 times at most.")


class SourceOut(Schema):
    name: str
    title: str
    kind: str
    unit: str = Field(description="Empty: it holds or does not.")
    past: bool = Field(description="Whether is kept when it held.")


@router.get("/alert-sources", response=list[SourceOut], summary="States that rules may be made of")
def all_sources(request: HttpRequest) -> Any:
    return [
        {"name": one.name, "title": str(one.title), "kind": one.kind, "unit": one.unit, "past": one.history is not None}
        for one in sources.SOURCES.values()
    ]


@router.get("/alert-rules", response=list[RuleOut], summary="Rules")
def rules(request: HttpRequest) -> Any:
    return Rule.objects.prefetch_related("channels")


@router.get("/alert-rules/{int:pk}", response=RuleOut, summary="One rule")
def rule(request: HttpRequest, pk: int) -> Any:
    return _rule(pk)


@router.post("/alert-rules", response={201: RuleOut}, summary="Make a rule; it holds from the next evaluation on")
def create(request: HttpRequest, data: RuleIn) -> Any:
    values = data.dict()
    channels = _channels(values.pop("channels"))
    return Status(201, verbs.save_rule(actor_of(request), None, values, channels))


@router.patch("/alert-rules/{int:pk}", response=RuleOut, summary="Change what is given")
def change(request: HttpRequest, pk: int, data: RuleChange) -> Any:
    row = _rule(pk)
    values = data.dict(exclude_unset=True)
    require(actor_of(request), verbs.RIGHT, obj=row)
    channels = _channels(values.pop("channels")) if "channels" in values else None
    _one_of_both(values)
    return verbs.save_rule(actor_of(request), row, values, channels)


@router.delete("/alert-rules/{int:pk}", response={204: None}, summary="Remove a rule; the history of its alerts stays")
def remove(request: HttpRequest, pk: int) -> Any:
    verbs.remove_rule(actor_of(request), _rule(pk))
    return Status(204, None)


@router.post("/alert-rules/preview", response=LookOut, summary="When such a rule would have fired in the last week")
def preview(request: HttpRequest, data: LookIn) -> Any:
    require(actor_of(request), verbs.RIGHT)
    values = data.dict(exclude={"channels"})
    return _looked(verbs.built(Rule(), {**values, "name": values["name"] or "?"}))


@router.get("/alert-rules/{int:pk}/preview", response=LookOut, summary="When this rule would have fired")
def preview_of(request: HttpRequest, pk: int) -> Any:
    return _looked(_rule(pk))


def _rule(pk: int) -> Rule:
    return get_object_or_404(Rule.objects.prefetch_related("channels"), pk=pk)


def _one_of_both(values: dict[str, Any]) -> None:
    """A rule is of a metric or of a state: whoever gives one of them takes the other away."""
    for name, other in (("metric", "source"), ("source", "metric")):
        if values.get(name):
            values.setdefault(other, "")


def _channels(names: list[str]) -> list[Channel]:
    found = {row.name: row for row in Channel.objects.shared().filter(name__in=names)}
    missing = sorted(set(names) - set(found))
    if missing:
        raise Refused(_("There is no channel «%(name)s».") % {"name": missing[0]}, "channels", 400)
    return [*found.values()]


def _looked(row: Rule) -> dict[str, Any]:
    found, items, left = lookback.look_back(row), [], MOST_SPANS
    for one in found.rows:
        spans = [
            {"start": _moment(s.start), "end": None if s.end is None else _moment(s.end)} for s in one.spans[:left]
        ]
        left -= len(spans)
        if not spans:
            break
        items.append({"subject": one.about.subject, "name": one.about.name, "device": one.device, "spans": spans})
    return {
        "known": found.kept, "words": describe.condition(row), "start": _moment(found.start), "end": _moment(found.end),
        "subjects": found.total, "looked": found.looked, "silent": found.silent, "complete": found.complete,
        "count": found.count, "items": items,
    }  # fmt: skip


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
