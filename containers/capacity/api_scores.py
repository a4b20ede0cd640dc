"""REST API of the scorecard and of objectives."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Router, Schema

from containers.capacity import objectives, score_detail, scorecard
from containers.capacity.availability import Span
from containers.capacity.scorecard import Score
from containers.capacity.scoring import Tally, Verdict
from containers.models import Service, ServiceEnvironment
from containers.views.access import get_place
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.visibility import get_visible

router = Router(tags=["capacity"])


class AvailabilityOut(Schema):
    good: float = Field(description="Seconds in which enough instances were healthy.")
    bad: float
    unknown: float = Field(description="Seconds in which nothing was measured; no part of the share.")
    share: float | None


class TallyOut(Schema):
    """Rates and times are null where there is no data. Times are seconds."""

    succeeded: int
    failed: int
    rolled_back: int
    cancelled: int
    ways_back: int
    changes: int
    change_failures: int
    not_restored: int
    lead_time_median: float | None
    lead_time_p90: float | None
    change_failure_rate: float | None
    time_to_restore_median: float | None
    success_rate: float | None
    rollback_rate: float | None


class WeekOut(Schema):
    changes: int
    change_failures: int


class ScoreOut(Schema):
    name: str
    team: str
    releases_a_week: float | None
    range: TallyOut
    before: TallyOut = Field(description="As many weeks before.")
    weeks: list[WeekOut] = Field(description="The oldest first.")
    availability: AvailabilityOut


class ScorecardOut(Schema):
    first: date
    last: date
    counted: datetime | None = Field(description="When the week under way was counted.")
    whole: ScoreOut
    teams: list[ScoreOut]
    services: list[ScoreOut]


class JudgedOut(Schema):
    release: int
    state: str
    ended: datetime
    counts_as: str = Field(description="good, failure, way_back or cancelled")
    causes: list[str] = Field(description="failed, rolled_back, back, alarm")
    lead_time: float | None
    restored_after: float | None


class ServiceScoreOut(Schema):
    range: TallyOut
    releases: list[JudgedOut] = Field(description="The newest first, 500 at most.")


class ObjectiveIn(Schema):
    target: str = Field(max_length=12, description="Per cent: 99.9")
    least: int = Field(1, description="Healthy instances at least.")


class BudgetOut(Schema):
    left: float = Field(description="The share of the budget of 30 days that is left; below 0 when more was used.")
    seconds: float
    burn: float | None = Field(description="How many times as fast as it lasts it was used on the last day with data.")


class ObjectiveOut(Schema):
    target: str | None
    least: int
    availability: AvailabilityOut = Field(description="Of the last 30 days.")
    budget: BudgetOut | None


def _tally(found: Tally) -> dict[str, Any]:
    return {
        "succeeded": found.succeeded,
        "failed": found.failed,
        "rolled_back": found.rolled_back,
        "cancelled": found.cancelled,
        "ways_back": found.backs,
        "changes": found.changes,
        "change_failures": found.bad,
        "not_restored": found.open,
        "lead_time_median": found.lead_median,
        "lead_time_p90": found.lead_p90,
        "change_failure_rate": found.failure_rate,
        "time_to_restore_median": found.restore_median,
        "success_rate": found.success_rate,
        "rollback_rate": found.rollback_rate,
    }


def _span(found: Span) -> dict[str, Any]:
    return {"good": found.good, "bad": found.bad, "unknown": found.unknown, "share": found.share}


def _score(one: Score) -> dict[str, Any]:
    return {
        "name": one.key,
        "team": one.team,
        "releases_a_week": one.frequency,
        "range": _tally(one.tally),
        "before": _tally(one.before),
        "weeks": [{"changes": changes, "change_failures": bad} for changes, bad in one.bars],
        "availability": _span(one.span),
    }


@router.get("/capacity/scorecard", response=ScorecardOut, summary="The scorecard by team and service")
def show_scorecard(
    request: HttpRequest, environment: str = "", weeks: str = "", team: str = "", q: str = ""
) -> dict[str, Any]:
    """Of production, unless an environment is named; 4, 13, 26 or 52 ISO weeks by UTC, with the one under way."""
    what = scorecard.asked({"environment": environment, "weeks": weeks, "team": team, "q": q})
    card = scorecard.read(actor_of(request), what)
    return {
        "first": card.first,
        "last": card.last,
        "counted": card.counted,
        "whole": _score(card.whole),
        "teams": [_score(one) for one in card.teams],
        "services": [_score(one) for one in card.services],
    }


@router.get("/capacity/scorecard/{slug}", response=ServiceScoreOut, summary="The releases behind a service's scores")
def show_service_score(request: HttpRequest, slug: str, environment: str = "", weeks: str = "") -> dict[str, Any]:
    actor = actor_of(request)
    service = get_visible(actor, Service, slug=slug)
    detail = score_detail.read(actor, service, scorecard.asked({"environment": environment, "weeks": weeks}))
    return {"range": _tally(detail.whole), "releases": [_judged(one) for one in detail.verdicts[:500]]}


def _judged(one: Verdict) -> dict[str, Any]:
    return {
        "release": one.release.number,
        "state": one.release.state,
        "ended": datetime.fromtimestamp(one.release.end, UTC),
        "counts_as": one.counts_as,
        "causes": [str(cause) for cause in one.causes],
        "lead_time": one.lead,
        "restored_after": one.restore,
    }


def _objective(place: ServiceEnvironment) -> dict[str, Any]:
    found = objectives.standing([place.pk], timezone.now().astimezone(UTC).date()).get(place.pk)
    objective, budget = (found.objective, found.budget) if found else (None, None)
    return {
        "target": objective.shown if objective else None,
        "least": objective.least if objective else 1,
        "availability": _span(found.span if found else Span()),
        "budget": {"left": budget.left, "seconds": budget.seconds, "burn": budget.burn} if budget else None,
    }


@router.get("/services/{slug}/{environment}/objective", response=ObjectiveOut, summary="How available a place is")
def show_objective(request: HttpRequest, slug: str, environment: str) -> dict[str, Any]:
    return _objective(get_place(actor_of(request), slug, environment))


@router.put("/services/{slug}/{environment}/objective", response=ObjectiveOut, summary="Set how available it shall be")
def save_objective(request: HttpRequest, slug: str, environment: str, data: ObjectiveIn) -> dict[str, Any]:
    place = get_place(actor_of(request), slug, environment)
    objectives.save(actor_of(request), place, data.dict())
    return _objective(place)


@router.delete("/services/{slug}/{environment}/objective", response=ObjectiveOut, summary="Take the objective away")
def remove_objective(request: HttpRequest, slug: str, environment: str) -> dict[str, Any]:
    place = get_place(actor_of(request), slug, environment)
    objectives.remove(actor_of(request), place)
    return _objective(place)
