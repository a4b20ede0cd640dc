"""A service's releases behind its scores, each with what it counts as and why; and how its places stand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Prefetch
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from containers.capacity import score_rows, scoring
from containers.capacity.availability import Span
from containers.capacity.models import HealthDay
from containers.capacity.objectives import Standing, standing
from containers.capacity.score_weeks import bounds
from containers.capacity.scorecard import Asked, Place, places_of, weeks_of
from containers.capacity.scoring import Cause, Tally, Verdict
from containers.models import Deployment, Service, ServiceEnvironment
from containers.place_lines import Line
from xqplatform.accounts.actor import Actor

DAYS = 90  # that are drawn


def _is(state: str) -> Callable[[Verdict], bool]:
    return lambda one: one.is_change and one.release.state == state


# What a number of the scorecard counts: exactly these releases.
COUNTED: dict[str, tuple[Any, Callable[[Verdict], bool]]] = {
    "succeeded": (gettext_lazy("succeeded"), _is("succeeded")),
    "failed": (gettext_lazy("failed"), _is("failed")),
    "rolled_back": (gettext_lazy("rolled back"), _is("rolled_back")),
    "failure": (gettext_lazy("change failures"), lambda one: one.counts_as == "failure"),
    "open": (gettext_lazy("not restored"), lambda one: one.open),
    "lead": (gettext_lazy("with a lead time"), lambda one: one.lead is not None and one.is_change),
    "restored": (gettext_lazy("restored"), lambda one: one.restore is not None),
    "reverted": (gettext_lazy("rolled back, or followed by a way back"), lambda one: _is("rolled_back")(one) or Cause.BACK in one.causes),
    "way_back": (gettext_lazy("ways back"), lambda one: one.counts_as == "way_back"),
    "cancelled": (gettext_lazy("cancelled"), lambda one: one.counts_as == "cancelled"),
}  # fmt: skip


def counted(verdicts: Sequence[Verdict], counts: str, week: date | None) -> list[Verdict]:
    """Those that a number counts, of a week or of all."""
    _title, holds = COUNTED.get(counts, ("", lambda _one: True))
    return [one for one in verdicts if holds(one) and (week is None or scoring.week_of(one.release.end) == week)]


@dataclass(frozen=True)
class Reason:
    """Why it counts as a failure, and where that is to be seen."""

    words: str
    url: str = ""


@dataclass(frozen=True)
class Row:
    deployment: Deployment
    verdict: Verdict
    reasons: Sequence[Reason]


@dataclass(frozen=True)
class PlaceHealth:
    place: ServiceEnvironment
    standing: Standing | None
    days: Sequence[tuple[date, Span]]


@dataclass(frozen=True)
class Detail:
    weeks: list[tuple[date, Tally]]  # the newest first
    whole: Tally
    verdicts: list[Verdict]  # the newest first
    places: list[Place]


def read(actor: Actor, service: Service, what: Asked, now: datetime | None = None) -> Detail:
    """Judged anew from the rows: it knows what ended a moment ago."""
    places = [one for one in places_of(actor, what) if one.service == service.slug]
    weeks = weeks_of(what.weeks, now)
    found = score_rows.verdicts(bounds(weeks[0])[0], [one.pk for one in places])
    verdicts = [one for rows in found.values() for one in rows]
    by_week = scoring.by_week(verdicts)
    whole = Tally()
    for tally in by_week.values():
        whole.merge(tally)
    verdicts.sort(key=lambda one: (one.release.end, one.release.number), reverse=True)
    return Detail([(week, by_week.get(week, Tally())) for week in reversed(weeks)], whole, verdicts, places)


def rows(verdicts: Sequence[Verdict]) -> list[Row]:
    """Of a page of them."""
    related = Deployment.objects.select_related("place__service", "place__environment", "image")
    found = related.in_bulk([one.release.number for one in verdicts])
    return [Row(found[one.release.number], one, reasons(one)) for one in verdicts if one.release.number in found]


def reasons(verdict: Verdict) -> list[Reason]:
    found = []
    for cause in verdict.causes:
        number = verdict.by[cause]
        match cause:
            case Cause.FAILED:
                found.append(Reason(_("failed")))
            case Cause.ROLLED_BACK:
                found.append(Reason(_("rolled back")))
            case Cause.BACK:
                found.append(Reason(_("#%(n)d brought the former image back") % {"n": number}, f"/releases/{number}/"))
            case Cause.ALARM:
                found.append(Reason(_("a critical alert fired"), f"/alerts/{number}/"))
    return found


def health(places: Sequence[Place], today: date) -> list[PlaceHealth]:
    pks = [one.pk for one in places]
    stands = standing(pks, today)
    recent = HealthDay.objects.filter(day__gt=today - timedelta(days=DAYS)).order_by("day")
    related = ServiceEnvironment.objects.filter(pk__in=pks).select_related("service", "environment")
    found: list[PlaceHealth] = []
    for place in related.prefetch_related(Prefetch("health_days", recent)).order_by("environment__position"):
        days = [(row.day, Span(row.good, row.bad, row.unknown)) for row in place.health_days.all()]
        found.append(PlaceHealth(place, stands.get(place.pk), days))
    return found


def line(place: ServiceEnvironment) -> Line | None:
    """How the place stands, for one line on its own page; None where nothing is known and nothing promised."""
    found = standing([place.pk]).get(place.pk)
    if found is None or (found.objective is None and not found.span.known):
        return None
    return "capacity/_place_line.html", {"standing": found, "objective": found.objective}
