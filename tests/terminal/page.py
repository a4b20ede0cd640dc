"""What a browser does with a terminal, without one: signs in, asks, opens the socket, draws, types."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.test import Client
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.engines.machine import wait_for
from tests.site import Site


class Visitor:
    """A person at a browser."""

    def __init__(self, site: Site, user: Any) -> None:
        self.site, self.user, self.client = site, user, Client()
        self.client.force_login(user)

    def ask(self, instance: Any, reason: str = "looking") -> int:
        answer = self.client.post(f"/instances/{instance.pk}/terminal/", {"reason": reason})
        assert answer.status_code == 302, answer.content.decode()[:3000]
        return int(answer["Location"].rstrip("/").rpartition("/")[2])

    def ticket(self, pk: int) -> str:
        answer = self.client.post(f"/terminals/{pk}/ticket/")
        assert answer.status_code == 200, answer.content
        return str(answer.json()["ticket"])

    def dial(self, pk: int, ticket: str, place: int = 0, **changes: Any) -> ClientConnection:
        cookie = f"{settings.SESSION_COOKIE_NAME}={self.client.cookies[settings.SESSION_COOKIE_NAME].value}"
        options: dict[str, Any] = {
            "origin": self.site.url,
            "subprotocols": ["xq-terminal", f"ticket.{ticket}"],
            "additional_headers": {"Cookie": cookie},
            "max_size": None,
            "compression": None,
            "proxy": None,
        }
        url = f"ws://127.0.0.1:{self.site.port}/terminals/{pk}/socket?columns=97&rows=31&from={place}"
        return connect(url, **options | changes).__enter__()  # closed by whoever asked

    def open(self, pk: int, place: int = 0) -> Page:
        return Page(self.dial(pk, self.ticket(pk), place))


class Page:
    """The other end of an open socket: draws and acknowledges as the script does."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket, self.said, self.messages = socket, bytearray(), []
        self.at = 0
        self.drawing = True
        self.closed: int | None = None
        self._thread = threading.Thread(target=self._hear, daemon=True)
        self._thread.start()

    def _hear(self) -> None:
        try:
            while True:
                data = self.socket.recv()
                if isinstance(data, bytes):
                    self.said += data
                    self.at += len(data)
                    if self.drawing:
                        self.tell(t="ack", at=self.at)
                    continue
                message = json.loads(data)
                if message["t"] == "hello":
                    self.at = message["at"]
                self.messages.append(message)
        except ConnectionClosed:
            self.closed = self.socket.close_code

    def tell(self, **message: Any) -> None:
        with contextlib.suppress(ConnectionClosed):
            self.socket.send(json.dumps(message))

    def type(self, data: bytes) -> None:
        self.socket.send(data)

    def wait(self, text: bytes, seconds: float = 20) -> None:
        wait_for(f"it shows {text[:40]!r}", lambda: text in self.said or self._gone(text), seconds)

    def _gone(self, text: bytes) -> bool:
        assert self.closed is None, f"closed before {text!r}: {bytes(self.said[-500:])!r} {self.messages}"
        return False

    def message(self, kind: str, such: Callable[[dict[str, Any]], bool] = lambda m: True) -> dict[str, Any]:
        found: list[dict[str, Any]] = []

        def there() -> bool:
            found[:] = [m for m in self.messages if m["t"] == kind and such(m)]
            return bool(found)

        wait_for(f"a message {kind!r}, not {self.messages}", there)
        return found[-1]

    def close(self) -> None:
        self.socket.close()
        self._thread.join(20)
