"""What arrives is stored once, under the right name, whatever happens to the database."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest
from django.db import OperationalError, connection

from hosts import hooks
from hosts.collector import deltas
from hosts.collector import ingest as ingest_module
from hosts.collector.ingest import Arrived, Ingest
from hosts.models import Collector, Host, SeenContainer
from tests.factories import make_host
from tests.hosts.collector.blocks import ID, OTHER, block, container_line
from xqplatform import metrics

pytestmark = pytest.mark.django_db


class Measured:
    """A host whose container `ID` is instance 7's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.host: Host = make_host("h1")
        self.words: list[float] = []  # when the engine was heard to tell of a kill in `ID`
        Collector.objects.create(host=self.host, state="placed", lease="mine")
        monkeypatch.setattr(hooks, "METRIC_SUBJECTS", [lambda _host, found: {ID: "instance:7"} if ID in found else {}])
        monkeypatch.setattr(hooks, "METRIC_OOMS", [self._heard])
        self.now = round(time.time(), 2) - 100
        self.ingest = Ingest(lambda: "mine")

    def _heard(self, since: Mapping[str, float]) -> dict[str, list[float]]:
        return {ID: [word for word in self.words if word > since[ID]]} if ID in since else {}

    def hear(self, tick: float) -> None:
        """The engine's word of a kill, at a moment between ticks."""
        self.words.append(self.now + tick * 10)

    def tick(self, number: int, *lines: str, **options: Any) -> int:
        """Tick `number` arrives, 10 s after the one before; how many samples were new."""
        at = 1000.0 + number * 10
        self.put(number, block("L 1 1 1 50", *lines, seq=number, uptime=at), **options)
        return self.ingest.work()

    def put(self, number: int, one: Any, old: bool = False) -> None:
        when = round(self.now + number * 10, 2)
        self.ingest.put(Arrived(self.host.pk, one, None if old else when, when - one.uptime))

    def values(self, subject: str = "instance:7") -> dict[str, float]:
        return metrics.latest([subject], within=1000).get(subject, (0.0, {}))[1]

    @property
    def row(self) -> Collector:
        return Collector.objects.get(host=self.host)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Measured:
    return Measured(monkeypatch)


def line(number: int, engine_id: str = ID, **values: Any) -> str:
    return container_line(engine_id, at=1000.0 + number * 10, **values)


def test_an_instance_and_its_host_are_stored(measured: Measured) -> None:
    assert measured.tick(1, "U 0 0", line(1)) == 2
    assert measured.tick(2, "U 500 0", line(2, cpu=2 * 10**9)) == 2
    assert measured.values()["cpu.cores"] == pytest.approx(0.1)
    assert measured.values(f"host:{measured.host.pk}")["cpu.cores"] == pytest.approx(0.5)
    row = measured.row
    assert (row.boot, row.position, row.seq, row.every, row.lines) == ("68f02770", 1020.0, 2, 10.0, 4)
    assert (row.containers, row.stored, row.lost_ticks) == (1, 1, 0)
    assert row.last_sample == pytest.approx(measured.now + 20)


def test_whoever_is_nobodys_is_not_stored(measured: Measured) -> None:
    assert measured.tick(1, line(1, OTHER)) == 1
    assert (measured.row.containers, measured.row.stored) == (1, 0)


def test_what_was_stored_before_gives_only_the_beginning_of_rates(measured: Measured) -> None:
    measured.put(1, block(line(1), uptime=1010), old=True)
    assert measured.ingest.work() == 0
    assert measured.tick(2, line(2, cpu=2 * 10**9)) == 2
    assert measured.values()["cpu.cores"] == pytest.approx(0.1)


def test_the_same_tick_again_is_stored_once(measured: Measured, monkeypatch: pytest.MonkeyPatch) -> None:
    measured.tick(1, line(1))
    measured.tick(2, line(2, cpu=2 * 10**9))
    again = Ingest(lambda: "mine")
    for number in (1, 2):
        again.put(Arrived(measured.host.pk, block(line(number), seq=number, uptime=1000.0 + number * 10),
                          round(measured.now + number * 10, 2), 0.0))  # fmt: skip
    assert again.work() == 0
    assert measured.values()["cpu.cores"] == pytest.approx(0.1)


def test_lost_ticks_and_bad_lines_are_counted(measured: Measured) -> None:
    measured.tick(1)
    measured.put(5, block(seq=5, uptime=1050))
    measured.ingest._queue.put(Arrived(measured.host.pk, block(seq=6, uptime=1060), measured.now + 60, 0.0, bad=4))
    measured.ingest.work()
    assert (measured.row.lost_ticks, measured.row.lines_bad) == (3, 4)


def test_health_comes_from_what_the_engine_was_seen_to_say(measured: Measured) -> None:
    seen = {
        "host": measured.host,
        "engine_id": ID,
        "name": "x",
        "state": "running",
        "seen": measured.host.seen,
        "ours": True,
    }
    SeenContainer.objects.create(**seen, health="unhealthy")
    measured.tick(1, line(1))
    assert measured.values()["health"] == 0
    SeenContainer.objects.update(health="healthy")
    measured.tick(2, line(2))
    assert measured.values()["health"] == 1
    SeenContainer.objects.update(health="")
    measured.tick(3, line(3))
    assert "health" not in measured.values()


def test_a_kill_that_took_the_whole_container_is_counted_once(measured: Measured) -> None:
    measured.tick(1, line(1))
    measured.hear(1.5)
    measured.tick(2)
    measured.tick(3, line(3, started=99))
    assert measured.values()["memory.oom_kills"] == 1
    measured.tick(4, line(4, started=99))
    assert measured.values()["memory.oom_kills"] == 0


@pytest.mark.parametrize("away", [True, False])
def test_a_kill_that_the_dying_containers_own_counter_showed_is_not_counted_again(
    measured: Measured, away: bool
) -> None:
    """A tick may fall between the kill and the end of its group: then both the counter and the engine tell of it."""
    measured.tick(1, line(1))
    measured.tick(2, line(2, oom_kills=1))
    assert measured.values()["memory.oom_kills"] == 1
    measured.hear(2.05)
    measured.tick(3, *([] if away else [line(3, started=99)]))
    measured.tick(4, line(4, started=99))
    assert measured.values().get("memory.oom_kills", 0) == 0
    measured.tick(5, line(5, started=99))
    measured.hear(5.5)
    measured.tick(6)
    measured.tick(7, line(7, started=111))
    assert measured.values()["memory.oom_kills"] == 1, "the next one that no counter showed"


def test_a_kill_inside_long_before_the_container_was_killed_as_a_whole_hides_nothing(measured: Measured) -> None:
    measured.tick(1, line(1))
    measured.tick(2, line(2, oom_kills=1))
    measured.hear(1.9)
    measured.tick(3, line(3, oom_kills=1))
    measured.hear(3.7)
    measured.tick(4)
    measured.tick(5, line(5, started=99))
    assert measured.values()["memory.oom_kills"] == 1


def test_a_kill_counts_though_the_ticks_time_is_a_little_later_than_it_was(measured: Measured) -> None:
    for before, counted in ((1.0, 1), (5.0, 0)):
        measured.ingest.forget(measured.host.pk)
        measured.now += 40
        measured.words = [measured.now + 10 - before]
        measured.tick(1, line(1, started=before))
        measured.tick(2)
        measured.tick(3, line(3, started=99))
        assert measured.values().get("memory.oom_kills", 0) == counted


def test_the_engines_word_heard_around_a_reading_counts_once_though_two_lives_end(measured: Measured) -> None:
    """Killed just before a reading, begun again at once, heard just after it; and the next life ends by itself."""
    measured.tick(1, line(1))
    measured.hear(2.06)
    measured.tick(2, line(2, started=50))
    measured.tick(3)
    assert measured.values()["memory.oom_kills"] == 1
    measured.tick(4, line(4, started=99))
    measured.tick(5, line(5, started=99))
    points = metrics.series(["instance:7"], ["memory.oom_kills"], measured.now, measured.now + 60)[0].points
    assert sum(point.avg * point.count for point in points) == 1


def test_a_kill_within_is_followed_by_one_of_the_whole_and_both_count(measured: Measured) -> None:
    measured.tick(1, line(1))
    measured.hear(1.95)
    measured.tick(2, line(2, oom_kills=1))
    assert measured.values()["memory.oom_kills"] == 1
    measured.hear(2.6)
    measured.tick(3)
    measured.tick(4, line(4, started=99))
    assert measured.values()["memory.oom_kills"] == 1


def test_a_hook_that_raises_says_nothing_and_holds_up_nobody(
    measured: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_given: Any) -> Any:
        raise ValueError("a fault of the app above")

    monkeypatch.setattr(hooks, "METRIC_SUBJECTS", [broken, *hooks.METRIC_SUBJECTS])
    monkeypatch.setattr(hooks, "METRIC_OOMS", [broken])
    assert measured.tick(1, line(1)) == 2
    assert measured.tick(2) == 1
    assert measured.tick(3, line(3, started=99)) == 2, "a life has ended, and nobody knows how"


def test_a_restart_is_counted_though_a_tick_fell_into_it(measured: Measured, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, str, float]] = []
    monkeypatch.setattr(hooks, "METRIC_RESTARTS", [told.extend])
    measured.tick(1, line(1))
    measured.tick(2)
    measured.tick(3, line(3, started=99))
    assert measured.values()["restarts"] == 1
    assert "cpu.cores" not in measured.values()
    measured.tick(4, line(4, started=99))
    assert measured.values()["restarts"] == 0
    assert [life for _subject, life, _moment in told] == [ID[:12]], "and told of once"


def test_a_kill_within_a_container_is_counted_by_its_own_counter(measured: Measured) -> None:
    measured.tick(1, line(1))
    measured.hear(1.5)
    measured.hear(1.7)
    measured.tick(2, line(2, oom_kills=2))
    assert measured.values()["memory.oom_kills"] == 2


def test_a_locked_database_delays_and_loses_nothing(measured: Measured, monkeypatch: pytest.MonkeyPatch) -> None:
    measured.tick(1, line(1))
    real = metrics.write

    def locked(_samples: Any) -> int:
        raise OperationalError("database is locked")

    monkeypatch.setattr(metrics, "write", locked)
    assert [measured.tick(number, line(number, cpu=number * 10**9)) for number in (2, 3)] == [0, 0]
    assert measured.row.position == 1010
    monkeypatch.setattr(metrics, "write", real)
    assert measured.ingest.work() == 4
    assert measured.row.position == 1030
    assert measured.values()["cpu.cores"] == pytest.approx(0.1)


def test_a_block_that_cannot_be_taken_in_holds_up_no_other(measured: Measured, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_before: Any, _block: Any) -> Any:
        raise ValueError("no such thing")

    measured.tick(1, line(1))
    with monkeypatch.context() as patch:
        patch.setattr(deltas, "tick", broken)
        assert measured.tick(2) == 0
    assert measured.tick(3) == 1
    assert measured.row.position == 1030


def test_where_too_much_waits_it_is_read_again_from_where_the_row_says(
    measured: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[bool] = []
    measured.ingest._overflow = lambda: told.append(True)
    monkeypatch.setattr(ingest_module, "WAITING", 5)

    def locked(_samples: Any) -> int:
        raise OperationalError("database is locked")

    monkeypatch.setattr(metrics, "write", locked)
    for number in range(1, 4):
        measured.tick(number, line(number))
    assert told
    monkeypatch.undo()
    assert measured.tick(4, line(4)) == 0, "its reader was told to begin anew: what it still sends would leave a hole"
    assert measured.row.position == 0


def test_what_comes_while_one_attempt_to_write_lasts_is_bounded_and_what_no_log_has_is_counted(
    measured: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[bool] = []
    measured.ingest._overflow = lambda: told.append(True)
    measured.tick(1, line(1))
    monkeypatch.setattr(ingest_module, "WAITING", 5)
    for number in range(2, 10):
        measured.put(number, block(line(number), seq=number, uptime=1000.0 + number * 10))
    assert measured.ingest._queue.qsize() == 3, "nobody worked meanwhile"
    measured.ingest.work()
    assert (told, measured.row.position) == ([True], 1010.0), "nothing is stored beyond a hole"
    when, again = round(measured.now + 100, 2), block(line(10), seq=10, uptime=1100.0)
    position, generation = measured.row.position, measured.ingest.generation
    measured.ingest.put(Arrived(measured.host.pk, again, when, when - 1100.0, position=position, generation=generation))
    assert measured.ingest.work() == 1
    assert measured.row.lost_ticks == 8


def test_whoever_lost_the_lease_moves_no_row(measured: Measured) -> None:
    Collector.objects.update(lease="another's")
    measured.tick(1, line(1))
    assert measured.row.position == 0


def test_hundreds_of_hosts_take_few_statements(measured: Measured, django_assert_max_num_queries: Any) -> None:
    hosts = [make_host() for _ in range(50)]
    for host in hosts:
        Collector.objects.create(host=host, state="placed", lease="mine")
    for number in (1, 2):
        for host in hosts:
            one = block(line(number), line(number, OTHER), seq=number, uptime=1000.0 + number * 10)
            measured.ingest.put(Arrived(host.pk, one, measured.now + number * 10, 0.0))
        with django_assert_max_num_queries(120):
            assert measured.ingest.work() > 0
    assert connection.vendor
