"""Nothing that is bumped after a page was rendered may stay unheard."""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.request
from collections.abc import AsyncIterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.conf import settings
from django.test import AsyncClient, Client

from tests.site import site
from xqplatform import live
from xqplatform.live import views
from xqplatform.live.views import newer

pytestmark = pytest.mark.django_db(transaction=True)
LIMIT = 60  # seconds; generous, nothing is measured


async def events(content: AsyncIterator[Any]) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """The stream's events as (name, data)."""
    rest = ""
    async for chunk in content:
        rest += chunk.decode() if isinstance(chunk, bytes) else chunk
        while "\n\n" in rest:
            block, _, rest = rest.partition("\n\n")
            found = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
            if "event" in found:
                yield found["event"], json.loads(found["data"])


async def first(stream: AsyncIterator[tuple[str, dict[str, Any]]], name: str) -> dict[str, Any]:
    async def search() -> dict[str, Any]:
        async for kind, data in stream:
            if kind == name:
                return data
        raise AssertionError(f"The stream ended without «{name}».")

    return await asyncio.wait_for(search(), LIMIT)


def hear(person: Any, topics: str, since: int, after_hello: Any = None) -> dict[str, Any]:
    """Opens the stream, does `after_hello` when it is subscribed, and returns the first live event."""

    async def main() -> dict[str, Any]:
        client = AsyncClient()
        await client.aforce_login(person)
        response = await client.get("/live/", {"topics": topics, "since": since})
        assert response.status_code == 200
        assert response["Content-Type"] == "text/event-stream"
        stream = events(response.streaming_content)
        await first(stream, "hello")
        if after_hello is not None:
            await asyncio.to_thread(after_hello)
        data = await first(stream, "live")
        await stream.aclose()  # type: ignore[attr-defined]
        return data

    return asyncio.run(main())


def test_a_bump_is_heard(broker: str, sre: Any) -> None:
    data = hear(sre, "hosts", 0, lambda: live.bump("hosts", "host:1"))
    assert data["topics"] == ["hosts"]


def test_a_bump_between_the_page_and_its_stream_is_heard(broker: str, client: Client, sre: Any) -> None:
    live.bump("hosts")
    client.force_login(sre)
    page = client.get("/settings/").content.decode()
    since = int(page.partition('data-live-since="')[2].partition('"')[0])
    assert since == live.clock() > 0
    live.bump("host:7")  # the page is rendered, its stream not open yet
    assert hear(sre, "hosts host:7", since)["topics"] == ["host:7"]


def test_what_the_page_has_seen_is_not_told_again(broker: str, sre: Any) -> None:
    live.bump("hosts")
    data = hear(sre, "hosts builds", live.clock(), lambda: live.bump("builds"))
    assert data["topics"] == ["builds"]


def test_a_broker_that_lost_its_memory_makes_everything_new(broker: str, sre: Any) -> None:
    data = hear(sre, "hosts builds", 999)
    assert data == {"v": 0, "topics": ["hosts", "builds"], "reset": True}


def test_a_closed_stream_is_given_back(broker: str, sre: Any) -> None:
    before = views._open
    hear(sre, "hosts", 0, lambda: live.bump("hosts"))
    assert views._open == before


def test_the_stream_is_for_people_who_are_signed_in(client: Client) -> None:
    assert client.get("/live/?topics=hosts").status_code == 401
    assert client.get("/live/versions?topics=hosts").status_code == 401


def test_too_many_streams_are_sent_to_asking(client: Client, sre: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "MOST_STREAMS", 0)
    client.force_login(sre)
    assert client.get("/live/?topics=hosts").status_code == 503


def test_nonsense_is_no_topic(client: Client, sre: Any) -> None:
    client.force_login(sre)
    assert client.get("/live/", {"topics": "\x00 ü"}).status_code == 400


def test_asking_tells_the_same(broker: str, client: Client, sre: Any) -> None:
    client.force_login(sre)
    live.bump("hosts")
    seen = live.clock()
    assert client.get("/live/versions", {"topics": "hosts", "since": seen}).json()["topics"] == []
    live.bump("hosts")
    answer = client.get("/live/versions", {"topics": "hosts builds", "since": seen}).json()
    assert answer["topics"] == ["hosts"]
    assert answer["v"] == live.clock()


def test_asking_without_a_broker_says_so(client: Client, sre: Any, settings: Any) -> None:
    settings.REDIS_URL = "unix:///nowhere/broker.sock"
    live.client.cache_clear()
    client.force_login(sre)
    try:
        assert client.get("/live/versions?topics=hosts").status_code == 503
    finally:
        live.client.cache_clear()


def test_pages_come_without_a_broker(client: Client, sre: Any, settings: Any) -> None:
    settings.REDIS_URL = "unix:///nowhere/broker.sock"
    client.force_login(sre)
    page = client.get("/settings/")
    assert page.status_code == 200
    assert 'data-live-since="0"' in page.content.decode()


@pytest.mark.parametrize(
    ("since", "versions", "expected"),
    [
        (3, [None, None], ([], 3)),
        (3, ["3", "4"], (["b"], 4)),
        (3, ["7", "5"], (["a", "b"], 7)),
        (9, ["7", "8"], (["a", "b"], 8)),
    ],
)
def test_newer(since: int, versions: list[str | None], expected: tuple[list[str], int]) -> None:
    assert newer(["a", "b"], since, versions, clock=8) == expected


def test_open_streams_hold_no_thread(broker: str, sre: Any) -> None:
    """Django keeps one for each request until it has ended; a thousand pages that listen would be a thousand threads."""
    client = Client()
    client.force_login(sre)
    cookie = f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"
    with site() as running, ExitStack() as opened:
        before = {thread.ident for thread in threading.enumerate()}
        for _ in range(12):
            request = urllib.request.Request(f"{running.url}/live/?topics=hosts", headers={"Cookie": cookie})
            stream = opened.enter_context(urllib.request.urlopen(request, timeout=LIMIT))
            assert b"retry" in stream.readline()
        more = [t.name for t in threading.enumerate() if t.ident not in before]
        assert len(more) < 8, more
        # And they are heard all the same, to their end.
        live.bump("hosts")
        assert b"hosts" in b"".join(stream.readline() for _ in range(12))
