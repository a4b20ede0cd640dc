"""Weeks of health say what their days say, whichever of them are added up already."""

from __future__ import annotations

import importlib
import random
from datetime import date, timedelta

import pytest
from django.apps import apps
from django.utils import timezone

from containers.capacity import health_weeks, objectives, scoring
from containers.capacity.availability import Span
from containers.capacity.models import HealthDay, HealthWeek, Objective, ScoreWeek
from containers.capacity.scoring import Tally
from tests import factories

pytestmark = pytest.mark.django_db
TODAY = date(2026, 11, 27)  # a Friday


def by_days(place: int, first: date, last: date) -> Span:
    rows = HealthDay.objects.filter(place=place, day__gte=first, day__lte=last)
    return sum((Span(row.good, row.bad, row.unknown) for row in rows), Span())


def test_weeks_say_what_their_days_say() -> None:
    dice = random.Random(3)
    places = [factories.make_place(factories.make_service(slug)).pk for slug in ("snow", "ice")]
    days = [TODAY - timedelta(days=n) for n in range(70)]
    HealthDay.objects.bulk_create(
        HealthDay(day=day, place_id=place, good=dice.randrange(80_000), bad=dice.randrange(900), unknown=5, least=1, until=86_400)
        for place in places for day in days if not date(2026, 10, 12) <= day <= date(2026, 10, 25)
    )  # fmt: skip
    written = health_weeks.fill(TODAY)
    assert written[0] == date(2026, 9, 14)
    assert written[-1] == date(2026, 11, 2)  # the next one ended twelve days ago: its days may still be counted
    assert date(2026, 10, 12) not in written  # nothing was measured
    assert health_weeks.fill(TODAY) == []
    for _n in range(40):
        first, last = sorted(dice.sample(days, 2))
        found = health_weeks.spans(places, first, last)
        assert all(found.get(place, Span()) == by_days(place, first, last) for place in places)
    HealthWeek.objects.filter(week=date(2026, 10, 5)).delete()
    assert health_weeks.spans(places, days[-1], TODAY)[places[0]] == by_days(places[0], days[-1], TODAY)
    assert health_weeks.fill(TODAY) == [date(2026, 10, 5)]


def test_a_budget_burns_by_the_newest_day_with_data() -> None:
    place = factories.make_place()
    Objective.objects.create(place=place, target="99", author_name="sara")
    today = timezone.now().date()
    for back, good, bad, unknown in ((0, 0, 0, 600), (3, 86_400 - 864, 864, 0), (4, 86_400, 0, 0)):
        HealthDay.objects.create(
            day=today - timedelta(days=back), place=place, good=good, bad=bad, unknown=unknown, least=1, until=86_400
        )
    budget = objectives.standing([place.pk], today)[place.pk].budget
    assert budget is not None
    assert budget.burn == pytest.approx(1.0)
    assert budget.left == pytest.approx(1 - 1 / 30)


def test_weeks_that_were_kept_by_place_are_read_on() -> None:
    old = {"7": [2, 1, 0, 0, 0, 0, 1, 1, [60, 120], []], "12": [0, 0, 1, 0, 0, 0, 1, 0, [], [600]]}
    ScoreWeek.objects.create(week=date(2026, 11, 16), tallies=old, counted=timezone.now())
    importlib.import_module("containers.capacity.migrations.0005_weeks_and_sizes").columns(apps, None)
    found = {7: Tally(), 12: Tally()}
    kept = ScoreWeek.objects.get().tallies
    scoring.add_packed(kept, found)
    assert kept == scoring.packed(found)
    assert (found[7].succeeded, found[7].failed, found[7].open, found[7].leads) == (2, 1, 1, [60, 120])
    assert (found[12].rolled_back, found[12].restores) == (1, [600])
    assert list(scoring.changes_packed(kept)) == [(7, 3, 1), (12, 1, 1)]
