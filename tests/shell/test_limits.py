"""How much may come: calls, refused calls, bytes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.test import Client, override_settings

from xqplatform.web import limits
from xqplatform.web.body import limited


@pytest.fixture(autouse=True)
def counted_anew() -> None:
    limits._counter.storage.reset()


@pytest.mark.django_db
def test_who_calls_too_often_waits_and_others_do_not(client: Client) -> None:
    with override_settings(CALLS_A_MINUTE=5, REFUSED_A_MINUTE=1000):
        codes = [client.get("/api/v1/hosts", HTTP_AUTHORIZATION="Bearer xq_a").status_code for _ in range(7)]
        assert codes == [401] * 5 + [429] * 2
        answer = client.get("/api/v1/hosts", HTTP_AUTHORIZATION="Bearer xq_a")
        assert 1 <= int(answer["Retry-After"]) <= 60
        assert "5 a minute" in answer.json()["error"]
        assert client.get("/api/v1/hosts", HTTP_AUTHORIZATION="Bearer xq_b").status_code == 401
        assert client.get("/healthz").status_code == 200  # pages are not counted


@pytest.mark.django_db
def test_guessing_tokens_ends_for_the_address(client: Client) -> None:
    with override_settings(REFUSED_A_MINUTE=5):
        codes = [client.get("/api/v1/hosts", HTTP_AUTHORIZATION=f"Bearer xq_{n}").status_code for n in range(8)]
        assert codes == [401] * 5 + [429] * 3
        other = client.get("/api/v1/hosts", HTTP_AUTHORIZATION="Bearer xq_9", REMOTE_ADDR="10.9.9.9")
        assert other.status_code == 401


@pytest.mark.django_db
@pytest.mark.parametrize(
    "made_up", [lambda n: {"HTTP_AUTHORIZATION": f"x{n}"}, lambda n: {"HTTP_COOKIE": f"sessionid=x{n}"}]
)
def test_whoever_makes_up_a_token_each_time_is_one_caller(client: Client, made_up: Any) -> None:
    with override_settings(CALLS_A_MINUTE=5):
        for path in ("/forge/nothing/", "/badges/nothing.svg"):
            limits._counter.storage.reset()
            codes = [client.post(path, **made_up(n)).status_code for n in range(7)]
            assert [code == 429 for code in codes] == [False] * 5 + [True] * 2


def asked(pieces: list[bytes], said: bytes | None = None) -> tuple[list[Any], int]:
    """What is sent to who sends these pieces, and the bytes that the application saw."""
    sent: list[Any] = []
    seen = 0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal seen
        while (message := await receive())["type"] == "http.request":
            seen += len(message["body"])
            if not message.get("more_body"):
                await send({"type": "http.response.start", "status": 200, "headers": []})
                await send({"type": "http.response.body", "body": b""})
                return

    todo = [{"type": "http.request", "body": one, "more_body": n + 1 < len(pieces)} for n, one in enumerate(pieces)]

    async def receive() -> Any:
        return todo.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    heads = [(b"content-length", said)] if said is not None else []
    asyncio.run(limited(app)({"type": "http", "headers": heads}, receive, send))
    return sent, seen


def test_a_body_is_counted_as_it_comes() -> None:
    with override_settings(REQUEST_MOST=1 << 20):
        half = b"x" * (1 << 19)
        assert asked([half, half])[0][0]["status"] == 200
        sent, seen = asked([half, half, b"y", half])
        assert [m.get("status") for m in sent] == [413, None]
        assert seen == 1 << 20
        assert asked([half], b"1048577") == (asked([half], b"99999999999")[0], 0)  # not even read
        assert asked([half], b"nonsense")[0][0]["status"] == 200


def test_the_web_server_runs_what_counts() -> None:
    """The application itself: what is too large is refused before Django hears of it."""
    from xqplatform.asgi import application

    sent: list[Any] = []

    async def receive() -> Any:
        raise AssertionError("not even read")

    async def send(message: Any) -> None:
        sent.append(message)

    with override_settings(REQUEST_MOST=1 << 20):
        heads = [(b"content-length", b"1048577")]
        scope = {"type": "http", "method": "POST", "path": "/login/", "query_string": b"", "headers": heads}
        asyncio.run(application(scope, receive, send))
    assert sent[0]["status"] == 413
