"""The pure part: what is packed comes back, and roll-ups are the same however the samples came."""

from __future__ import annotations

import random
from array import array
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xqplatform.metrics import cells, hot, keys, levels, packing, ranks
from xqplatform.metrics.cells import Cells, Raw

HOUR = 493_000 * 3600
FLOAT32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
NAMES = st.sampled_from(["cpu.cores", "memory.usage", "net.rx_bytes", "app.qps", "blkio.read_bytes[sda]"])
# Whole numbers, so that sums are exact in whatever order.
WHOLE = st.integers(-1000, 1000).map(float)


@st.composite
def hours(draw: Any, values: Any = FLOAT32, span: int = 3600) -> dict[int, dict[str, float]]:
    """Samples of one subject: time in 1/100 s → values; not every sample has every metric."""
    times = draw(st.lists(st.integers(0, span * 100 - 1), max_size=30, unique=True))
    return {HOUR * 100 + t: draw(st.dictionaries(NAMES, values, min_size=1, max_size=4)) for t in times}


def raw(samples: dict[int, dict[str, float]]) -> Raw:
    """As hot rows become columns."""
    layouts: dict[int, tuple[str, ...]] = {}
    rows = []
    for time in sorted(samples):
        names = tuple(sorted(samples[time]))
        number = next((n for n, known in layouts.items() if known == names), len(layouts) + 1)
        layouts[number] = names
        rows.append((time, number, array("f", [samples[time][n] for n in names]).tobytes()))
    return cells.raw_of(rows, layouts)


def told(one: Raw) -> dict[int, dict[str, float]]:
    """The samples again, without what is absent."""
    found: dict[int, dict[str, float]] = {}
    for i, time in enumerate(one.times):
        found[time] = {name: column[i] for name, column in one.columns.items() if column[i] == column[i]}
    return found


def shown(one: Cells) -> dict[str, dict[int, tuple[float, ...]]]:
    return {
        name: {
            time: (c.counts[i], c.means[i], c.lows[i], c.highs[i]) for i, time in enumerate(one.times) if c.counts[i]
        }
        for name, c in one.columns.items()
    }


@given(hours())
def test_samples_come_back_from_a_block_as_they_were(samples):
    names, data = packing.pack_raw(raw(samples), HOUR)
    assert told(packing.unpack_raw(data, names, HOUR)) == samples


@given(hours())
def test_one_metric_is_unpacked_alone(samples):
    names, data = packing.pack_raw(raw(samples), HOUR)
    for name in names:
        alone = packing.unpack_raw(data, names, HOUR, {name})
        assert {t: v[name] for t, v in told(alone).items() if v} == {
            t: v[name] for t, v in samples.items() if name in v
        }


@given(hours(WHOLE), st.sampled_from([60, 600, 3600]))
def test_cells_come_back_from_a_block_as_they_were(samples, step):
    made = cells.rolled([raw(samples)], step)
    names, data = packing.pack_cells(made, HOUR)
    assert shown(packing.unpack_cells(data, names, HOUR)) == shown(made)


@given(hours(WHOLE, span=86400))
def test_rollups_of_rollups_are_rollups_of_the_samples(samples):
    direct = shown(cells.rolled([raw(samples)], 3600))
    minutes = cells.rolled([raw(samples)], 60)
    coarse = shown(cells.rolled([cells.rolled([minutes], 600)], 3600))
    assert coarse.keys() == direct.keys()
    for name, held in direct.items():
        assert coarse[name].keys() == held.keys()
        for time, (count, mean, low, high) in held.items():
            got = coarse[name][time]
            assert (got[0], got[2], got[3]) == (count, low, high)
            assert got[1] == pytest.approx(mean, rel=1e-5, abs=1e-3)


@given(hours(WHOLE), st.integers(1, 5), st.randoms())
def test_any_portions_in_any_order_and_twice_make_the_same(samples, portions, chance: random.Random):
    parts = [{t: v for t, v in samples.items() if t % portions == n} for n in range(portions)]
    parts += chance.sample(parts, k=min(2, len(parts)))
    chance.shuffle(parts)
    together = Raw([], {})
    for part in parts:
        together = cells.merged(together, raw(part))
    assert told(together) == samples
    assert shown(cells.rolled([together], 60)) == shown(cells.rolled([raw(samples)], 60))


@given(hours(WHOLE), st.integers(0, 3600))
def test_a_cut_anywhere_between_parts_folds_to_the_same(samples, cut):
    whole = raw(samples)
    parts = [whole.part(HOUR, HOUR + cut), whole.part(HOUR + cut, HOUR + 3600)]
    for step in (20, 60, 300, 3600):
        assert cells.sums(parts, list(whole.columns), step) == cells.sums([whole], list(whole.columns), step)


@given(hours(WHOLE), st.sampled_from([10, 60, 300]))
def test_where_nothing_was_measured_there_is_no_point(samples, step):
    whole = raw(samples)
    for name, held in cells.folded([whole], list(whole.columns), step).items():
        points = cells.bucket_points(held, HOUR, HOUR + 3600)
        measured = {t // 100 // step * step for t, values in samples.items() if name in values}
        assert [p.time for p in points] == sorted(measured)
        assert all(p.min <= p.avg <= p.max and p.count > 0 for p in points)


@given(hours(), st.sampled_from([20, 60, 300, 3600]), st.booleans())
def test_buckets_are_what_a_plain_loop_makes_of_them(samples, step, as_cells):
    whole = raw(samples)
    parts = [cells.rolled([whole], 10) if as_cells else whole]
    found = cells.sums(parts, list(whole.columns), step)
    for name in whole.columns:
        plain: dict[int, list[float]] = {}
        for time in sorted(samples):
            if name in samples[time]:
                plain.setdefault(time // 100 // step * step, []).append(samples[time][name])
        assert {at: (n, low, high) for at, (n, _total, low, high) in found[name].items()} == {
            at: (len(values), min(values), max(values)) for at, values in plain.items()
        }
        for at, values in plain.items():
            assert found[name][at][1] == pytest.approx(sum(values), rel=1e-5, abs=1e-5 * max(map(abs, values)))


@given(st.floats(width=32, allow_nan=False, allow_infinity=False), st.integers(1, 9))
def test_a_column_that_stands_still_keeps_its_value(value, width):
    n = 6 * width
    still = array("f", [value]) * n
    times = [HOUR + 60 * i for i in range(n)]
    one = Cells(times, {"up": cells.Column(array("I", [6]) * n, still, still, still)})
    points = cells.bucket_points(cells.folded([one], ["up"], 60 * width)["up"], 0, 2 * HOUR)
    assert {(p.avg, p.min, p.max) for p in points} == {(value, value, value)}
    assert sum(p.count for p in points) == 6 * n


def test_what_is_not_a_number_counts_as_not_measured():
    one = raw({HOUR * 100 + n: {"cpu.cores": v} for n, v in enumerate((1.0, float("nan"), float("inf"), 3.0))})
    (point,) = cells.bucket_points(cells.folded([one], ["cpu.cores"], 60)["cpu.cores"], HOUR, HOUR + 60)
    assert point == (HOUR, 2.0, 1.0, 3.0, 2)


@given(st.integers(0, 2**24 - 1), st.integers(0, 4_000_000_000_00))
def test_a_number_of_a_row_tells_subject_and_time(subject, hundredths):
    number = keys.key(subject, hundredths / 100)
    assert (keys.subject_of(number), keys.hundredths(number)) == (subject, hundredths)
    assert 0 <= number < 2**63


@given(st.sets(st.integers(0, 2000)))
def test_runs_hold_all_and_not_much_more(numbers):
    found = hot.runs(numbers)
    assert {n for first, last in found for n in range(first, last + 1)} >= numbers
    assert sum(last - first + 1 for first, last in found) <= 2 * len(numbers)
    assert all(a[1] < b[0] for a, b in pairwise(found))


ENTRIES = st.dictionaries(st.integers(0, ranks.SHARD - 1), st.tuples(st.integers(1, 10**6), WHOLE, WHOLE), max_size=20)


@given(ENTRIES)
def test_ranks_come_back_as_they_were(entries):
    assert ranks.unpack(ranks.pack(entries)) == entries


@given(st.lists(ENTRIES, min_size=1, max_size=5))
def test_ranks_of_spans_together_are_the_same_by_both_ways(spans):
    together = ranks.merge(spans)
    rows = [ranks.pack(span) for span in spans]
    assert ranks.values(rows, "max") == {place: high for place, (_n, _t, high) in together.items()}
    assert ranks.values(rows, "avg") == pytest.approx({p: total / n for p, (n, total, _h) in together.items()})


KEEP = {10: 2 * 86400.0, 60: 14 * 86400.0, 600: 92 * 86400.0, 3600: 731 * 86400.0}


@given(st.floats(1, 800 * 86400), st.floats(1, 800 * 86400), st.integers(1, 5000))
def test_a_view_has_few_points_and_its_level_reaches_back(age, width, points):
    now = HOUR + 1800.0
    start = now - age
    view = levels.view(start, start + width, points, now, KEEP)
    assert view.step % view.level == 0
    assert view.level == 3600 or age <= KEEP[view.level]
    assert view.lo <= start < start + width <= view.hi
    assert view.lo % view.step == 0 == view.hi % view.step


def test_usual_ranges_have_the_level_one_expects():
    now = float(HOUR)
    steps = {hours: levels.view(now - hours * 3600, now, 400, now, KEEP) for hours in (1, 6, 24, 168, 2160)}
    assert {hours: (view.level, view.step) for hours, view in steps.items()} == {
        1: (10, 10),
        6: (60, 60),
        24: (60, 300),
        168: (600, 1800),
        2160: (3600, 21600),
    }
