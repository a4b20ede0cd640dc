"""The words of a release's progress."""

from __future__ import annotations

import time
from typing import Any

import pytest

from containers.models import Deployment, Step
from containers.progress import progress, span, timeline


def steps(*states: str) -> list[Step]:
    return [
        Step(pk=n + 1, position=n, batch=n // 2, state=state, action="replace", times={})
        for n, state in enumerate(states)
    ]


def test_progress_is_words_and_numbers() -> None:
    row = Deployment(state="running", policy={"deadline": 60, "pause": 10}, pulls={})
    all_steps = steps("done", "done", "done", "starting", "waiting", "waiting")
    for step in all_steps[:3]:
        step.times = {"stop": [100, 101], "healthy": [101, 105]}
    all_steps[3].times = {"stop": [187, 188], "healthy": [188, None]}
    p = progress(row, all_steps, now=200)
    assert (p.done, p.total, p.batch, p.batches, p.percent) == (3, 6, 2, 3, 58)
    assert p.words == ["batch 2 of 3: 1 done, 1 starting (12 s of 60)"]
    assert p.rest == pytest.approx(15)


def test_progress_of_pulls() -> None:
    pulls = {"a": {"state": "done"}, "b": {"state": "pulling", "done": 61 << 20, "total": 140 << 20}}
    row = Deployment(state="running", policy={}, pulls=pulls)
    assert progress(row, steps("waiting"), now=0).words == ["pulling on 1 of 2 hosts, 61 MiB of 140"]


@pytest.mark.parametrize("value", [None, [], [None], ["x", 1], {}, "12", [1], [1, "x"], [1, None]])
def test_times_that_make_no_sense_draw_nothing_or_an_open_bar(value: Any) -> None:
    found = span(value)
    assert found is None or found[1] is None
    row = Deployment(state="running", policy={}, pulls={})
    from django.utils import timezone

    row.created = row.started = timezone.now()
    one = steps("starting")
    one[0].times = {"stop": value}
    assert all(bar.width > 0 for bar in timeline(row, one, time.time())[1])
