"""When a rule of a state would have fired last week: from the rows that tell when it held."""

from __future__ import annotations

import itertools
import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from containers.models import InstanceEvent
from tests import factories
from tests.alerts.conftest import World, state_rule
from xqplatform import metrics
from xqplatform.alerts import lookback
from xqplatform.alerts.judge import Span
from xqplatform.alerts.lookback_states import fired
from xqplatform.alerts.models import Rule
from xqplatform.alerts.sources import Was
from xqplatform.metrics import Sample

HOUR = 3600.0


def was(start: float, end: float | None) -> Was:
    return Was("host:1", start, end)


def test_it_fires_after_its_time_and_ends_when_it_is_good_for_long_enough() -> None:
    assert fired([was(100, 200)], 30, 20, 0, 1000) == [Span(130, 220, 1.0)]
    assert fired([was(100, 120)], 30, 20, 0, 1000) == [], "not long enough"
    assert fired([was(900, None)], 30, 20, 0, 1000) == [Span(930, None, 1.0)]
    assert fired([was(990, None)], 30, 20, 0, 1000) == [], "not yet"


def test_who_is_bad_again_before_it_was_good_for_long_enough_never_ended() -> None:
    assert fired([was(100, 200), was(210, 300)], 30, 20, 0, 1000) == [Span(130, 320, 1.0)]


def test_what_lies_before_the_span_is_cut() -> None:
    assert fired([was(100, 600)], 0, 0, 500, 1000) == [Span(500, 600, 1.0)]
    assert fired([was(100, 400)], 0, 0, 500, 1000) == []


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(1, 100))), st.integers(0, 50), st.integers(0, 50))
def test_spans_are_in_order_and_apart(held: list[tuple[int, int]], hold: int, clear_hold: int) -> None:
    spans = fired([was(at, at + length) for at, length in held], hold, clear_hold, 0, 2000)
    assert all(one.end is not None and one.start <= one.end for one in spans)
    assert all(one.end < after.start for one, after in itertools.pairwise(spans) if one.end is not None)


@pytest.fixture
def instance(world: World, team: Any) -> Any:
    place = factories.make_running_place("snow", "production", 1, team)
    return place.instances.get()


def test_kills_and_restarts(instance: Any) -> None:
    at = timezone.now() - timedelta(days=2)
    row = {"instance": instance, "time": at, "last": at + timedelta(minutes=5)}
    InstanceEvent.objects.create(kind="oom", **row)
    InstanceEvent.objects.create(kind="restart", count=2, **row)
    found = lookback.look_back(state_rule("instance.oom"))
    assert (found.kept, found.of_states, found.count, found.longest) == (True, True, 1, 15 * 60)
    assert lookback.look_back(state_rule("instance.restarting")).count == 0, "twice is not again and again"
    InstanceEvent.objects.filter(kind="restart").update(count=3)
    assert lookback.look_back(Rule.objects.get(source="instance.restarting")).count == 1


def test_a_failed_release_until_the_next_one(instance: Any) -> None:
    now = timezone.now()
    for hours, state in ((50, "failed"), (48, "succeeded"), (3, "failed")):
        factories.make_deployment(instance.place, state=state, finished=now - timedelta(hours=hours))
    found = lookback.look_back(state_rule("place.release", "place"))
    assert [round(((one.end or time.time()) - one.start) / HOUR) for one in found.rows[0].spans] == [2, 3]
    assert found.rows[0].spans[-1].end is None


def test_unhealthy_from_the_series_of_health(instance: Any, settings: Any) -> None:
    end = round(time.time() / 10) * 10.0
    subject = f"instance:{instance.pk}"
    metrics.write([Sample(subject, end - 1200 + n * 10, {"health": float(not 30 <= n < 60)}) for n in range(110)])
    found = lookback.look_back(state_rule("instance.unhealthy", hold=60), end)
    assert found.count == 1
    assert found.longest == pytest.approx(240, abs=90)


def test_not_all_is_said_when_time_is_short(instance: Any) -> None:
    found = lookback.look_back(state_rule("instance.oom"), budget=-1.0)
    assert (found.complete, found.looked, found.total) == (False, 0, 1)
