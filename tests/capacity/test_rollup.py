"""Days that are over become rows: once, whatever happened, and as far back as something was measured."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from containers.capacity import offered, reading, rollup
from containers.capacity.models import Day, HostDay, Of, PlaceDay, SegmentDay, SumDay
from hosts.models import Host, HostGroup
from tests import factories
from xqplatform import metrics
from xqplatform.metrics import Sample, keeping
from xqplatform.metrics.models import Due

pytestmark = pytest.mark.django_db
GIB = 1 << 30


@pytest.fixture(autouse=True)
def far_back(settings: Any) -> None:
    settings.METRICS_LATE = 60 * 86400.0
    settings.METRICS_LEAST_FREE = 0


@pytest.fixture
def day() -> Any:
    """The day before yesterday."""
    return (timezone.now() - timedelta(days=2)).astimezone(UTC).date()


@pytest.fixture
def fleet(day: Any) -> dict[str, Any]:
    """Two hosts, one place with two instances; the first host and instance were measured all day, the others never."""
    hosts = [factories.make_host(f"h{n}", data_root="/var/lib/docker") for n in (1, 2)]
    place = factories.make_place(config=None)
    place.config = factories.make_config(place, {"cpus": 2, "memory": 4 * GIB})
    place.save()
    instances = [factories.make_instance(place, host) for host in hosts]
    born = datetime.combine(day, datetime.min.time(), UTC) - timedelta(hours=1)
    for row in (*hosts, *instances):
        type(row).objects.filter(pk=row.pk).update(created=born)
    start, end = reading.bounds(day)
    samples = []
    for n, at in enumerate(range(int(start), int(end), 60)):
        busy = 8.0 if n < 144 else 2.0  # a tenth of the day
        disk = {"fs.size[/]": 50.0 * GIB, "fs.used[/]": 40.0 * GIB, "fs.size[/var]": 100.0 * GIB}
        disk["fs.used[/var]"] = (10 + n / 144) * GIB
        samples.append(Sample(f"host:{hosts[0].pk}", at, {"cpu.cores": busy, "memory.used": 16.0 * GIB, **disk}))
        values = {"cpu.cores": busy / 4, "memory.working_set": 1.0 * GIB, "cpu.throttled_time": busy / 100}
        samples.append(Sample(f"instance:{instances[0].pk}", at, values | {"memory.oom_kills": float(n == 30)}))
    metrics.write(samples)
    return {"hosts": hosts, "place": place, "instances": instances}


def rolled() -> None:
    while not keeping.keep():
        pass
    assert not Due.objects.exists()


def test_a_day_becomes_a_row_a_host_and_place(fleet: dict[str, Any], day: Any) -> None:
    factories.make_segment(hosts=fleet["hosts"])
    HostGroup.objects.update(reserve_cpus=1, overcommit_cpus=2, reserve_memory=4 * GIB, overcommit_memory=1)
    rolled()
    assert rollup.run() is True
    first, second = HostDay.objects.filter(day=day).order_by("host__name")
    assert (first.cpus, first.cpus_allocatable, first.cpus_committed, first.instances) == (16, 30.0, 2.0, 1)
    assert first.memory_allocatable == 60 * GIB
    assert (first.memory_committed, first.memory_p95) == (4 * GIB, 16 * GIB)
    assert first.cpu_p50 == pytest.approx(2.0)
    assert first.cpu_p95 == first.cpu_max == pytest.approx(8.0)
    assert (first.disk_total, round(first.disk_used / GIB)) == (
        100 * GIB,
        20,
    )  # of the mount that the engine's data is on
    # What was not measured is not zero.
    assert (second.cpu_p50, second.memory_max, second.disk_used) == (None, None, None)
    assert second.cpus_committed == 2.0
    row = PlaceDay.objects.get(day=day, place=fleet["place"])
    assert (row.instances, row.cpus_limit, row.memory_limit) == (2, 4.0, 8 * GIB)
    assert (row.cpu_p50, row.cpu_p95, row.cpu_one_p99) == pytest.approx((0.5, 2.0, 2.0))
    assert (row.memory_one_max, row.oom_kills) == (GIB, 1)
    assert row.throttled == pytest.approx(0.1, abs=0.01)
    assert SegmentDay.objects.get(day=day).total == 253
    assert Day.objects.filter(day=day).exists()


def test_a_day_is_rolled_up_once_and_late_ones_change_nothing(fleet: dict[str, Any], day: Any) -> None:
    rolled()
    rollup.run()
    before = list(HostDay.objects.values())
    Host.objects.update(cpus=64)
    assert rollup.run() is True
    assert list(HostDay.objects.values()) == before


def test_what_a_dead_process_began_is_gone_on_with(
    fleet: dict[str, Any], day: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rolled()
    monkeypatch.setattr(rollup, "HOSTS", 1)
    assert rollup.run(budget=0) is False  # it ends behind the first portion
    assert HostDay.objects.count() == 1
    assert not Day.objects.exists()
    kept = HostDay.objects.get()
    while not rollup.run(budget=0):
        pass
    days = Day.objects.count()
    assert HostDay.objects.count() == 2 * days
    assert PlaceDay.objects.count() == days
    assert HostDay.objects.get(pk=kept.pk).day == kept.day


def test_it_waits_for_a_store_that_is_behind_but_not_for_ever(fleet: dict[str, Any], day: Any) -> None:
    Due.objects.create(day=int(reading.bounds(day)[0]), shard=0)
    end = datetime.fromtimestamp(reading.bounds(day)[1], UTC)
    assert day not in rollup.due(end + timedelta(hours=2))
    assert day in rollup.due(end + timedelta(hours=7))


def test_a_day_is_over_a_while_after_its_end(fleet: dict[str, Any], day: Any) -> None:
    end = datetime.fromtimestamp(reading.bounds(day)[1], UTC)
    assert day not in rollup.due(end + timedelta(minutes=5))
    assert rollup.due(end + timedelta(minutes=45))[0] == day


def test_after_an_absence_all_days_are_caught_up_with(fleet: dict[str, Any], day: Any) -> None:
    Host.objects.update(created=timezone.now() - timedelta(days=6))
    rolled()
    rollup.run()
    found = list(Day.objects.order_by("day").values_list("day", flat=True))
    assert len(found) >= 5
    assert found[-1] - found[0] == timedelta(days=len(found) - 1)


def test_nothing_is_due_where_no_host_ever_was() -> None:
    assert rollup.due(timezone.now()) == []
    assert rollup.run() is True
    assert not Day.objects.exists()


def test_rows_are_kept_for_two_years(fleet: dict[str, Any], day: Any) -> None:
    rolled()
    old = day - timedelta(days=740)
    Day.objects.create(day=old, made=timezone.now())
    rollup.run()
    assert not Day.objects.filter(day=old).exists()


def test_a_machine_that_was_never_reached_is_one_that_was_not_measured(fleet: dict[str, Any], day: Any) -> None:
    new = factories.make_host("new", state=Host.State.NEW, cpus=0, memory=0)
    Host.objects.filter(pk=new.pk).update(created=timezone.now() - timedelta(days=3))
    rolled()
    rollup.run()
    row = HostDay.objects.get(host=new, day=day)
    assert (row.cpus, row.cpus_allocatable, row.cpu_p95) == (0, 0.0, None)
    whole = SumDay.objects.get(of=Of.FLEET, day=day)
    assert (whole.hosts, whole.measured, whole.cpus, whole.cpus_measured) == (3, pytest.approx(1 / 3), 32, 16)


def test_what_is_too_old_to_be_kept_is_not_rolled_up_again_and_again(fleet: dict[str, Any]) -> None:
    now = timezone.now()
    Host.objects.update(created=now - timedelta(days=1000))
    days = rollup.due(now)
    assert len(days) in {730, 731}  # yesterday's is not due in the first minutes of a day
    Day.objects.bulk_create([Day(day=one, made=now) for one in days])
    rollup.tidy(now)
    assert Day.objects.count() == len(days)
    assert rollup.due(now) == []


def test_an_instance_that_went_in_the_course_of_the_day_counts(fleet: dict[str, Any], day: Any) -> None:
    first = fleet["instances"][0]
    at = datetime.fromtimestamp(reading.bounds(day)[1] - 3600, UTC)
    type(first).objects.filter(pk=first.pk).update(removed=at)
    rolled()
    rollup.run()
    row = PlaceDay.objects.get(day=day, place=fleet["place"])
    assert row.instances == 1
    assert row.cpu_p95 == pytest.approx(2.0)


def test_reading_a_day_asks_the_database_a_few_times_whatever_its_size(
    fleet: dict[str, Any], day: Any, django_assert_max_num_queries: Any
) -> None:
    rolled()
    rows = list(Host.objects.all())
    with django_assert_max_num_queries(8):
        reading.hosts(day, rows, {})


def test_a_host_without_a_group_offers_what_a_new_group_would() -> None:
    grouped, alone = factories.make_host("g"), factories.make_host("a", group=None)
    assert offered.of_host(grouped) == offered.of_host(alone) == (16 * 16.0, 4 * 64 * GIB)
    alone.role_run = False
    assert offered.of_host(alone) == (0, 0)
