"""The scorecard: weeks that are counted, added up by team and by service, beside the stretch before."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from containers.capacity import asking, health_weeks, objectives, scoring
from containers.capacity.availability import Span
from containers.capacity.models import ScoreWeek
from containers.capacity.objectives import Standing
from containers.capacity.score_weeks import WEEK, monday
from containers.capacity.scoring import Tally
from containers.models import ServiceEnvironment
from xqplatform.accounts.actor import Actor

RANGES: dict[str, Any] = {
    "4": gettext_lazy("4 weeks"),
    "13": gettext_lazy("13 weeks"),
    "26": gettext_lazy("26 weeks"),
    "52": gettext_lazy("52 weeks"),
}
USUAL = 13


@dataclass(frozen=True, kw_only=True)
class Asked(asking.Places):
    """`environment`: empty for all production environments. `weeks`: with the one under way."""

    weeks: int = USUAL


def asked(data: Mapping[str, Any]) -> Asked:
    """Raises Refused with the field."""
    found = asking.given(data, "weeks", RANGES, _("Weeks are 4, 13, 26 or 52."))
    weeks = int(found.pop("weeks") or USUAL)
    return Asked(weeks=weeks, **found)


@dataclass
class Score:
    """Of a team or a service. `changes` and `failures`: by week."""

    key: str
    title: str
    count: int
    tally: Tally = field(default_factory=Tally)
    before: Tally = field(default_factory=Tally)
    changes: list[int] = field(default_factory=list)
    failures: list[int] = field(default_factory=list)
    span: Span = field(default_factory=Span)
    span_before: Span = field(default_factory=Span)
    team: str = ""
    standing: Standing | None = None  # a service's: of its place with the least budget left
    promised: int = 0  # objectives
    kept: int = 0  # of them: with some error budget left, or nothing known yet

    def __post_init__(self) -> None:
        self.changes, self.failures = [0] * self.count, [0] * self.count

    @property
    def bars(self) -> list[tuple[int, int]]:
        """Changes and failed ones by week."""
        return list(zip(self.changes, self.failures, strict=True))

    @property
    def empty(self) -> bool:
        return self.tally.empty and self.before.empty and not self.span.known and not self.promised

    @property
    def frequency(self) -> float | None:
        """Successful releases a week."""
        return self.tally.succeeded / self.count if not self.tally.empty else None

    @property
    def frequency_before(self) -> float | None:
        return self.before.succeeded / self.count if not self.before.empty else None

    def merge(self, other: Score) -> None:
        """Without what is of health."""
        self.tally.merge(other.tally)
        self.before.merge(other.before)
        self.changes = list(map(operator.add, self.changes, other.changes))
        self.failures = list(map(operator.add, self.failures, other.failures))


@dataclass(frozen=True)
class Place:
    pk: int
    service: str
    environment: str
    team: str
    team_title: str


@dataclass
class Card:
    weeks: Sequence[date]  # their Mondays
    whole: Score
    teams: list[Score]
    services: list[Score]
    places: list[Place]
    counted: datetime | None  # the open week; None: it was not yet

    @property
    def first(self) -> date:
        return self.weeks[0]

    @property
    def last(self) -> date:
        return self.weeks[-1] + timedelta(days=6)


def rows_of(actor: Actor, what: Asked) -> QuerySet[ServiceEnvironment]:
    rows = what.rows(actor)
    return rows if what.environment else rows.filter(environment__production=True)


def places_of(actor: Actor, what: Asked) -> list[Place]:
    fields = ("pk", "service__slug", "environment__slug", "service__team__slug", "service__team__title")
    return [
        Place(pk, service, environment, team or "", title or team or "")
        for pk, service, environment, team, title in rows_of(actor, what)
        .order_by("service__slug", "pk")
        .values_list(*fields)
    ]


def weeks_of(count: int, now: datetime | None = None) -> list[date]:
    last = monday((now or timezone.now()).astimezone(UTC).date())
    return [last - n * WEEK for n in reversed(range(count))]


def read(actor: Actor, what: Asked, now: datetime | None = None) -> Card:
    weeks = weeks_of(what.weeks, now)
    places = places_of(actor, what)
    whole = Score("", "", what.weeks)
    teams = {p.team: Score(p.team, p.team_title, what.weeks) for p in places}
    services = {p.service: Score(p.service, p.service, what.weeks, team=p.team_title) for p in places}
    of = {p.pk: services[p.service] for p in places}
    within = {pk: one.tally for pk, one in of.items()}
    before = {pk: one.before for pk, one in of.items()}
    counted = None
    rows = ScoreWeek.objects.filter(week__gte=weeks[0] - what.weeks * WEEK, week__lte=weeks[-1])
    for week, tallies, when in rows.values_list("week", "tallies", "counted"):
        n = (week - weeks[0]).days // 7
        counted = when if week == weeks[-1] else counted
        scoring.add_packed(tallies, before if n < 0 else within)
        for place, changes, bad in scoring.changes_packed(tallies) if n >= 0 else ():
            if place in of:
                of[place].changes[n] += changes
                of[place].failures[n] += bad
    for service, team in {p.service: p.team for p in places}.items():
        teams[team].merge(services[service])
        whole.merge(services[service])
    scores = {p.pk: (services[p.service], teams[p.team], whole) for p in places}
    _add_health(rows_of(actor, what), scores, weeks)
    shown = [score for score in services.values() if not score.empty]
    return Card(
        weeks=weeks,
        whole=whole,
        teams=sorted((score for score in teams.values() if not score.empty), key=lambda one: (not one.key, one.key)),
        services=sorted(shown, key=lambda one: one.key),
        places=places,
        counted=counted,
    )


def _add_health(
    rows: QuerySet[ServiceEnvironment], scores: Mapping[int, tuple[Score, Score, Score]], weeks: Sequence[date]
) -> None:
    """To those of each place's service, its team and the whole."""
    pks = rows.order_by()  # which is asked with each question: their keys may be thousands
    length = len(weeks) * WEEK
    now = health_weeks.spans(pks, weeks[0], weeks[-1] + timedelta(days=6))
    before = health_weeks.spans(pks, weeks[0] - length, weeks[0] - timedelta(days=1))
    standing = objectives.standing(pks, only_with_objective=True)
    for pk, of in scores.items():
        for score in of:
            score.span += now.get(pk, Span())
            score.span_before += before.get(pk, Span())
        if pk in standing:
            found = standing[pk]
            of[0].standing = worst(of[0].standing, found)
            for score in of:
                score.promised += 1
                score.kept += found.budget is None or found.budget.left >= 0


def worst(one: Standing | None, other: Standing) -> Standing:
    """The one with the least budget left; what is unknown is better than what is known."""

    def left(of: Standing) -> float:
        return of.budget.left if of.budget is not None else 2.0

    return other if one is None or left(other) < left(one) else one


SORTS = {
    "name": lambda one: one.key,
    "releases": lambda one: one.tally.succeeded,
    "lead": lambda one: one.tally.lead_median,
    "failures": lambda one: one.tally.failure_rate,
    "restore": lambda one: one.tally.restore_median,
    "availability": lambda one: one.span.share,
    "budget": lambda one: one.standing.budget.left if one.standing and one.standing.budget else None,
}


def ordered(scores: Sequence[Score], sort: str) -> list[Score]:
    """What has no number comes last, whichever way."""
    key = SORTS.get(sort.removeprefix("-"))
    if key is None:
        return list(scores)
    known = [one for one in scores if key(one) is not None]
    known.sort(key=key, reverse=sort.startswith("-"))
    return [*known, *(one for one in scores if key(one) is None)]
