"""Nothing grows without a bound: the mailbox between threads, and who may have how many logs open."""

from __future__ import annotations

import asyncio
import threading

import pytest

from containers.logs import seats
from containers.logs.mailbox import Mailbox
from containers.logs.seats import refusal, seat
from containers.logs.text import Line
from containers.services import log_files
from hosts.helper import Result
from hosts.models import Host


def line(text: str) -> Line:
    return Line(1, "", 0, 0, text)


def test_a_full_mailbox_waits_for_room_and_then_refuses() -> None:
    async def run() -> None:
        box = Mailbox(asyncio.get_running_loop(), lines=2)
        assert box.put(line("a"), 0)
        assert box.put(line("b"), 0)
        assert not box.put(line("c"), 0.05)
        assert box.put(line("a note"), always=True)
        waiter = asyncio.get_running_loop().run_in_executor(None, box.put, line("d"), 30.0)
        assert await box.wait(30)
        assert [one.text for one in box.take()] == ["a", "b", "a note"]
        assert await waiter
        assert await box.wait(30)
        assert [one.text for one in box.take()] == ["d"]
        assert not await box.wait(0.01)

    asyncio.run(run())


def test_long_lines_fill_it_too() -> None:
    async def run() -> None:
        box = Mailbox(asyncio.get_running_loop(), characters=10)
        assert box.put(line("x" * 10), 0)
        assert not box.put(line("y"), 0)

    asyncio.run(run())


def test_who_waits_for_room_goes_on_when_nobody_takes_any_more() -> None:
    async def run() -> None:
        box = Mailbox(asyncio.get_running_loop(), lines=1)
        box.put(line("a"), 0)
        waiter = asyncio.get_running_loop().run_in_executor(None, box.put, line("b"), 60.0)
        box.close()
        assert not await waiter

    asyncio.run(run())


def test_a_loop_that_has_ended_takes_nothing() -> None:
    loop = asyncio.new_event_loop()
    box = Mailbox(loop)
    loop.close()
    box.put(line("a"), 0)
    assert box.closed


def test_one_person_may_have_so_many_open_and_others_still_may() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(seats, "MOST_OF_ONE", 2)
        with seat(7, 1) as first, seat(7, 1) as second:
            assert (first, second) == ("", "")
            with seat(7, 1) as third:
                assert "2 logs open" in third
            with seat(8, 1) as other:
                assert other == ""
        with seat(7, 1) as again:
            assert again == ""
    assert seats.taken() == (0, 0)


def test_readers_of_all_are_limited() -> None:
    assert refusal(0, seats.MOST_READERS - 2, 2) == ""
    assert "no room" in refusal(0, seats.MOST_READERS - 2, 3)


def test_seats_are_counted_over_threads() -> None:
    def sit() -> None:
        for _n in range(200):
            with seat(9, 3):
                pass

    threads = [threading.Thread(target=sit) for _n in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(60)
    assert seats.taken() == (0, 0)


def test_a_file_name_that_claims_a_time_hinders_no_list(monkeypatch: pytest.MonkeyPatch) -> None:
    said = "12 1800000000 ./app.log\n1 99999999999999999999 ./later\n1 1800000000 ./../out"
    monkeypatch.setattr(log_files, "_run", lambda folder, command: Result(0, said))
    found, more = log_files.files(log_files.Folder("f1", Host(), "/x:/persist:ro", "x"))
    assert [(one.name, one.changed.year < 10_000) for one in found] == [("later", True), ("app.log", True)]
    assert not more
