"""The page of a place's elasticity."""

from __future__ import annotations

import html
import re
import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from containers.models import Calendar, ServiceEnvironment
from containers.scaling import lines, services, trial
from containers.scaling.evaluate import run
from containers.scaling.forms import initial_of
from containers.scaling.models import ScalingDecision, ScalingPolicy
from containers.scaling.parsing import parse
from containers.scaling.shown import MOST_MARKS, marks_of
from tests.factories import make_running_place
from tests.scaling.test_evaluate import BY_CPU, measure
from xqplatform import metrics
from xqplatform.accounts.actor import Actor
from xqplatform.errors import Refused
from xqplatform.metrics import Sample
from xqplatform.metrics.ranges import Range

pytestmark = pytest.mark.django_db
URL = "/services/snow/production/scaling/"
TYPED = {
    "mode": "on", "least": "2", "most": "12", "metric_1": "cpu.percent", "target_1": "60", "market": "", "week": "",
    "zone": "Asia/Shanghai", "weeks": "4", "minutes": "15", "margin": "10", "tolerance": "10", "over": "60",
    "window": "300", "most_up": "300", "most_down": "50",
}  # fmt: skip


@pytest.fixture
def place(team: Any) -> ServiceEnvironment:
    return make_running_place(instances=2, team=team)


@pytest.fixture
def page(client: Client, sre: Any, place: ServiceEnvironment) -> Client:
    client.force_login(sre)
    return client


def text(response: Any) -> str:
    return b"".join(response.streaming_content if response.streaming else [response.content]).decode()


def test_a_policy_is_filled_in_saved_and_shown_again(page: Client) -> None:
    Calendar.objects.create(slug="sse", title="Shanghai", zone="Asia/Shanghai")
    assert "changed by people only" in text(page.get(URL))
    typed = TYPED | {"market": "sse open -20 12\r\nsse close +30 4", "week": "mon-wed,fri 08:30 5", "forecast": "on"}
    assert page.post(URL, typed).status_code == 302
    row = ScalingPolicy.objects.get()
    assert row.content["market"][0] == {"calendar": "sse", "anchor": "open", "minutes": -20, "instances": 12}
    assert row.content["week"] == [{"days": [0, 1, 2, 4], "at": "08:30", "instances": 5}]
    shown = text(page.get(URL))
    assert "sse open -20 12" in shown
    assert "mon-wed,fri 08:30 5" in shown
    assert page.post(URL, {"do": "remove"}).status_code == 302
    assert not ScalingPolicy.objects.exists()


def test_what_the_api_saved_the_page_saves_again(page: Client, place: ServiceEnvironment, actor_sre: Actor) -> None:
    loads = [{"metric": name, "target": 5.0} for name in ("cpu.percent", "app.requests.rate", "memory.percent")]
    services.save(actor_sre, place, BY_CPU | {"loads": loads, "forecast": {"metric": "app.requests.rate", "weeks": 6}})
    before = ScalingPolicy.objects.get()
    typed = {name: value for name, value in initial_of(before.content, 2).items() if value not in (None, False)}
    assert page.post(URL, typed).status_code == 302
    after = ScalingPolicy.objects.get()
    assert (after.version, after.content) == (before.version, before.content), "nothing was changed"
    assert "It is so already" in text(page.get(URL))
    assert page.post(URL, typed | {"most": "9"}).status_code == 302
    assert ScalingPolicy.objects.get().content == before.content | {"most": 9}


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        (BY_CPU | {"zone": "Middle/Earth"}, "There is no such time zone."),
        (BY_CPU | {"speed": 9}, "There is no setting «speed»."),
        (BY_CPU | {"least": 20}, "is below the least"),
        (
            {"loads": 5, "market": [7, {"calendar": "sse"}], "week": [{"days": "x"}], "forecast": 1, "most": "<b>"},
            "A number from 1 to 500.",
        ),
        ([1], "The policy must be an object."),
    ],
)
def test_what_cannot_be_read_is_shown_with_what_is_wrong_and_can_be_repaired(
    page: Client, place: ServiceEnvironment, stored: Any, words: str
) -> None:
    ScalingPolicy.objects.create(place=place, content=stored)
    run()
    response = page.get(URL)
    shown = text(response)
    assert response.status_code == 200
    assert shown.count(words) >= 2, "on top, and beside the field"
    assert "The stored policy cannot be read" in shown
    assert "<b>" not in shown.partition("<form")[2].partition('name="most"')[2][:200]
    told = page.get("/api/v1/services/snow/production/scaling").json()
    assert (told["policy"], told["stored"]) == (None, stored)
    assert words in told["unreadable"]
    assert page.post(URL, TYPED).status_code == 302
    assert "cannot be read" not in text(page.get(URL))


def test_marks_are_those_of_the_range_however_many_came_later(place: ServiceEnvironment) -> None:
    now = timezone.now()
    row = {"place": place, "before": 2, "asked": 3, "after": 3, "outcome": "begun", "reason": {"code": "up"}}
    ScalingDecision.objects.create(**row, time=now - timedelta(days=3))
    ScalingDecision.objects.bulk_create(ScalingDecision(**row, time=now) for _n in range(MOST_MARKS))
    days = [(now - timedelta(days=n)).timestamp() for n in (4, 2)]
    assert len(marks_of(place, Range(*days))) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"least": "9", "most": "3"}, "is below the least"),
        ({"least": "9" * 4300}, "less than or equal to 500"),
        ({"metric_1": "", "target_1": ""}, "by what it grows"),
        ({"metric_1": "<b>x</b>"}, "There is no metric"),
        ({"target_1": "nan"}, "Enter a number"),
        ({"market": "sse open"}, "not written as the example"),
        ({"market": "moon open -20 5"}, "There is no calendar"),
        ({"week": "fri-mon 08:30 5"}, "not written as the example"),
        ({"week": "mon 25:30 5"}, "A time is written so"),
        ({"zone": "a\x00b"}, "Null characters"),
    ],
)
def test_what_cannot_be_is_told_beside_the_field_and_stays_as_typed(
    page: Client, change: dict[str, str], words: str
) -> None:
    response = page.post(URL, TYPED | change)
    assert response.status_code == 400
    assert words in text(response)
    assert not ScalingPolicy.objects.exists()
    kept = next(iter(change.values()))
    assert not kept.isalnum() or len(kept) > 100 or f'value="{kept}"' in text(response)


def test_it_says_what_it_would_do_and_lists_its_decisions(
    page: Client, place: ServiceEnvironment, actor_sre: Actor
) -> None:
    services.save(actor_sre, place, BY_CPU | {"dry": True})
    measure(place, 90)
    run()
    shown = text(page.get(URL))
    assert "from 2 to 4 instances" in shown
    assert "dry run" in shown
    assert "the mean is 90, the target 50; 2 of 2 instances measured" in shown
    assert 'data-chart="instances"' in shown
    assert ScalingDecision.objects.count() == 1
    assert "No decision yet" not in text(page.get(f"{URL}?outcome=dry"))
    link = re.search(r'href="(/services/[^"]+)#charts">Chart<', shown)
    assert link is not None
    around = page.get(html.unescape(link[1]))
    assert around.status_code == 200
    assert "from 2 to 4 instances" in text(around).partition('id="decisions"')[0], "its mark is in the chart"
    assert page.get(f"{URL}?range=nonsense&page=9999999999").status_code == 400


def test_who_scales_by_hand_is_told_that_a_policy_does(
    page: Client, place: ServiceEnvironment, actor_sre: Actor
) -> None:
    assert "A policy scales this place" not in text(page.get("/services/snow/production/scale/"))
    services.save(actor_sre, place, BY_CPU)
    assert "A policy scales this place" in text(page.get("/services/snow/production/scale/"))
    services.save(actor_sre, place, BY_CPU | {"dry": True})
    assert "A policy scales this place" not in text(page.get("/services/snow/production/scale/"))


def test_the_page_is_quick_with_many_decisions(
    page: Client, place: ServiceEnvironment, actor_sre: Actor, django_assert_max_num_queries: Any
) -> None:
    services.save(actor_sre, place, BY_CPU)
    row = {"place": place, "before": 2, "asked": 3, "after": 3, "outcome": "begun", "reason": {"code": "up"}}
    ScalingDecision.objects.bulk_create(ScalingDecision(**row) for _n in range(2000))
    text(page.get(URL))
    began = time.monotonic()
    with django_assert_max_num_queries(45):
        text(page.get(URL))
    assert time.monotonic() - began < 5


@given(st.sets(st.integers(0, 6), min_size=1), st.integers(0, 23), st.integers(1, 500))
def test_lines_are_read_as_they_are_written(days: set[int], hour: int, number: int) -> None:
    points = [{"days": sorted(days), "at": f"{hour:02}:00", "instances": number}]
    assert lines.week_of(lines.week_text(points)) == points
    market = [{"calendar": "sse", "anchor": "open", "minutes": -hour, "instances": number}]
    assert lines.market_of(lines.market_text(market)) == market


@given(st.text(max_size=60))
def test_any_other_line_is_refused_in_words(typed: str) -> None:
    for read in (lines.week_of, lines.market_of):
        try:
            found = read(typed)
        except Refused as refused:
            assert refused.code == 400  # noqa: PT017
        else:
            assert len(found) <= len(typed.splitlines())


def test_a_policy_is_tried_on_the_last_week_before_it_is_saved(
    page: Client, place: ServiceEnvironment, actor_sre: Actor
) -> None:
    assert "nothing to try it on" in text(page.post(URL, TYPED | {"do": "try"}))
    ServiceEnvironment.objects.get(pk=place.pk).instances.update(created=timezone.now() - timedelta(days=8))
    now = time.time() // 60 * 60
    subjects = [f"instance:{one.pk}" for one in place.instances.all()]
    for hour in range(20, 0, -1):
        moments = [now - hour * 3600 + 60 * minute for minute in range(60)]
        metrics.write([Sample(s, at, {"cpu.percent": 90.0 if hour < 10 else 20.0}) for at in moments for s in subjects])
    services.save(actor_sre, place, BY_CPU | {"most": 2})
    response = page.post(URL, TYPED | {"do": "try", "least": "1"})
    assert response.status_code == 200
    shown = text(response)
    assert "the present policy" in shown
    assert 'data-chart="trial"' in shown
    assert ScalingPolicy.objects.get().content["most"] == 2, "nothing is saved"
    found = trial.trial(place, parse(BY_CPU), parse(BY_CPU | {"most": 2}))
    was, present, changed = (one.outcome for one in found.columns)
    assert was.highest == present.highest == 2
    assert changed.highest == 4
    assert changed.above < present.above
    assert 450 < was.full < 600
