"""Sealing, roll-ups and retention on rows: what can be read stays the same, whatever happened on the way."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from xqplatform import metrics
from xqplatform.metrics import Sample, disk, hot, keeping, keys, numbers, ranking, ranks, sealing, store, tasks
from xqplatform.metrics.models import Block, Due, Hot, Life, Rank, Upkeep

pytestmark = pytest.mark.django_db
SUBJECTS = ["instance:1", "instance:2", "host:1"]


@pytest.fixture(autouse=True)
def far_back(settings: Any) -> None:
    settings.METRICS_LATE = 60 * 86400.0
    settings.METRICS_LEAST_FREE = 0
    settings.METRICS_KEEP = {**settings.METRICS_KEEP, 10: 10 * 86400.0}


@pytest.fixture
def day() -> int:
    """The start of the day before yesterday."""
    return (int(time.time()) // 86400 - 2) * 86400


def kept() -> None:
    while not keeping.keep():
        pass


def made(start: int, end: int, every: int = 60, subjects: list[str] = SUBJECTS) -> list[Sample]:
    return [
        Sample(subject, at + 0.25, {"cpu.cores": at // every % 7 + n, "memory.usage": float(at % 1000)}, "abc")
        for n, subject in enumerate(subjects)
        for at in range(start, end, every)
    ]


def read(start: float, end: float, *, points: int = 400) -> dict[tuple[str, str], Any]:
    found = metrics.series(SUBJECTS, ["cpu.cores", "memory.usage"], start, end, points=points)
    return {(one.subject, one.metric): (one.level, [tuple(p) for p in one.points]) for one in found}


def close(one: dict[Any, Any], other: dict[Any, Any]) -> None:
    assert one.keys() == other.keys()
    for name, (level, points) in one.items():
        assert level == other[name][0]
        assert len(points) == len(other[name][1])
        for mine, theirs in zip(points, other[name][1], strict=True):
            assert mine == pytest.approx(theirs, rel=1e-5)


def views(day: int) -> Iterator[tuple[float, float, int]]:
    yield day, day + 3600, 400  # samples
    yield day, day + 3600, 60  # minutes
    yield day, day + 86400, 400
    yield day, day + 86400, 150  # 10 minutes
    yield day, day + 86400, 24  # hours
    yield day + 1234, day + 50000, 30


def test_what_is_read_is_the_same_before_and_after_it_is_sealed(day):
    metrics.write(made(day, day + 30 * 3600, 600))
    metrics.write(made(day + 3600, day + 7200, 10))
    before = [read(*view[:2], points=view[2]) for view in views(day)]
    names = metrics.names("host:1", day, day + 86400)
    top = metrics.top("cpu.cores", day, day + 86400)
    kept()
    assert not Hot.objects.exists()
    assert set(Block.objects.values_list("level", flat=True)) == {10, 60, 600, 3600}
    for view, known in zip(views(day), before, strict=True):
        close(read(*view[:2], points=view[2]), known)
    assert metrics.names("host:1", day, day + 86400) == names == ["cpu.cores", "memory.usage"]
    assert dict(metrics.top("cpu.cores", day, day + 86400)) == pytest.approx(dict(top))
    assert [name for name, _value in top] == ["instance:2", "instance:1"]


def test_in_whatever_order_and_however_often_samples_come_the_answer_is_the_same(day):
    samples = made(day, day + 4 * 3600, 120)
    metrics.write(samples)
    kept()
    known = [read(*view[:2], points=view[2]) for view in views(day)]
    top = metrics.top("cpu.cores", day, day + 4 * 3600)
    for table in (Hot, Block, Rank, Due):
        table.objects.all().delete()
    chance = random.Random(5)
    mixed = samples + chance.sample(samples, 50)
    chance.shuffle(mixed)
    for i in range(0, len(mixed), 70):
        metrics.write(mixed[i : i + 70])
        if chance.random() < 0.5:
            kept()
    kept()
    for view, was in zip(views(day), known, strict=True):
        close(read(*view[:2], points=view[2]), was)
    assert dict(metrics.top("cpu.cores", day, day + 4 * 3600)) == pytest.approx(dict(top))


def test_keeping_again_changes_nothing(day):
    metrics.write(made(day, day + 26 * 3600, 300))
    kept()
    blocks = list(Block.objects.order_by("level", "subject", "start").values_list("level", "subject", "start", "data"))
    metrics.write(made(day, day + 26 * 3600, 300))  # all of them once more
    kept()
    again = list(Block.objects.order_by("level", "subject", "start").values_list("level", "subject", "start", "data"))
    assert [(*row[:3], bytes(row[3])) for row in again] == [(*row[:3], bytes(row[3])) for row in blocks]
    assert not Due.objects.filter(day__lte=day).exists()


def test_a_late_sample_gets_into_every_level(day):
    metrics.write(made(day, day + 26 * 3600, 300))
    kept()
    at = day + 5 * 3600 + 77
    metrics.write([Sample("instance:1", at, {"cpu.cores": 500.0, "app.qps": 3.0})])
    kept()
    for start, end, points in list(views(day))[2:5]:
        (one,) = metrics.series(["instance:1"], ["cpu.cores"], start, end, points=points)
        assert max(p.max for p in one.points) == 500
    assert metrics.top("cpu.cores", day, day + 86400, by="max")[0] == ("instance:1", 500)
    assert "app.qps" in metrics.names("instance:1", day, day + 86400)
    (app,) = metrics.series(["instance:1"], ["app.qps"], day, day + 86400, points=24)
    assert [(p.time, p.count) for p in app.points] == [(day + 5 * 3600, 1)]


@pytest.mark.parametrize("dies_in", ["xqplatform.metrics.sealing.put", "xqplatform.metrics.ranking.replace"])
def test_a_death_at_any_write_loses_nothing_and_counts_nothing_twice(day, monkeypatch, dies_in):
    metrics.write(made(day, day + 3 * 3600, 60))
    known = read(day, day + 3 * 3600, points=180)

    class Died(BaseException):
        pass

    module, _, name = dies_in.rpartition(".")
    real = getattr(__import__(module, fromlist=["x"]), name)
    for at in range(1, 8):
        left = [at]

        def dying(*args: Any, left: list[int] = left) -> Any:
            left[0] -= 1
            if not left[0]:
                raise Died
            return real(*args)

        monkeypatch.setattr(dies_in, dying)
        try:
            kept()
        except Died:
            close(read(day, day + 3 * 3600, points=180), known)
    monkeypatch.setattr(dies_in, real)
    kept()
    close(read(day, day + 3 * 3600, points=180), known)
    assert not Hot.objects.exists()


def test_a_sample_that_comes_while_its_hour_is_sealed_is_not_lost(day, monkeypatch):
    metrics.write(made(day, day + 3600, 60))
    real, late = sealing._computed, [Sample("host:1", day + 7.5, {"cpu.cores": 77.0})]

    def slow(*args: Any, **options: Any) -> Any:
        found = real(*args, **options)
        if late:
            metrics.write([late.pop()])
        return found

    monkeypatch.setattr(sealing, "_computed", slow)
    kept()
    (one,) = metrics.series(["host:1"], ["cpu.cores"], day, day + 3600, points=60)
    assert max(p.max for p in one.points) == 77
    assert sum(p.count for p in one.points) == 61
    assert not Hot.objects.exists()


def test_gaps_stay_gaps_on_every_level(day):
    metrics.write(made(day, day + 6 * 3600, 60) + made(day + 12 * 3600, day + 26 * 3600, 60))
    kept()
    for points in (1440, 288, 144, 24):
        for _name, (level, found) in read(day, day + 86400, points=points).items():
            assert [p for p in found if day + 6 * 3600 <= p[0] < day + 12 * 3600] == []
            assert max(b[0] - a[0] for a, b in pairwise(found)) == 6 * 3600 + level


def test_each_level_is_kept_for_its_time(day, settings):
    day -= 86400  # a block of hours holds a whole day: in the first hour of one, yesterday's is younger than an hour
    metrics.write(made(day, day + 26 * 3600, 600))
    kept()
    settings.METRICS_KEEP = {10: 3600.0, 60: 7200.0, 600: 60 * 86400.0, 3600: 60 * 86400.0}
    kept()
    assert set(Block.objects.values_list("level", flat=True)) == {600, 3600}
    found = read(day, day + 86400)
    assert {level for level, _points in found.values()} == {600}
    settings.METRICS_KEEP = dict.fromkeys((10, 60, 600, 3600), 3600.0)
    kept()
    assert not Block.objects.exists()
    assert not Rank.objects.exists()
    assert not Life.objects.exists()


def test_on_a_full_disk_minutes_are_kept_without_samples(day, monkeypatch, settings):
    settings.METRICS_LEAST_FREE = 1000
    metrics.write(made(day, day + 3600, 10))
    kept()
    assert not store.state().disk_low
    monkeypatch.setattr(disk, "free_bytes", lambda: 900)
    metrics.write(made(day + 3600, day + 7200, 10))
    kept()
    assert store.state().disk_low
    assert store.state().low_since
    assert not Block.objects.filter(level=10).exists()
    found = read(day, day + 7200, points=120)
    assert all(len(points) == 120 for _level, points in found.values())
    monkeypatch.setattr(disk, "free_bytes", lambda: 1100)  # more than the least, but not much
    kept()
    assert store.state().disk_low
    # Of an hour without samples only the minutes are known: a late one would be counted twice, so it is refused.
    metrics.write([Sample("host:1", day + 5, {"cpu.cores": 1.0})])
    kept()
    assert store.state().from_past == 1
    assert sum(p[4] for p in read(day, day + 3600, points=60)["host:1", "cpu.cores"][1]) == 360
    monkeypatch.setattr(disk, "free_bytes", lambda: 1300)
    metrics.write(made(day + 7200, day + 10800, 10))
    kept()
    assert not store.state().disk_low
    assert {10, 60} <= set(Block.objects.values_list("level", flat=True))


def test_a_day_that_is_rolled_up_in_part_counts_whole_for_all(day: int):
    ids = numbers.ids([f"instance:{n}" for n in range(ranks.SHARD + 2)], make=True)
    names = [min(ids, key=ids.__getitem__), far := max(ids, key=ids.__getitem__)]
    number = ids[far]
    assert ids[names[0]] // ranks.SHARD != number // ranks.SHARD
    for n, start in enumerate((day - 2 * 86400, day - 86400, day)):
        metrics.write([Sample(s, start + t, {"cpu.cores": 10.0 * n}) for s in names for t in range(0, 86400, 1800)])
    kept()
    before = dict(metrics.top("cpu.cores", day - 2 * 86400, day + 86400))
    assert before == pytest.approx(dict.fromkeys(names, 10.0))
    shard = number // ranks.SHARD
    assert Rank.objects.filter(span=86400, start=day, shard=shard).delete()[0]
    Due.objects.create(day=day, shard=shard)
    assert dict(metrics.top("cpu.cores", day - 2 * 86400, day + 86400)) == pytest.approx(before)


def test_the_running_hour_is_ranked_every_five_minutes():
    now = time.time()
    rows = [
        Sample(f"instance:{n}", now - back, {"cpu.cores": n + (1000 if n == 3 and back == 60 else 0)})
        for n in range(1, 200)
        for back in range(0, 1200, 60)
    ]
    metrics.write(rows)
    before = metrics.top("cpu.cores", now - 1200, now, n=5, by="max")
    kept()
    assert Rank.objects.filter(span=300).exists()
    assert metrics.top("cpu.cores", now - 1200, now, n=5, by="max") == before
    assert before[0] == ("instance:3", 1003)
    found = metrics.top("cpu.cores", now - 86400, now, n=2)
    assert [name for name, _v in found] == ["instance:199", "instance:198"]


@pytest.mark.parametrize("minutes", [7, 20, 29, 31, 59])
def test_a_long_range_that_ends_now_has_the_running_hour(minutes: int, monkeypatch: pytest.MonkeyPatch):
    """Also when it is young: on a new platform there is nothing else."""
    hour = time.time() // 3600 * 3600 - 7200
    now = hour + 60 * minutes
    shard, place = divmod(numbers.ids(["instance:1"], make=True)["instance:1"], ranks.SHARD)
    ranking.replace(300, int(hour), shard, {"cpu.cores": {place: (6, 3.0, 1.0)}})
    Upkeep.objects.update_or_create(id=1, defaults={"ranked_until": int(now) // 300 * 300})
    monkeypatch.setattr(ranking.time, "time", lambda: now)
    assert metrics.top("cpu.cores", now - 86400, now, n=2) == [("instance:1", 0.5)]


def test_only_one_process_keeps(day):
    from xqplatform import leases

    Upkeep.objects.create(id=1)
    row = Upkeep.objects.filter(id=1)
    lease = leases.take(row, row)
    assert lease is not None
    metrics.write(made(day, day + 3600, 60))
    assert keeping.keep() is False
    assert Hot.objects.exists()
    lease.release()
    kept()
    assert not Hot.objects.exists()


def test_a_locked_database_ends_the_round_quietly(monkeypatch):
    def locked() -> bool:
        raise OperationalError("database is locked")

    monkeypatch.setattr(keeping, "keep", locked)
    tasks.keep()


def test_the_hour_under_way_is_not_sealed():
    now = time.time()
    metrics.write([Sample("host:1", now, {"cpu.cores": 1.0})])
    kept()
    assert Hot.objects.count() == 1
    assert store.state().kept_at >= now


def test_the_index_is_asked_although_statistics_say_that_there_are_no_rows(day: int):
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE metrics_hot")
        metrics.write(made(day, day + 86400))
        with CaptureQueriesContext(connection) as asked:
            assert len(hot.of_subjects(1, 1 << 20, day // 10, day // 10 + 8640)) == 3 * 1440
        explain = "EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN "
        cursor.execute(explain + asked[0]["sql"])
        plan = "\n".join(str(row[-1]) for row in cursor.fetchall())
    if connection.vendor == "sqlite":
        assert "SEARCH metrics_hot USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)" in plan
        assert "SCAN metrics_hot" not in plan
    else:
        assert "Index" in plan
        assert "Seq Scan" not in plan


def test_a_shard_is_read_by_ranges_of_numbers(django_assert_num_queries):
    now = int(time.time()) // 10 * 10
    metrics.write([Sample(f"instance:{n}", now - back, {"up": 1.0}) for n in range(1, 6) for back in (0, 10, 20)])
    numbers = sorted(Hot.objects.values_list("id", flat=True))
    second, fourth = sorted({keys.subject_of(n) for n in numbers})[1:4:2]
    with django_assert_num_queries(1):
        found = hot.of_subjects(second, fourth, now // 10 - 1, now // 10)
    assert len(found) == 6
    assert [row[0] for row in found] == [
        n for n in numbers if second <= keys.subject_of(n) <= fourth and keys.hundredths(n) >= (now - 10) * 100
    ]
