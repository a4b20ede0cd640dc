"""What containers said last is kept before they go, whatever goes wrong in reading it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from containers import keeping_logs
from containers.keeping_logs import keep, lines_of, moment_of, read, tidy
from containers.models import Container, KeptLog
from hosts.engine import EngineError, LogLine
from tests import factories

pytestmark = pytest.mark.django_db


class FakeStream:
    def __init__(self, lines: list[LogLine], hangs: bool) -> None:
        self.lines, self.hangs, self.end = lines, hangs, threading.Event()

    def __enter__(self) -> FakeStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.end.set()

    def __iter__(self) -> Iterator[LogLine]:
        yield from self.lines
        if self.hangs:
            assert self.end.wait(60)

    @property
    def stopped(self) -> bool:
        return self.end.is_set()

    def stop(self) -> None:
        self.end.set()


class FakeEngine:
    """Says these lines when it is asked for a log, or fails."""

    where = "run-a1"

    def __init__(self, *texts: str, error: EngineError | None = None, hangs: bool = False) -> None:
        self.texts, self.error, self.hangs = texts, error, hangs

    def logs(self, _container: str, *, tail: int, timeout: float) -> FakeStream:
        if self.error is not None:
            raise self.error
        lines = [LogLine("stdout", f"2026-01-01T10:00:{n % 60:02d}.5Z", text) for n, text in enumerate(self.texts)]
        return FakeStream(lines[-tail:], self.hangs)


@pytest.fixture
def container() -> Container:
    return factories.make_running_place("snow", "production", 1).instances.get().containers.get()


def kept(container: Container, engine: Any, why: str = "replaced", **more: Any) -> str:
    return keep(engine, container.engine_id, container.instance_id, why, host="run-a1", **more)


def test_the_last_lines_are_kept(container: Container) -> None:
    release = factories.make_deployment(container.instance.place)
    words = kept(container, FakeEngine("one", "two", "three"), deployment=release.pk)
    assert words == "one\ntwo\nthree"
    row = container.kept_log
    assert [one.text for one in lines_of(row)] == ["one", "two", "three"]
    assert (row.lines, row.cut, row.problem, row.host, row.why) == (3, False, "", "run-a1", "replaced")
    assert row.deployment == release
    assert row.first == datetime(2026, 1, 1, 10, 0, 0, 500000, UTC)
    assert row.last == row.first + timedelta(seconds=2)


def test_of_more_lines_the_last_are_kept_and_it_is_said(container: Container) -> None:
    kept(container, FakeEngine(*map(str, range(900))))
    row = container.kept_log
    assert [one.text for one in lines_of(row)] == [str(n) for n in range(400, 900)]
    assert row.cut


def test_what_failed_stays_noted_as_failed(container: Container) -> None:
    place = container.instance.place
    first, second = factories.make_deployment(place), factories.make_deployment(place)
    kept(container, FakeEngine("it breaks"), "failed", deployment=first.pk)
    kept(container, FakeEngine("it breaks", "and ends"), "replaced", deployment=second.pk)
    row = KeptLog.objects.get()
    assert (row.why, row.deployment, row.lines) == ("failed", first, 2)


def test_a_second_reading_that_fails_loses_nothing(container: Container) -> None:
    kept(container, FakeEngine("one"))
    away = EngineError("unreachable", "x", "run-a1 does not answer.")
    assert kept(container, FakeEngine(error=away)) == "one"
    row = KeptLog.objects.get()
    assert (row.lines, row.problem) == (1, "")


@pytest.mark.parametrize("kind", ["unreachable", "timeout", "other"])
def test_what_could_not_be_read_is_said(container: Container, kind: Any) -> None:
    broken = EngineError(kind, "no reading", "The log driver «none» cannot be read.")
    assert kept(container, FakeEngine(error=broken)) == ""
    row = KeptLog.objects.get()
    assert (row.lines, row.problem) == (0, "The log driver «none» cannot be read.")


def test_of_a_container_that_is_gone_already_nothing_is_noted(container: Container) -> None:
    assert kept(container, FakeEngine(error=EngineError("not_found", "x", "x"))) == ""
    assert not KeptLog.objects.exists()


def test_an_engine_that_hangs_holds_nobody_up(container: Container) -> None:
    said = read(FakeEngine("one", hangs=True), container.engine_id, seconds=0.05)  # type: ignore[arg-type]
    assert [one.text for one in said.lines] == ["one"]
    assert "took longer" in said.problem


def test_a_container_that_no_row_knows_is_kept_with_its_instance(container: Container) -> None:
    keep(FakeEngine("x"), "f" * 64, container.instance_id, "stray", host="run-b1")  # type: ignore[arg-type]
    row = KeptLog.objects.get()
    assert (row.container, row.instance, row.why) == (None, container.instance, "stray")
    assert keep(FakeEngine("x"), "e" * 64, 10**6, "stray") == ""  # type: ignore[arg-type]


def test_old_ones_go_and_the_oldest_of_too_many(container: Container, settings: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(keeping_logs, "AT_ONCE", 2)
    now = timezone.now()
    for days in (0, 1, 2, 3, 4, 200):
        one = factories.make_container(container.instance)
        row = factories.make_kept_log(one, "x" * 50, taken=now - timedelta(days=days))
        KeptLog.objects.filter(pk=row.pk).update(stored=100)
    settings.KEPT_LOG_BYTES = 450
    assert tidy(now) == 2
    left = list(KeptLog.objects.order_by("-taken").values_list("taken", flat=True))
    assert left == [now - timedelta(days=n) for n in range(4)]
    settings.KEPT_LOG_BYTES = 100
    assert tidy(now) == 3
    assert KeptLog.objects.get().taken == now
    assert tidy(now) == 0


@pytest.mark.parametrize("stamp", ["", "x", "2026-13-45T99:99:99Z", "2026"])
def test_a_time_that_is_none(stamp: str) -> None:
    assert moment_of(stamp) is None
