"""Numbers as people read them, the same on the server and in the browser (tests/browser/test_charts.py compares)."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xqplatform.metrics import catalogue, units


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (64.2 * 1024 * 1024, "bytes", "64.2 MiB"),
        (1536, "bytes/s", "1.5 KiB/s"),
        (0, "bytes", "0 B"),
        (0.35, "cores", "0.35 cores"),
        (2, "cores", "2 cores"),
        (1350, "packets/s", "1,350 packets/s"),
        (135_000, "packets/s", "135 k packets/s"),
        (0.0123, "ratio", "1.23 %"),
        (99.95, "percent", "100 %"),
        (4.2, "per s", "4.2/s"),
        (0.012, "seconds", "12 ms"),
        (17, "count", "17"),
        (None, "bytes", "–"),
        (float("nan"), "bytes", "–"),
    ],
)
def test_a_value_with_its_unit(value: float | None, unit: str, words: str) -> None:
    assert units.shown(value, unit) == words


def test_every_unit_of_the_catalogue_has_words() -> None:
    assert {metric.unit for metric in catalogue.METRICS} <= set(units.WORDS)


@given(st.sampled_from(sorted(units.WORDS)), st.floats(0, 1e15))
def test_an_axis_begins_at_zero_and_reaches_the_top_in_few_steps(unit: str, top: float) -> None:
    steps = units.steps(unit, top)
    assert steps[0] == 0
    assert steps[-1] >= top * 0.999999
    assert 2 <= len(steps) <= 7
    gaps = {round((b - a) / steps[1], 6) for a, b in itertools.pairwise(steps)}
    assert gaps == {1.0}


def test_bytes_have_binary_steps() -> None:
    assert units.steps("bytes", 2 * 1024**3)[1] == 0.5 * 1024**3
    assert units.steps("bytes", 900 * 1024**2)[1] == 256 * 1024**2


def test_thousands_a_second_are_written_together() -> None:
    assert units.shown(1_234_567.0, "per s") == "1.23 M/s"
    assert units.shown(310.0, "per s") == "310/s"
