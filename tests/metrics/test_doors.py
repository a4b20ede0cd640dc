"""What goes in by `write` comes out of the other doors."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from xqplatform import metrics
from xqplatform.metrics import Sample, hot, newest, numbers, store
from xqplatform.metrics.models import Upkeep

pytestmark = pytest.mark.django_db


def sample(subject: str, at: float, life: str = "", **values: float) -> Sample:
    return Sample(subject, at, {name.replace("_", ".", 1).rstrip("."): value for name, value in values.items()}, life)


def test_a_sample_comes_back_and_twice_is_once():
    now = time.time()
    row = sample("instance:1", now - 5, cpu_cores=0.5, memory_usage=1024)
    assert metrics.write([row]) == 1
    assert metrics.write([row, row]) == 0
    (at, values) = metrics.latest()["instance:1"]
    assert at == pytest.approx(now - 5, abs=0.01)
    assert values == {"cpu.cores": 0.5, "memory.usage": 1024}
    (one,) = metrics.series(["instance:1"], ["cpu.cores"], now - 600, now)
    assert (one.unit, [p.avg for p in one.points]) == ("cores", [0.5])
    assert metrics.names("instance:1", now - 60, now) == ["cpu.cores", "memory.usage"]


def test_only_asked_subjects_come_and_an_old_sample_is_not_the_latest():
    now = time.time()
    metrics.write(
        [sample("instance:1", now - 90, up_=1), sample("instance:2", now, up_=1), sample("host:1", now, up_=1)]
    )
    assert set(metrics.latest()) == {"instance:2", "host:1"}
    assert set(metrics.latest(["host:1", "host:9"])) == {"host:1"}
    assert set(metrics.latest(within=120)) == {"instance:1", "instance:2", "host:1"}


def test_samples_from_the_future_and_the_far_past_are_refused_and_counted():
    now = time.time()
    assert metrics.write([sample("host:1", now + 3600, up_=1), sample("host:1", now - 3 * 86400, up_=1)]) == 0
    assert (store.state().from_future, store.state().from_past) == (1, 1)
    assert metrics.latest(within=4 * 86400) == {}


def test_the_top_is_sorted_and_of_the_kind_asked_for():
    now = time.time()
    rows = [sample(f"instance:{n}", now - 30 + t, cpu_cores=n + t / 100) for n in range(5) for t in (0, 10)]
    metrics.write([*rows, sample("host:1", now, cpu_cores=99)])
    found = metrics.top("cpu.cores", now - 300, now, n=2)
    assert [name for name, _value in found] == ["instance:4", "instance:3"]
    assert found[0][1] == pytest.approx(4.05)
    assert metrics.top("cpu.cores", now - 300, now, n=1, by="max")[0][1] == pytest.approx(4.1)


def test_a_band_is_over_all_its_subjects():
    now = time.time() // 60 * 60
    metrics.write([sample(f"instance:{n}", now - 600 + t, cpu_cores=n) for n in (1, 2, 6) for t in (1, 11)])
    (point,) = metrics.over(["instance:1", "instance:2", "instance:6"], "cpu.cores", now - 900, now, 15).points
    assert (point.min, point.mean, point.max, point.count) == (1, 3, 6, 3)


def test_bands_are_read_once_for_all_metrics(django_assert_max_num_queries: Any) -> None:
    now = time.time() // 60 * 60
    metrics.write(
        [sample(f"instance:{n}", now - 600 + t, cpu_cores=n, memory_usage=10 * n) for n in (1, 2, 6) for t in (1, 11)]
    )
    with django_assert_max_num_queries(8):
        found = metrics.bands(["instance:1", "instance:2", "instance:6"], ["cpu.cores", "memory.usage"], now - 900, now)
    assert [(p.min, p.mean, p.max) for p in found["memory.usage"].points] == [(10, 30, 60)]
    assert found["cpu.cores"] == metrics.over([f"instance:{n}" for n in (1, 2, 6)], "cpu.cores", now - 900, now)


def test_a_look_reads_once_and_answers_for_each_metric(django_assert_num_queries: Any) -> None:
    now = time.time()
    metrics.write([sample("instance:1", now - t, cpu_cores=t, memory_usage=1024) for t in (20, 10)])
    look = metrics.look(["instance:1", "instance:9"], now - 600, now)
    with django_assert_num_queries(0):
        assert look.names("instance:1") == ["cpu.cores", "memory.usage"]
        assert look.names("instance:9") == []
        (one,) = look.series(["cpu.cores", "net.rx_bytes"])
    assert [one] == metrics.series(["instance:1"], ["cpu.cores"], now - 600, now)


def test_of_an_hour_samples_count_before_they_are_ranked() -> None:
    now = time.time()
    rows = [sample(f"instance:{n}", now - ago, cpu_cores=n) for n in (1, 2) for ago in (400, 300, 5)]
    metrics.write([*rows, sample("instance:1", now - 70, cpu_cores=90)])
    Upkeep.objects.update_or_create(id=1, defaults={"ranked_until": int(now) - 100})
    assert metrics.top("cpu.cores", now - 3600, now, by="max")[0] == ("instance:1", 90)


def test_lives_follow_each_other():
    now = time.time()
    metrics.write([sample("instance:1", now - 100, "aaa", up_=1), sample("instance:1", now - 50, "bbb", up_=1)])
    assert [life.life for life in metrics.lives("instance:1", now - 200, now)] == ["aaa", "bbb"]
    assert metrics.lives("instance:2", now - 200, now) == []


def test_the_newest_of_many_is_found_without_reading_all_that_they_said(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    many = [f"host:{n}" for n in range(newest.MANY + 5)]
    metrics.write([sample(s, now - ago, up_=ago) for s in many[1:] for ago in (5, 200, 300, 1500)])
    metrics.write([sample(many[0], now - ago, up_=ago) for ago in (1500, 2000)])  # silent for long
    read: list[int] = []

    def counted(of: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
        def call(*given: Any) -> list[Any]:
            rows = of(*given)
            read.append(len(rows))
            return rows

        return call

    monkeypatch.setattr(hot, "heads_of_all", counted(hot.heads_of_all))
    monkeypatch.setattr(hot, "heads_of_many", counted(hot.heads_of_many))
    found = metrics.latest(many, within=3600)
    assert {s: values["up"] for s, (_at, values) in found.items()} == {**dict.fromkeys(many, 5.0), many[0]: 1500.0}
    assert sum(read) < 2 * len(many)


def test_a_device_may_be_called_anything() -> None:
    now = float(int(time.time()))
    odd = "fs.used[/mnt/two\nlines <b>]"
    assert metrics.write([Sample("host:1", now - 10, {odd: 1.0, "cpu.cores": 2.0})]) == 1
    numbers.forget()
    values = metrics.latest(["host:1"])["host:1"][1]
    assert values["cpu.cores"] == 2.0
    assert values["fs.used[/mnt/two lines <b>]"] == 1.0
