"""Bad days of a stream that is really followed, taken in and stored: only what the engine would send is written here."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
import time
from collections.abc import AsyncGenerator, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection

from hosts import hooks
from hosts.collector import follower, ingest, stream
from hosts.collector.follower import Follower
from hosts.collector.ingest import Ingest
from hosts.collector.protocol import Parser
from hosts.collector.readers import Readers
from hosts.models import Collector, Host
from tests.factories import make_host
from tests.hosts.collector.blocks import ID, block_lines, container_line
from xqplatform import live, metrics
from xqplatform.metrics import writing
from xqplatform.metrics.models import Upkeep

BOOT = "68f02770"
TICK = 10.0
CPU = 10**9  # ns a tick: a tenth of a core


def ticks(numbers: range, every: float = TICK) -> list[str]:
    """Lines of ticks, as they lie in the log."""
    found: list[str] = []
    for number in numbers:
        at = 1000.0 + number * every
        line = container_line(at=at, cpu=int(number * CPU * every / TICK))
        found += block_lines("L 1 1 1 50", line, seq=number, uptime=at, boot=BOOT)
    return [line.replace(" 10 v1 ", f" {every:g} v1 ") for line in found]


class Followed:
    """A host of which `now` (the platform's clock at tick 0, that can be moved) and the log are a test's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.host: Host = make_host("h1")
        self.offset = round(time.time()) - 1000.0 - 400 * TICK  # the tick 400 is now
        Collector.objects.create(host=self.host, state="placed", container="c", lease="mine")
        monkeypatch.setattr(hooks, "METRIC_SUBJECTS", [lambda _host, asked: {ID: "instance:7"} if ID in asked else {}])
        monkeypatch.setattr(hooks, "METRIC_OOMS", [])
        monkeypatch.setattr(
            live, "bump", lambda *_: None
        )  # (a client that waits by a clock which stands waits for ever)
        self.patch = monkeypatch
        self.ingest = Ingest(lambda: "mine")

    def known(self, number: int) -> None:
        """The row as whoever read tick `number` last left it."""
        at = 1000.0 + number * TICK
        Collector.objects.update(
            boot=BOOT, clock=self.offset, position=at, seq=number, every=TICK, lines=3, last_sample=at + self.offset
        )

    def read(self, *pieces: list[str]) -> int:
        """A reader begins as the row says and follows until the stream ends; how many samples were new."""
        asked: list[int | None] = []

        async def follow(_host: Any, _id: str, tail: int | None, *_: Any) -> AsyncGenerator[list[str], None]:
            asked.append(tail)
            for piece in pieces:
                yield piece

        self.patch.setattr(stream, "follow", follow)
        row = Collector.objects.select_related("host").get()
        reader = Follower(row, self.ingest.put, lambda *_: None, asyncio.Semaphore(1))
        words, gone = asyncio.run(reader._once())
        assert (words, gone) == ("The collector does not run.", True)
        self.tail = asked[0]
        return self.ingest.work()

    def points(self, metric: str) -> list[metrics.Point]:
        end = self.offset + 1000 + 900 * TICK
        found = metrics.series(["instance:7"], [metric], end - 3 * 3600 - 5000, end, points=4000)
        return found[0].points if found else []

    @property
    def row(self) -> Collector:
        return Collector.objects.get()


@pytest.fixture
def followed(monkeypatch: pytest.MonkeyPatch, db: None) -> Followed:
    return Followed(monkeypatch)


def test_an_hour_that_nobody_read_is_read_in_at_its_own_times_and_once(followed: Followed) -> None:
    followed.known(40)
    assert followed.read(ticks(range(30, 401))) == 2 * 360
    assert followed.tail is None, "after so long all of the log is asked for"
    points = followed.points("up")
    assert [round(point.time - followed.offset - 1000, 2) for point in points] == [n * TICK for n in range(41, 401)]
    rates = followed.points("cpu.cores")
    assert len(rates) == 360, "the first one's rate, too: what was stored before is still in the log"
    assert all(point.avg == pytest.approx(0.1) for point in rates)
    row = followed.row
    assert (row.position, row.seq, row.lost_ticks, row.lines_bad) == (5000.0, 400, 0, 0)
    # Another process reads it all again, as after a death before the row was written.
    followed.known(40)
    followed.ingest = Ingest(lambda: "mine")
    assert followed.read(ticks(range(30, 401))) == 0
    assert len(followed.points("up")) == 360


def test_where_the_log_was_turned_over_in_that_hour_there_is_a_gap(followed: Followed) -> None:
    followed.known(40)
    torn = ticks(range(150, 401))[1:]  # and the oldest file begins in the middle of a block
    assert followed.read(torn) == 2 * 250
    points = followed.points("up")
    assert points[0].time == pytest.approx(followed.offset + 1000 + 151 * TICK)
    rates = followed.points("cpu.cores")
    assert rates[0].time == pytest.approx(points[1].time), "nothing is drawn over what is not known"
    assert all(point.avg == pytest.approx(0.1) for point in rates)
    row = followed.row
    assert (row.lines_bad, row.lost_ticks) == (3, 110)


def test_a_host_that_is_away_for_an_hour_and_ticks_on_loses_no_tick_unseen(followed: Followed) -> None:
    followed.known(40)
    followed.read(ticks(range(38, 43)))
    followed.read(ticks(range(395, 401)))
    assert followed.row.lost_ticks == 352
    points = followed.points("up")
    assert max(after.time - before.time for before, after in itertools.pairwise(points)) == pytest.approx(353 * TICK)


@pytest.mark.parametrize(
    ("jump", "early", "refused", "late"),
    [(3600.0, range(20, 25), 40, range(0)), (-3600.0, range(0), 20, range(40, 45))],
)
def test_the_platforms_clock_jumps_an_hour_and_back(
    followed: Followed, jump: float, early: range, refused: int, late: range
) -> None:
    """Fifty ticks, from the 20th to the 39th the clock is wrong. Back is sure with the second tick, and the first is refused as one of
    the future; forward is sure after a minute, and until then ticks have the time from before."""
    moved, base = {"at": 0.0}, round(time.time()) - 7200.0  # (who reads knows nothing later than now)
    followed.offset = base - 1000.0
    followed.known(0)
    clock = SimpleNamespace(time=lambda: base + moved["at"], monotonic=time.monotonic)
    for module in (follower, ingest, writing):
        followed.patch.setattr(module, "time", clock)
    parser = Parser()
    reader = Follower(Collector.objects.get(), followed.ingest.put, lambda *_: None, asyncio.Semaphore(1))
    for number in range(50):
        moved["at"] = number * TICK + (jump if 20 <= number < 40 else 0.0)
        for block in parser.blocks(ticks(range(number, number + 1))):
            reader._arrived(block, clock.time(), parser)
        followed.ingest.work()
    wrong = (set(range(20, 40)) - set(early)) | set(late)
    expected = sorted(n * TICK + (jump if n in wrong else 0.0) for n in range(1, 50) if n != refused)
    assert [point.time - base for point in followed.points("up")] == pytest.approx(expected, abs=0.05)
    upkeep = Upkeep.objects.get()
    assert (upkeep.from_future, upkeep.from_past) == (2, 0), "the host's and the instance's of one tick"
    assert all(point.avg == pytest.approx(0.1) for point in followed.points("cpu.cores")), "rates need no clock"
    row = followed.row
    assert (row.position, row.lost_ticks) == (1000 + 49 * TICK, 0)
    assert row.last_sample == pytest.approx(base + 49 * TICK, abs=0.05), "the right time again"


def test_five_hundred_containers_that_come_and_go_within_a_minute(followed: Followed) -> None:
    """Each has its samples and no rate of another's."""
    ids = [f"{number:064x}" for number in range(1, 501)]
    names = {one: f"instance:{number}" for number, one in enumerate(ids, 100)}
    followed.patch.setattr(hooks, "METRIC_SUBJECTS", [lambda _h, asked: {i: names[i] for i in asked if i in names}])
    followed.known(390)
    log: list[str] = []
    for number in range(391, 396):
        at = 1000.0 + number * TICK
        there = ids[
            (number - 391) * 100 : (number - 391) * 100 + 200
        ]  # each is there for two ticks, the first ones for one
        lines = [container_line(one, at=at, started=int(one, 16), cpu=number * CPU) for one in there]
        log += block_lines("L 1 1 1 50", *lines, seq=number, uptime=at, boot=BOOT)
    assert followed.read(log) == 5 + 100 + 400 * 2
    found = metrics.series(list(names.values()), ["cpu.cores"], followed.offset + 1000, time.time() + 60, points=4000)
    assert sum(len(one.points) for one in found) == 400, "a rate for each that was there twice"
    assert all(point.avg == pytest.approx(0.1) for one in found for point in one.points)
    restarts = metrics.series(list(names.values()), ["restarts"], followed.offset + 1000, time.time() + 60, points=4000)
    assert sum(point.avg for one in restarts for point in one.points) == 0
    assert (followed.row.lines_bad, followed.row.lost_ticks) == (0, 0)


# --- A database that is locked by somebody else -----------------------------------------------------------------------

# Another connection lets nobody write: how, and for how many seconds. The patience of SQLite's driver (20 s) ends once.
LOCKS = {
    "sqlite": ("BEGIN EXCLUSIVE", 22.0),
    "postgresql": ("BEGIN; LOCK TABLE metrics_hot IN EXCLUSIVE MODE", 5.0),
}


@pytest.mark.django_db(transaction=True)
def test_a_database_that_another_connection_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    lock, seconds = LOCKS[connection.vendor]
    host = make_host("h1")
    monkeypatch.setattr(hooks, "METRIC_SUBJECTS", [lambda _host, asked: {ID: "instance:7"} if ID in asked else {}])
    sent: list[int] = []

    began = time.monotonic()

    async def follow(*_: Any) -> AsyncGenerator[list[str], None]:
        for number in itertools.count():
            sent.append(number)
            yield ticks(range(number, number + 1), every=1.0)
            await asyncio.sleep(max(0.0, began + number + 1 - time.monotonic()))

    monkeypatch.setattr(stream, "follow", follow)
    Collector.objects.create(host=host, state="placed", container="c")
    readers = Readers()
    try:
        readers.start()
        _wait(lambda: len(_samples()) > 3, 30)
        with contextlib.closing(connection.copy()) as other, other.cursor() as cursor:
            cursor.execute(lock)
            before = len(_samples())
            time.sleep(seconds)  # (longer than the driver waits: time itself is the matter)
            assert len(_samples()) == before
            assert all(thread.is_alive() for thread in readers._threads)
            cursor.execute("ROLLBACK")
        last = sent[-1]
        _wait(lambda: Collector.objects.get().seq >= last, 40)
        assert all(thread.is_alive() for thread in readers._threads)
        assert (Collector.objects.get().lost_ticks, Collector.objects.get().lines_bad) == (0, 0)
        assert readers.start() == [], "it is still this process's"
    finally:
        readers.stop()
    times = [point.time for point in _samples()]
    assert len(times) == Collector.objects.get().seq + 1, "nothing lost, nothing twice"
    assert all(0.3 < after - before < 2.5 for before, after in itertools.pairwise(times))
    assert not [one.name for one in threading.enumerate() if one.name in {"collectors", "measurements"}]


def _samples() -> list[metrics.Point]:
    found = metrics.series(["instance:7"], ["up"], time.time() - 300, time.time() + 60, points=4000)
    return found[0].points if found else []


def _wait(ready: Callable[[], bool], seconds: float) -> None:
    until = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.2)
