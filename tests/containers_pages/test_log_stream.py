"""The live log over the web server's own interface."""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync
from django.test import AsyncClient

from containers import logs
from tests.containers_pages.test_logs import FakeLog


async def _read(client: AsyncClient, url: str) -> tuple[Any, str]:
    answer = await client.get(url)
    pieces = [piece.decode() async for piece in answer.streaming_content]
    return answer, "".join(pieces)


def _client(user: Any) -> AsyncClient:
    client = AsyncClient()
    client.force_login(user)
    return client


def test_the_stream_goes_on_where_the_page_stopped(place: Any, sara: Any, monkeypatch: Any) -> None:
    from xqplatform.accounts.models import User

    asked: list[Any] = []

    def opened(host: Any, engine_id: str, tail: int, since: float | None, follow: bool) -> FakeLog:
        asked.append((tail, since, follow))
        return FakeLog()

    monkeypatch.setattr(logs, "open_log", opened)
    client = _client(User.objects.get(username="sara"))
    url = f"/instances/{place.instances.first().pk}/log/stream/?since=2026-01-01T00:00:00Z&tail=7"
    answer, text = async_to_sync(_read)(client, url)
    assert answer["Content-Type"] == "text/event-stream"
    assert "event: lines" in text
    assert "event: end" in text
    assert "\\u001b" not in text
    assert asked[0][0] == 7
    assert asked[0][2] is True
    assert asked[0][1] > logs.epoch_of("2026-01-01T00:00:00Z")


def test_without_a_container_it_says_so(place: Any, sara: Any) -> None:
    from xqplatform.accounts.models import User

    instance = place.instances.first()
    instance.containers.all().delete()
    client = _client(User.objects.get(username="sara"))
    _answer, text = async_to_sync(_read)(client, f"/instances/{instance.pk}/log/stream/")
    assert "No container runs here now" in text
