"""Who had most, to the sample: what is ranked already, what is not yet, and the moment between."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest

from xqplatform import metrics
from xqplatform.metrics import Sample, cells, hot, keys, numbers, ranking, ranks, running, summing
from xqplatform.metrics.models import Rank, Upkeep

pytestmark = pytest.mark.django_db
HOUR = 3600


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which a test moves on; 25 minutes after a full hour."""
    at = [time.time() // HOUR * HOUR - HOUR + 1500.0]
    monkeypatch.setattr(time, "time", lambda: at[0])
    return at


def ranked(now: float) -> int:
    Upkeep.objects.get_or_create(id=1)
    return len(list(running.rank(now)))


def samples(start: float, end: float, peak: float = 0.0) -> list[Sample]:
    """Two instances, of which the second is higher but for the first's one peak."""
    return [
        Sample(f"instance:{n}", at, {"cpu.cores": 90.0 if n == 1 and at == peak else float(n)})
        for at in range(int(start), int(end), 10)
        for n in (1, 2)
    ]


@pytest.mark.parametrize("seconds", [900, HOUR, 3 * HOUR, 24 * HOUR])
@pytest.mark.parametrize("turn", [0, 1900, 2100, 2160, 2280])  # also just when an hour begins
def test_a_peak_of_one_sample_3_minutes_ago_is_in_the_top(clock: list[float], seconds: int, turn: int) -> None:
    clock[0] += turn
    now = clock[0]
    peak = int(now - 180) // 10 * 10
    metrics.write(samples(now - 2 * HOUR, now, peak))
    for ago in range(600, -1, -30):  # the rounds of housework
        clock[0] = now - ago
        ranked(clock[0])
    assert metrics.top("cpu.cores", now - seconds, now, by="max")[0] == ("instance:1", 90.0)
    assert metrics.top("cpu.cores", now - seconds, now, by="avg")[0][0] == "instance:2"


@pytest.mark.parametrize("seconds", [900, HOUR, 3 * HOUR])
def test_what_no_rank_has_yet_is_read_to_the_last_sample(clock: list[float], seconds: int) -> None:
    now = clock[0]
    metrics.write(samples(now - HOUR, now, peak=now - 10))
    ranked(now - 60)
    assert metrics.top("cpu.cores", now - seconds, now, by="max")[0] == ("instance:1", 90.0)


def test_however_often_it_is_ranked_each_sample_counts_once(clock: list[float]) -> None:
    now = clock[0]
    rows = samples(now - 900, now, peak=now - 200)
    late = [row for n, row in enumerate(rows) if n % 7 == 3 and row.time > now - 300]
    metrics.write([row for row in rows if row not in late])
    for ago in range(900, 60, -30):
        ranked(now - ago)
    metrics.write(late)
    ranked(now)
    expected = (89 + 90.0) / 90
    found = dict(metrics.top("cpu.cores", now - 900, now))
    assert found == pytest.approx({"instance:1": expected, "instance:2": 2.0})
    assert sum(n for n, _t, _h in _entries(300)) + len(_unranked(now)) == 180


def _entries(span: int) -> list[ranks.Entry]:
    rows = Rank.objects.filter(span=span, metric="cpu.cores").values_list("data", flat=True)
    return [entry for data in rows for entry in ranks.unpack(bytes(data)).values()]


def _unranked(now: float) -> list[hot.Row]:
    return hot.of_all(ranking.ranked_until() // keys.TICK, int(now) // keys.TICK)


def test_between_two_shards_of_a_round_nothing_is_missed_and_nothing_counts_twice(clock: list[float]) -> None:
    now = clock[0]
    numbers.ids([f"instance:{n}" for n in range(1, ranks.SHARD + 3)], make=True)
    far = f"instance:{ranks.SHARD + 2}"
    rows = [
        Sample(s, at, {"up": float(at % 60)}) for s in ("instance:1", far) for at in range(int(now) - 900, int(now), 10)
    ]
    metrics.write(rows)
    ranked(now - 90)
    before = metrics.top("up", now - 900, now)
    assert dict(before) == pytest.approx({"instance:1": 25.0, far: 25.0})
    for _shard in running.rank(now):  # as another process reads meanwhile
        assert dict(metrics.top("up", now - 900, now)) == pytest.approx(dict(before))


def test_an_hour_is_ranked_by_itself_when_it_has_ended(clock: list[float]) -> None:
    hour = clock[0] // HOUR * HOUR
    metrics.write(samples(hour - HOUR, hour + 120))
    ranked(hour - 20)
    assert not Rank.objects.filter(span=HOUR, start=hour - HOUR).exists()
    ranked(hour + 60)
    assert sorted(_entries(HOUR)) == [(360, 360.0, 1.0), (360, 720.0, 2.0)]


def test_it_is_not_ranked_more_often_than_each_minute(clock: list[float]) -> None:
    now = clock[0]
    metrics.write(samples(now - 600, now))
    rounds = [ranked(now - ago) for ago in range(300, -1, -30)]
    assert rounds[0] > 0
    assert [n > 0 for n in rounds[1:]].count(True) == 5
    assert now - ranking.ranked_until() <= 90


def test_a_shard_together_is_what_its_subjects_are_each() -> None:
    chance, nan = random.Random(3), float("nan")
    layouts = {1: ("a", "b", "c"), 2: ("app.x", "b"), 3: ("only",)}
    rows = []
    for subject in range(128, 148):
        for tick in range(1000, 1000 + chance.choice((1, 5, 6, 6))):
            for layout in chance.choice(((1,), (1, 2), (2, 3))):
                values = [chance.choice((nan, 1.5, chance.gauss(0, 9))) for _name in layouts[layout]]
                number = keys.key(subject, tick * 10 + layout)
                rows.append((number, layout, cells.array("f", values).tobytes()))
    rows.sort()
    expected: dict[str, dict[int, Any]] = {}
    for subject, of_one in hot.by_subject(rows).items():
        for name, (count, total, _low, high) in cells.totals(cells.raw_of(of_one, layouts)).items():
            expected.setdefault(name, {})[subject - 128] = (count, pytest.approx(total), pytest.approx(high))
    assert summing.entries(rows, layouts, 128) == expected
