"""Who went silent before the full hour is not forgotten when the hour is sealed."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from xqplatform import metrics
from xqplatform.metrics import Sample, keeping, newest, sealing
from xqplatform.metrics.cells import Raw
from xqplatform.metrics.models import Block, Hot
from xqplatform.metrics.sealed import last_of

pytestmark = pytest.mark.django_db
HOUR = 3600
NAN = float("nan")


@pytest.fixture
def hour(monkeypatch: pytest.MonkeyPatch, settings: Any) -> float:
    """A full hour; it is ten minutes past, by the clock."""
    settings.METRICS_LEAST_FREE = 0
    began = time.time() // HOUR * HOUR
    monkeypatch.setattr(time, "time", lambda: began + 600)
    return began


def kept() -> None:
    while not keeping.keep():
        pass


def rows(subject: str, start: float, end: float) -> list[Sample]:
    return [Sample(subject, at + 0.25, {"cpu.cores": at % HOUR}, "abc") for at in range(int(start), int(end), 10)]


def test_the_last_sample_before_an_hour_that_is_sealed_is_the_latest(hour: float) -> None:
    metrics.write(rows("host:1", hour - 1800, hour - 300) + rows("host:2", hour - 1800, hour + 600))
    before = metrics.latest(["host:1", "host:2"], within=HOUR)
    kept()
    assert Hot.objects.count() == 60
    assert metrics.latest(["host:1", "host:2"], within=HOUR) == before
    assert before["host:1"] == (hour - 310 + 0.25, {"cpu.cores": 3290.0})


@pytest.mark.parametrize(("within", "there"), [(909.0, False), (910.0, True)])
def test_within_is_exact_in_what_is_sealed(hour: float, within: float, there: bool) -> None:
    metrics.write(rows("host:1", hour - 1800, hour - 300))
    assert ("host:1" in metrics.latest(["host:1"], within=within)) is there
    kept()
    assert not Hot.objects.exists()
    assert ("host:1" in metrics.latest(["host:1"], within=within)) is there


def test_of_many_the_silent_ones_are_found_too(hour: float) -> None:
    many = [f"host:{n}" for n in range(newest.MANY + 5)]
    metrics.write([Sample(s, hour - 400 if s == many[3] else hour + 590, {"up": 1.0}) for s in many])
    kept()
    found = metrics.latest(many, within=HOUR)
    assert found.keys() == set(many)
    assert found[many[3]] == (hour - 400, {"up": 1.0})


def test_where_only_minutes_are_kept_the_last_minute_tells(hour: float) -> None:
    metrics.write([Sample("host:1", hour - 300 + t, {"up": float(t)}) for t in (0, 10, 20)])
    for _piece in sealing.seal(time.time(), fine=False):
        pass
    assert set(Block.objects.values_list("level", flat=True)) == {60}
    assert metrics.latest(["host:1"], within=HOUR) == {"host:1": (hour - 300, {"up": 10.0})}


def test_whoever_talks_is_not_looked_for_in_blocks(hour: float) -> None:
    metrics.write(rows("host:1", hour - 1800, hour + 600) + rows("host:2", hour - 1800, hour))
    kept()
    for subject, within, looks in (("host:1", HOUR, False), ("host:2", 300, False), ("host:2", 700, True)):
        with CaptureQueriesContext(connection) as asked:
            metrics.latest([subject], within=within)
        assert any("metrics_block" in query["sql"] for query in asked) is looks


def test_what_an_application_told_stands_beside_the_system() -> None:
    raw = Raw(
        [10000, 30000, 31000, 31500],
        {"up": [1.0, NAN, 2.0, NAN], "app.a": [4.0, 5.0, NAN, NAN], "app.b": [6.0, NAN, NAN, 7.0]},
    )
    assert last_of(raw) == (310.0, {"up": 2.0, "app.a": 5.0, "app.b": 7.0})
    assert last_of(raw.part(0, 200)) == (100.0, {"up": 1.0, "app.a": 4.0, "app.b": 6.0})
    assert last_of(raw.part(312, 400)) == (315.0, {"app.b": 7.0})
    assert last_of(raw.part(320, 400)) is None
