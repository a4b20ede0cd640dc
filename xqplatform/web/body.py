"""The size of a request, counted as it comes: Django writes a body to the disk before anybody looks at it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from django.conf import settings

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Any, Receive, Send], Awaitable[None]]


def limited(app: App) -> App:
    """The ASGI application with a limit to bodies (`settings.REQUEST_MOST` bytes): 413, and the connection is over."""

    async def call(scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await app(scope, receive, send)
        most, seen, refused = settings.REQUEST_MOST, 0, False

        async def counted() -> Any:
            nonlocal seen, refused
            message = await receive()
            seen += len(message.get("body", b""))
            if seen <= most or refused:
                return message
            refused = True
            await _refuse(send, most)
            return {"type": "http.disconnect"}

        async def silent(message: Any) -> None:
            if not refused:
                await send(message)

        if _said(scope) > most:
            return await _refuse(send, most)
        return await app(scope, counted, silent)

    return call


def _said(scope: Any) -> int:
    """What the request says of its length; nonsense is the server's affair."""
    text = dict(scope["headers"]).get(b"content-length", b"0")
    return int(text) if text.isdigit() and len(text) < 20 else 0


async def _refuse(send: Send, most: int) -> None:
    body = json.dumps({"error": f"The request is larger than {most >> 20} MiB.", "field": None}).encode()
    heads = [
        (b"content-type", b"application/json"),
        (b"connection", b"close"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": heads})
    await send({"type": "http.response.body", "body": body})
