"""The live log's stream, and the words of a release's progress."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from containers import logs
from containers.models import Deployment, Step
from containers.progress import progress, span, timeline
from hosts.engine_streams import LogLine


class FakeLog:
    """Two lines, then silence until it is stopped."""

    def __init__(self, endless: bool = False) -> None:
        self.endless, self.stopped, self.closed = endless, threading.Event(), threading.Event()

    def __iter__(self) -> Iterator[LogLine]:
        yield LogLine("stdout", "2026-01-01T10:00:00.500000000Z", "one")
        yield LogLine("stderr", "2026-01-01T10:00:01.500000000Z", "\x1b[31mtwo\x1b[0m")
        if self.endless:
            self.stopped.wait(60)

    def stop(self) -> None:
        self.stopped.set()

    def close(self) -> None:
        self.closed.set()


def events(pieces: list[str]) -> list[tuple[str, Any]]:
    found = []
    for piece in pieces:
        fields = dict(line.split(": ", 1) for line in piece.strip().splitlines())
        found.append((fields["event"], json.loads(fields["data"])))
    return found


def test_a_log_that_ends(monkeypatch: Any) -> None:
    fake = FakeLog()
    monkeypatch.setattr(logs, "open_log", lambda *_a, **_k: fake)

    async def read() -> list[str]:
        return [piece async for piece in logs.stream(None, "abc", 10, None)]

    got = events(asyncio.run(read()))
    lines = [line for name, data in got if name == "lines" for line in data]
    assert [(c, t) for c, _s, t in lines] == [("out", "one"), ("err", "two")]
    assert got[0][0] == "hello"
    assert got[-1][0] == "end"
    assert fake.closed.wait(60)
    assert logs._open == 0


def test_a_browser_that_goes_away_stops_the_engines_stream(monkeypatch: Any) -> None:
    fake = FakeLog(endless=True)
    monkeypatch.setattr(logs, "open_log", lambda *_a, **_k: fake)

    async def read() -> None:
        stream = logs.stream(None, "abc", 10, None)
        async for piece in stream:
            if "event: lines" in piece:
                break
        await stream.aclose()

    asyncio.run(read())
    assert fake.stopped.wait(60)
    assert fake.closed.wait(60)
    assert logs._open == 0


def test_too_many_streams_are_told_so(monkeypatch: Any) -> None:
    monkeypatch.setattr(logs, "_open", logs.MOST_STREAMS)

    async def read() -> list[str]:
        return [piece async for piece in logs.stream(None, "abc", 10, None)]

    assert [name for name, _data in events(asyncio.run(read()))] == ["failed"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07rest", "rest"),
        ("10%\r50%\r100%", "100%"),
        ("tab\tstays", "tab\tstays"),
        ("\x1b[2K\x1b[1Gdone", "done"),
        ("雪球\x00", "雪球"),
        ("", ""),
    ],
)
def test_control_signs_are_taken_out(text: str, shown: str) -> None:
    assert logs.plain(text) == shown


@pytest.mark.parametrize("stamp", ["", "x", "2026-13-45T99:99:99Z", "2026-01-01", None])
def test_a_time_that_is_none(stamp: Any) -> None:
    assert logs.epoch_of(stamp or "") is None


def test_a_time_with_nanoseconds() -> None:
    assert logs.epoch_of("1970-01-01T00:00:01.250000000Z") == pytest.approx(1.25)


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
