"""What is kept for right-sizing says what the days say; where it does not, the days are asked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from containers.capacity import sized, sizes
from containers.capacity.models import Day, PlaceDay, SizedDays
from containers.capacity.rightsizing import RANGES, Mark, Wish
from containers.config import Config
from tests import factories
from tests.capacity.size_data import GIB, make_days
from xqplatform.accounts.actor import Actor

pytestmark = pytest.mark.django_db


def found(**wish: Any) -> dict[str, sizes.Size]:
    return {one.service: one for one in sizes.of_actor(Actor.system(), Wish(**wish))}


def changed(place: Any, **limits: Any) -> None:
    place.config = factories.make_config(place, Config(**limits).to_json())
    place.save()


@pytest.fixture
def places(team: Any) -> dict[str, Any]:
    made = {}
    for slug, fields in {
        "wide": {}, "cut": {"cpu_one_p99": 3.9, "throttled": 0.2}, "killed": {"oom_kills": 1}, "idle": {"cpu_one_p99": 0.001},
    }.items():  # fmt: skip
        made[slug] = factories.make_running_place(slug, "production", 4, team=team)
        changed(made[slug])
        make_days(made[slug], 40, **fields)
    return made


def test_what_is_kept_is_what_the_days_say(places: dict[str, Any], django_assert_max_num_queries: Any) -> None:
    for days in RANGES:
        before = found(days=days)
        assert not SizedDays.objects.filter(days=days).exists()
        sized.refresh()
        with django_assert_max_num_queries(8) as asked:
            assert found(days=days) == before
        assert _reads_days(asked) == 0
        SizedDays.objects.all().delete()
    sized.refresh()
    assert sized.refresh() == []  # done twice it changes nothing


def test_other_limits_are_judged_by_the_days_again(places: dict[str, Any]) -> None:
    sized.refresh()
    changed(places["cut"], cpus=8)
    assert Mark.THROTTLED not in found()["cut"].advice.marks  # what 4 cores cut off tells nothing of 8
    assert found()["killed"].advice.mark == Mark.OOM
    late = factories.make_running_place("late", "production", 1)
    assert found()[late.service.slug].advice.mark == Mark.SHORT


def test_a_day_that_comes_later_is_not_overlooked(places: dict[str, Any]) -> None:
    sized.refresh()
    late = timezone.now().date() - timedelta(days=3)
    PlaceDay.objects.filter(place=places["wide"], day=late).update(memory_one_max=7 * GIB)
    assert found()["wide"].past.peak != 7 * GIB  # rows of finished days do not change
    Day.objects.create(day=late, made=timezone.now())
    assert found()["wide"].past.peak == 7 * GIB
    assert sized.refresh() == list(RANGES)
    assert found()["wide"].past.peak == 7 * GIB


def _reads_days(asked: CaptureQueriesContext) -> int:
    return sum("placeday" in one["sql"] for one in asked.captured_queries)
