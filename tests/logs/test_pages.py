"""A log by pages and the API: who may read it, that reading is noted once an opening, and what comes out."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client
from django.utils import timezone

from containers.keeping_logs import Said, columns
from containers.logs import seats, stream
from containers.models import KeptLog
from containers.services.log_files import safe_name
from hosts.engine import LogLine
from tests import factories
from tests.log_engine import LogEngine, stamp_of
from xqplatform.audit.models import Event

LOGS = "/services/snow/production/logs/"
API = "/api/v1/services/snow/production/logs"
T0 = 1_800_000_000 * 10**9


@pytest.fixture
def sara(place: Any, sre: Any) -> Client:
    client = Client()
    client.force_login(sre)
    return client


@pytest.fixture
def stranger(place: Any) -> Client:
    """A developer of another team."""
    client = Client()
    client.force_login(factories.make_user("quinn", "developer", factories.make_team("quotes")))
    return client


def whole(answer: Any) -> str:
    """All of an answer that comes in pieces."""
    if not answer.is_async:
        return b"".join(answer.streaming_content).decode()

    async def read() -> bytes:
        return b"".join([piece async for piece in answer.streaming_content])

    return async_to_sync(read)().decode()


def read_events() -> Any:
    return Event.objects.filter(action="service.logs.read", denied=False)


def opening_of(page: str) -> str:
    return page.partition('data-opening="')[2].partition('"')[0]


def test_one_opening_is_one_event_whatever_it_reads_and_each_download_another(
    sara: Client, ids: list[str], log_engine: LogEngine
) -> None:
    log_engine.say(ids[0], "hello", at=T0)
    opening = opening_of(sara.get(LOGS).content.decode())
    assert read_events().count() == 1
    for _again in range(2):
        assert "hello" in sara.get(f"{LOGS}lines/?before=2099-01-01T00:00:00Z&opening={opening}").content.decode()
    assert read_events().count() == 1
    for _again in range(2):
        assert "hello" in whole(sara.get(f"{LOGS}download/?opening={opening}"))
    assert [event.after["what"] for event in read_events().order_by("id")] == ["page", "download", "download"]
    sara.get(f"{LOGS}lines/?before=2099-01-01T00:00:00Z&opening=made-up")
    sara.get(LOGS)
    assert read_events().count() == 5


def test_what_is_read_at_once_takes_a_seat_too(sara: Client, sre: Any, ids: list[str], log_engine: LogEngine) -> None:
    log_engine.say(ids[0], "hello", at=T0)
    ways = {"read": ("lines/?before=2099-01-01T00:00:00Z", "?plain=1"), "download": ("download/",)}
    for kind, paths in ways.items():
        for path in paths:
            with contextlib.ExitStack() as others:
                for _n in range(seats.most(kind)):
                    assert others.enter_context(seats.seat(sre.pk, 3, kind)) == ""
                answer = sara.get(f"{LOGS}{path}")
                assert answer.status_code == 429, path
                assert "which is the most one person may" in answer.content.decode()
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr(seats, "most", lambda _kind: 99)
                    patch.setattr(seats, "MOST_READERS", seats.taken()[1] + 2)
                    answer = sara.get(f"{LOGS}{path}")
                assert answer.status_code == 503, path
                assert "has no room now" in answer.content.decode()
            answer = sara.get(f"{LOGS}{path}")
            assert "hello" in (whole(answer) if answer.streaming else answer.content.decode()), path
    with contextlib.ExitStack() as others:
        for _n in range(seats.MOST_READS):
            others.enter_context(seats.seat(sre.pk, 3, "read"))
        assert sara.get(API).status_code == 429
    assert seats.taken() == (0, 0)


def test_an_opening_is_its_persons_own(sara: Client, stranger: Client, place: Any) -> None:
    opening = opening_of(sara.get(LOGS).content.decode())
    assert stranger.get(f"{LOGS}lines/?opening={opening}").status_code == 403


def test_outside_production_reading_is_not_noted(sara: Client, place: Any) -> None:
    place.environment.production = False
    place.environment.save()
    assert sara.get(LOGS).status_code == 200
    assert not read_events().exists()


def test_another_teams_developer_reads_nothing(stranger: Client, place: Any) -> None:
    page = stranger.get(LOGS)
    assert page.status_code == 200
    assert "You may not read these logs" in page.content.decode()
    one = place.instances.get(number=1).pk
    paths = [f"{LOGS}stream/", f"{LOGS}lines/", f"{LOGS}download/", API, f"/api/v1/instances/{one}/logs",
             f"/api/v1/instances/{one}/log-files", f"/api/v1/instances/{one}/log-files/tail?folder=x&name=y",
             f"/instances/{one}/log/files/", f"/instances/{one}/log/file/"]  # fmt: skip
    for path in paths:
        assert stranger.get(path).status_code == 403, path
    assert Event.objects.filter(action="service.logs", denied=True).count() == len(paths)


def test_a_plain_page_has_the_last_lines_and_keeps_what_was_typed(
    sara: Client, ids: list[str], log_engine: LogEngine
) -> None:
    log_engine.say(ids[0], "INFO <i>calm</i>", "ERROR <b>wild</b>", at=T0)
    page = whole(sara.get(f"{LOGS}?plain=1&q=wild&level=error"))
    assert "ERROR &lt;b&gt;wild&lt;/b&gt;" in page
    assert "<time>2027-01-15 16:00:00.000</time>" in page, "in the viewer's zone"
    assert "calm" not in page
    assert 'value="wild"' in page
    assert page.rstrip().endswith("</html>")
    wrong = sara.get(f"{LOGS}?plain=1&q=(").content.decode()
    assert "This is no pattern" in wrong
    assert 'value="("' in wrong


def test_a_plain_page_says_what_cannot_be_read(sara: Client, log_engine: LogEngine) -> None:
    log_engine.broken = lambda path: (500, '{"message": "the disk is gone"}') if "/logs" in path else None
    assert "the disk is gone" in whole(sara.get(f"{LOGS}?plain=1"))


def test_what_is_around_a_moment(sara: Client, ids: list[str], log_engine: LogEngine) -> None:
    for n in range(600):
        log_engine.say(ids[n % 2], f"line {n}", at=T0 + n * 10**6)
    at = stamp_of(T0 + 300 * 10**6)
    found = sara.get(f"{LOGS}lines/?at={at}").json()
    texts = [line[4] for line in found["lines"]]
    assert texts == [f"line {n}" for n in range(100, 500)]
    assert found["more"]
    older = sara.get(f"{LOGS}lines/?before={found['lines'][0][1]}&n=500").json()
    assert [line[4] for line in older["lines"]] == [f"line {n}" for n in range(100)]
    assert not older["more"]
    later = sara.get(f"{LOGS}lines/?after={at}&n=2").json()
    assert [line[4] for line in later["lines"]] == ["line 300", "line 301"]


def test_older_lines_are_those_of_containers_that_went_too(
    sara: Client, place: Any, ids: list[str], log_engine: LogEngine
) -> None:
    said = [LogLine("stdout", stamp_of(T0 - (5 - n) * 10**9), f"old {n}") for n in range(5)]
    KeptLog.objects.create(
        instance=place.instances.get(number=1), engine_id="gone", why="replaced", taken=timezone.now(),
        **columns(Said(said, 9)),
    )  # fmt: skip
    log_engine.say(ids[0], "new", at=T0)
    found = sara.get(f"{LOGS}lines/?before={stamp_of(T0 + 10)}&n=3").json()
    assert [line[4] for line in found["lines"]] == ["old 3", "old 4", "new"]
    assert "old 0" in whole(sara.get(f"{LOGS}download/"))


@pytest.mark.parametrize("query", ["at=yesterday", "before=x", "q=(", "f=nothing", "at=\x00"])
def test_nonsense_is_refused_with_its_field(sara: Client, query: str) -> None:
    answer = sara.get(f"{LOGS}lines/?{query}")
    assert answer.status_code == 400
    assert answer.json()["field"] == query.partition("=")[0]


def test_the_download_has_whole_lines_by_time(sara: Client, ids: list[str], log_engine: LogEngine) -> None:
    log_engine.say(ids[1], "\x1b[31msecond\x1b[0m", at=T0 + 5)
    log_engine.say(ids[0], "x" * (1 << 20), at=T0)
    log_engine.say(ids[2], "third", at=T0 + 10**9)
    answer = sara.get(f"{LOGS}download/?to={stamp_of(T0 + 100)}")
    assert "attachment" in answer["Content-Disposition"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    first, second = whole(answer).splitlines()
    assert first == f"{stamp_of(T0)} #1 " + "x" * (1 << 20)
    assert second == f"{stamp_of(T0 + 5)} #2 second"


def test_the_api_gives_json_lines(sara: Client, place: Any, ids: list[str], log_engine: LogEngine) -> None:
    log_engine.say(ids[0], "INFO a", "ERROR b", at=T0)
    log_engine.say(ids[1], "WARN c", at=T0 + 500)
    rows = [json.loads(line) for line in sara.get(f"{API}?level=warn&tail=10").content.decode().splitlines()]
    assert [(row["instance"], row["level"], row["text"]) for row in rows] == [
        (2, "warn", "WARN c"),
        (1, "error", "ERROR b"),
    ]
    since = sara.get(f"{API}?since={stamp_of(T0 + 500)}&tail=1").content.decode()
    assert json.loads(since)["text"] == "WARN c"
    one = place.instances.get(number=2).pk
    assert json.loads(sara.get(f"/api/v1/instances/{one}/logs").content)["text"] == "WARN c"
    wrong = sara.get(f"{API}?q=(")
    assert (wrong.status_code, wrong.json()["field"]) == (400, "q")


def test_the_api_follows(
    place: Any, sre: Any, ids: list[str], log_engine: LogEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "MOST_SECONDS", 2)
    log_engine.say(ids[0], "hello", at=T0)
    client = AsyncClient()
    client.force_login(sre)

    async def read() -> str:
        answer = await client.get(f"{API}?follow=true&instance=1")
        return b"".join([piece async for piece in answer.streaming_content]).decode()

    rows = [json.loads(line) for line in async_to_sync(read)().splitlines() if line]
    assert rows[0]["text"] == "hello"
    assert rows[-1]["end"] == "again"


def test_a_refused_pattern_is_told_in_the_stream(place: Any, sre: Any) -> None:
    client = AsyncClient()
    client.force_login(sre)

    async def read() -> str:
        answer = await client.get(f"{LOGS}stream/?q=(")
        return b"".join([piece async for piece in answer.streaming_content]).decode()

    text = async_to_sync(read)()
    assert "event: refused" in text
    assert '"field":"q"' in text


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("app.log", True), ("a/b.log", True), ("..log", True), ("with space.log", True), ("雪.log", True), ("-n", True),
        ("", False), ("/etc/passwd", False), ("../x", False), ("a/../../x", False), ("./x", False), ("a//b", False),
        ("..", False), (".", False), ("a\nb", False), ("a\x00b", False), ("x" * 1001, False), ("a/", False),
    ],
)  # fmt: skip
def test_names_that_stay_within_the_folder(name: str, good: bool) -> None:
    assert safe_name(name) is good
