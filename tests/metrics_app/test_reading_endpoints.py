"""Applications' endpoints are read: real servers on loopback, good and bad ones."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from itertools import count, pairwise

import pytest

from containers.told import http
from containers.told.scraper import Outcome, Scraper
from containers.told.targets import Target
from tests.metrics_app.endpoints import Say, answer, application, dripping, endless, says, silent, target


def got(say: Say, **limits: float) -> str:
    async def ask() -> str:
        async with application(say) as port:
            return await http.get("127.0.0.1", port, "/metrics", **limits)  # type: ignore[arg-type]

    return asyncio.run(ask())


def test_an_answer_with_a_length() -> None:
    assert got(says(answer("a 1\n# ä\n".encode()))) == "a 1\n# ä\n"


def test_an_answer_until_its_end() -> None:
    assert got(says(b"HTTP/1.0 200 OK\r\n\r\na 1\n")) == "a 1\n"


def test_an_answer_in_chunks() -> None:
    chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\na \r\n2\r\n1\n\r\n0\r\n\r\n"
    assert got(says(chunks)) == "a 1\n"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (answer(b"", "500 Oops"), "status 500"),
        (answer(b"", "302 Found", "Location: http://127.0.0.1:1/\r\n"), "status 302"),
        (answer(b"x", head="Content-Encoding: gzip\r\n"), "compressed"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000, "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", "broke off"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n", "longer than 1024 KiB"),
        (b"", "broke off"),
    ],
)
def test_bad_answers_are_told_in_words(data: bytes, words: str) -> None:
    with pytest.raises(http.NoAnswer, match=words):
        got(says(data))


def test_nobody_who_listens_is_told() -> None:
    async def ask() -> None:
        async with application(silent) as port:
            pass
        await http.get("127.0.0.1", port, "/")

    with pytest.raises(http.NoAnswer, match="Nothing listens on port"):
        asyncio.run(ask())


@pytest.mark.parametrize("say", [silent, dripping])
def test_who_is_too_slow_is_left(say: Say) -> None:
    began = time.monotonic()
    with pytest.raises(http.NoAnswer, match=r"within 0\.3 seconds"):
        got(say, seconds=0.3)
    assert time.monotonic() - began < 3


def test_an_endless_answer_is_cut_off() -> None:
    with pytest.raises(http.NoAnswer, match="longer than"):
        got(endless, seconds=20)


def scraped(
    outcomes: list[Outcome], until: Callable[[], bool], targets: Mapping[int, Target], tick: float = 0.2
) -> Callable[[], object]:
    async def run() -> None:
        scraper = Scraper(outcomes.append, tick, seconds=2)
        scraper.assign(targets)
        running = asyncio.ensure_future(scraper.run())
        try:
            async with asyncio.timeout(30):
                while not until():
                    await asyncio.sleep(0.05)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    return run


def test_each_tick_brings_rates_and_gauges_of_the_instance() -> None:
    counter = count(100, 50)
    outcomes: list[Outcome] = []

    async def all_of_it() -> None:
        async with application(says(lambda: answer(b"a_total %d\nb 7\n" % next(counter)))) as port:
            enough = lambda: sum(one.sample is not None for one in outcomes) >= 4  # noqa: E731
            await scraped(outcomes, enough, {5: target(port, "a_total", "b", "c", instance=5)})()  # type: ignore[misc]

    asyncio.run(all_of_it())
    first, *others = [one.sample for one in outcomes if one.sample]
    assert dict(first.values) == {"app.b": 7}
    for before, one in zip([first, *others], others, strict=False):
        assert one.subject == "instance:5"
        assert one.values["app.b"] == 7
        assert one.values["app.a.rate"] == pytest.approx(50 / (one.time - before.time), rel=0.5)
        assert round(one.time * 100) % 4 == 1
    assert {one.missing for one in outcomes} == {("c",)}
    assert not any(one.trouble for one in outcomes)


def test_slow_and_dead_applications_delay_no_other() -> None:
    outcomes: list[Outcome] = []

    async def all_of_it() -> None:
        async with application(silent) as slow, application(says(answer(b"b 7\n"))) as quick:
            good = lambda: [one for one in outcomes if one.instance >= 1000]  # noqa: E731
            first = {1000: target(quick, "b", instance=1000)}
            many = {n: target(slow, "b", instance=n) for n in range(600)}
            scraper = Scraper(outcomes.append, 0.2, seconds=2)
            scraper.assign(first)
            running = asyncio.ensure_future(scraper.run())
            async with asyncio.timeout(30):
                while not good():
                    await asyncio.sleep(0.05)
                scraper.assign(first | many)
                outcomes.clear()
                while sum(bool(one.trouble) for one in outcomes) < 150:
                    await asyncio.sleep(0.05)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            times = [one.time for one in good()]
            assert len(times) >= 4
            assert max(b - a for a, b in pairwise(times)) < 1.5

    asyncio.run(all_of_it())


def test_none_of_the_names_is_trouble() -> None:
    outcomes: list[Outcome] = []

    async def all_of_it() -> None:
        async with application(says(answer(b"<html>hello</html>"))) as port:
            await scraped(outcomes, lambda: bool(outcomes), {1: target(port, "b")})()  # type: ignore[misc]

    asyncio.run(all_of_it())
    assert "none of the names" in outcomes[0].trouble
    assert outcomes[0].sample is None


def test_who_fails_is_asked_more_seldom() -> None:
    async def pauses() -> list[float]:
        scraper = Scraper(lambda _one: None, 10)
        return [scraper.next_due(100, 101, failures) - 100 for failures in range(8)]

    assert asyncio.run(pauses()) == [10, 10, 20, 40, 60, 60, 60, 60]


def test_a_moment_that_was_missed_is_not_made_up_for() -> None:
    async def due() -> float:
        return Scraper(lambda _one: None, 10).next_due(100, 137, 0)

    assert asyncio.run(due()) == 140


def test_a_fault_of_the_platforms_own_is_said_in_the_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_given: object) -> object:
        raise KeyError("nobody thought of it")

    monkeypatch.setattr("containers.told.scraper.read", broken)
    told: list[Outcome] = []

    async def ask() -> None:
        async with application(says(answer(b"a 1\n"))) as port:
            scraper = Scraper(told.append, 0.05)
            scraper.assign({1: target(port, "a")})
            running = asyncio.ensure_future(scraper.run())
            while not told:
                await asyncio.sleep(0.01)
            running.cancel()

    asyncio.run(asyncio.wait_for(ask(), 30))
    assert "KeyError" in told[0].trouble
