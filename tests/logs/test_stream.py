"""A log that is followed: many instances by time, through restarts, replacements and dead hosts, without doubles or gaps."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from containers.keeping_logs import Said, columns
from containers.logs import reader, seats, stream
from containers.logs.filters import filter_of
from containers.logs.levels import ERROR, WARN
from containers.logs.mailbox import Mailbox
from containers.logs.reader import Reader
from containers.logs.stream import Asked, follow
from containers.logs.text import NOTE, Line
from containers.models import KeptLog
from hosts.engine import LogLine
from tests import factories
from tests.log_engine import LogEngine, stamp_of
from tests.logs.conftest import id_of

Events = list[tuple[str, Any]]
T0 = 1_800_000_000 * 10**9


def lines_in(events: Events) -> list[Line]:
    return [line for name, data in events if name == "lines" for line in data]


def texts(events: Events) -> list[str]:
    return [line.text for line in lines_in(events) if line.channel != NOTE]


def notes(events: Events) -> list[str]:
    return [line.text for line in lines_in(events) if line.channel == NOTE]


def heard(asked: Asked, enough: Callable[[Events], Any], *meanwhile: Callable[[], None]) -> Events:
    """What a page hears until it is enough. Each of `meanwhile` is done once, when what is to be heard so far came."""
    todo = list(meanwhile)

    async def run() -> Events:
        got: Events = []
        events = follow(asked)
        try:
            async with asyncio.timeout(60):
                async for event in events:
                    got.append(event)
                    if todo and lines_in(got):
                        await asyncio.get_running_loop().run_in_executor(None, todo.pop(0))
                    elif not todo and enough(got):
                        return got
        except TimeoutError:
            pytest.fail(f"It was never enough: {got}")
        finally:
            await events.aclose()  # type: ignore[attr-defined]
        return got

    return asyncio.run(run())


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "PAUSES", (0.05, 0.1))
    monkeypatch.setattr(stream, "AT_FIRST", 0.5)


@pytest.fixture(autouse=True)
def nothing_is_left() -> Any:
    before = set(threading.enumerate())
    yield
    for one in set(threading.enumerate()) - before:
        if isinstance(one, Reader):
            one.join(30)
            assert not one.is_alive(), f"{one.name} still reads"
    assert seats.taken() == (0, 0)


def test_lines_of_all_instances_are_in_the_order_of_their_times(
    place: Any, ids: list[str], log_engine: LogEngine
) -> None:
    for n in range(30):
        log_engine.say(ids[n % 3], f"line {n}", at=T0 + n * 1000)
    got = heard(Asked(place), lambda events: len(texts(events)) == 30)
    assert texts(got) == [f"line {n}" for n in range(30)]
    assert [line.number for line in lines_in(got)][:3] == [1, 2, 3]
    assert got[0][0] == "hello"
    assert [one["number"] for one in got[0][1]["sources"]] == [1, 2, 3]


def test_only_the_instances_and_lines_that_are_asked_for(place: Any, ids: list[str], log_engine: LogEngine) -> None:
    for one in ids:
        log_engine.say(one, "INFO calm", "WARN hm", "java.lang.Error: x", "\tat a.b(C.java:1)", "INFO calm", at=T0)
    got = heard(Asked(place, frozenset({2}), filter_of(level=WARN)), lambda events: len(texts(events)) == 3)
    assert texts(got) == ["WARN hm", "java.lang.Error: x", "\tat a.b(C.java:1)"]
    assert {line.number for line in lines_in(got)} == {2}
    assert lines_in(got)[-1].level == ERROR


def test_a_host_that_is_away_is_said_once_and_the_others_go_on(
    place: Any, ids: list[str], log_engine: LogEngine
) -> None:
    log_engine.broken = lambda path: (500, '{"message": "the disk is gone"}') if ids[1] in path else None
    log_engine.say(ids[0], "one", at=T0)
    got = heard(
        Asked(place),
        lambda events: "three" in texts(events) and notes(events),
        lambda: log_engine.say(ids[2], "three", at=T0 + 5) and None,
    )
    assert [words for words in notes(got) if "disk" in words] == notes(got)
    assert len(notes(got)) == 1


def test_a_new_container_of_an_instance_is_followed_from_its_beginning(
    place: Any, ids: list[str], log_engine: LogEngine
) -> None:
    one = place.instances.get(number=1)
    log_engine.say(ids[0], "old", at=T0)

    def replaced() -> None:
        fresh = factories.make_container(one)
        log_engine.say(fresh.engine_id, *(f"new {n}" for n in range(900)), at=T0 + 10**9)
        one.containers.filter(engine_id=ids[0]).update(ended=timezone.now())
        log_engine.end(ids[0])

    got = heard(Asked(place, frozenset({1})), lambda events: "new 899" in texts(events), replaced)
    assert texts(got) == ["old", *(f"new {n}" for n in range(900))]
    assert "ended its log" in notes(got)[0]
    assert "new container" in notes(got)[1]


def test_a_restarted_container_goes_on_without_doubles(place: Any, ids: list[str], log_engine: LogEngine) -> None:
    log_engine.say(ids[0], "a", "b", at=T0)
    log_engine.end(ids[0])

    def again() -> None:
        log_engine.logs[ids[0]].runs = True
        # A line of the other channel, stored later although it was written a little earlier.
        log_engine.say(ids[0], "c", error=True, at=T0 + 500)
        log_engine.say(ids[0], "d", at=T0 + 10**6)

    got = heard(Asked(place, frozenset({1})), lambda events: "d" in texts(events), again)
    assert sorted(texts(got)) == ["a", "b", "c", "d"]


def test_an_answer_that_breaks_off_is_asked_for_again(place: Any, ids: list[str], log_engine: LogEngine) -> None:
    log_engine.cut_after = 50
    log_engine.say(ids[0], *(f"{n}" for n in range(50)), at=T0)
    got = heard(
        Asked(place, frozenset({1})),
        lambda events: "more" in texts(events),
        lambda: log_engine.say(ids[0], "more", at=T0 + 10**6) and None,
    )
    assert texts(got) == [*(f"{n}" for n in range(50)), "more"]


def test_a_page_that_comes_back_gets_what_it_missed(place: Any, ids: list[str], log_engine: LogEngine) -> None:
    log_engine.say(ids[0], *(f"{n}" for n in range(2000)), at=T0)
    known = stamp_of(T0 + 1499 * 1000)
    got = heard(Asked(place, frozenset({1}), known={1: known}), lambda events: "1999" in texts(events))
    # What came up to two seconds earlier comes again: the page leaves out what it has.
    assert texts(got) == [f"{n}" for n in range(2000)]
    assert notes(got) == []
    exact = heard(Asked(place, frozenset({1}), since=known, overlap=0), lambda events: "1999" in texts(events))
    assert texts(exact) == [f"{n}" for n in range(1500, 2000)]


def test_what_was_missed_of_a_container_that_went_is_there_from_its_row(
    place: Any, ids: list[str], log_engine: LogEngine
) -> None:
    one = place.instances.get(number=1)
    old = one.containers.get()
    said = [LogLine("stdout", stamp_of(T0 + n * 10**9), f"old {n}") for n in range(5)]
    KeptLog.objects.create(
        instance=one,
        container=old,
        engine_id=old.engine_id,
        why="replaced",
        taken=timezone.now(),
        **columns(Said(said, 9)),
    )
    one.containers.update(ended=timezone.now())
    fresh = factories.make_container(one)
    log_engine.say(fresh.engine_id, "new", at=T0 + 10 * 10**9)
    got = heard(Asked(place, frozenset({1}), known={1: said[2].timestamp}), lambda events: "new" in texts(events))
    assert texts(got) == ["old 3", "old 4", "new"]


def test_what_is_too_much_to_catch_up_on_is_said(
    place: Any, ids: list[str], log_engine: LogEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "MOST_BACK", 10)
    log_engine.say(ids[0], *(f"{n}" for n in range(50)), at=T0)
    place.instances.get(number=1).containers.update(created="2020-01-01T00:00:00Z")
    got = heard(Asked(place, frozenset({1}), known={1: stamp_of(T0 + 5000)}), lambda events: "49" in texts(events))
    assert texts(got) == [f"{n}" for n in range(40, 50)]
    assert "are not shown" in notes(got)[0]


def test_what_had_no_room_is_counted_where_it_is_missing(place: Any, ids: list[str], log_engine: LogEngine) -> None:
    log_engine.say(ids[0], *(f"{n}" for n in range(100)), at=T0)
    log_engine.end(ids[0])

    async def run() -> list[Line]:
        box = Mailbox(asyncio.get_running_loop(), lines=10)
        wanted = stream.sources_of
        (source,) = await asyncio.to_thread(wanted, place, [1])
        one = Reader(source, box, filter_of(), tail=500)
        one.start()
        for _n in range(600):
            if one._skipped >= 90:
                break
            await asyncio.sleep(0.05)
        first = box.take()
        log_engine.logs[ids[0]].runs = True
        log_engine.say(ids[0], "later", at=T0 + 10**9)
        later: list[Line] = []
        while not any(line.text == "later" for line in later):
            assert await box.wait(30)
            later += box.take()
        one.stop()
        box.close()
        return first + later

    got = asyncio.run(run())
    shown = [line.text for line in got if line.channel != NOTE]
    assert shown == [*(f"{n}" for n in range(10)), "later"]
    words = [line.text for line in got if line.channel == NOTE and "skipped" in line.text]
    assert words == ["90 lines were skipped here: they came faster than they could be shown."]


def test_an_instance_that_comes_later_is_followed_too(
    place: Any, ids: list[str], log_engine: LogEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "LOOK", 0.1)
    log_engine.say(ids[0], "here", at=T0)

    def grown() -> None:
        host = place.instances.get(number=1).host
        fresh = factories.make_container(factories.make_instance(place, host, 4))
        log_engine.say(fresh.engine_id, "hello from the fourth", at=T0 + 10)

    got = heard(Asked(place), lambda events: "hello from the fourth" in texts(events), grown)
    assert [one["number"] for name, data in got if name == "sources" for one in data] == [4]


def test_one_person_with_too_many_logs_is_told_so(place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seats, "MOST_OF_ONE", 0)
    got = heard(Asked(place, person=7), lambda events: events[-1][0] == "failed")
    assert "close one of them" in got[-1][1]


def test_without_a_container_it_says_so(place: Any) -> None:
    one = place.instances.get(number=1)
    one.containers.all().delete()
    got = heard(Asked(place, frozenset({1})), notes)
    assert "No container runs here" in notes(got)[0]


def test_it_ends_by_itself_and_says_how_to_go_on(
    place: Any, ids: list[str], log_engine: LogEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "MOST_SECONDS", 0.7)
    log_engine.say(ids[0], "x", at=T0)
    got = heard(Asked(place), lambda events: events[-1][0] == "again")
    assert texts(got) == ["x"]
    assert id_of(place.instances.get(number=1)) == ids[0]


def test_who_may_read_no_more_is_told_to_ask_again(
    place: Any, ids: list[str], log_engine: LogEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "LOOK", 0.1)
    team = factories.make_team("readers")
    place.service.team = team
    place.service.save()
    dan = factories.make_user("dan", "developer", team)
    log_engine.say(ids[0], "before", at=T0)

    def left() -> None:
        team.memberships.all().delete()

    got = heard(Asked(place, person=dan.pk), lambda events: events[-1][0] == "again", left)
    assert texts(got) == ["before"]
