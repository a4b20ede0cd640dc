"""Commands inside an instance, over the websockets that the server opens for each."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from urllib.parse import quote

import websockets.exceptions
from django.utils.translation import gettext as _
from websockets.sync.client import ClientConnection

from hosts.engine_errors import EngineError
from hosts.lxd.link import CALL_SECONDS, Link

OUTPUT = 1 << 20  # bytes kept of what a command says


class _Kept:
    """Both streams in the order they come."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._said = bytearray()

    def __call__(self, data: bytes) -> None:
        with self._lock:
            self._said += data[: max(0, OUTPUT - len(self._said))]

    @property
    def text(self) -> str:
        with self._lock:
            return bytes(self._said).decode("utf-8", "replace")


def run(
    link: Link, path: str, command: Sequence[str], timeout: float, *, env: Mapping[str, str], user: int = 0
) -> tuple[int, str]:
    """(exit code, output). `path`: of the instance. Kind `timeout` after so many seconds: it is killed then."""
    body = {
        "command": list(command),
        "environment": dict(env),
        "wait-for-websocket": True,
        "interactive": False,
        "user": user,
    }
    operation = link.ask("POST", f"{path}/exec", body=body)
    secrets, kept = operation["metadata"]["fds"], _Kept()
    with ExitStack() as stack:
        sockets: dict[str, ClientConnection] = {}
        for name in ("control", "0", "1", "2"):
            address = f"/operations/{operation['id']}/websocket?secret={quote(secrets[name])}"
            sockets[name] = stack.enter_context(link.socket(address, pings=False))
        sockets["0"].close()
        readers = [threading.Thread(target=_read, args=(sockets[name], kept), daemon=True) for name in ("1", "2")]
        for reader in readers:
            reader.start()
        late, until = False, time.monotonic() + timeout
        for reader in readers:
            reader.join(max(0.0, until - time.monotonic()))
            late = late or reader.is_alive()
        if late:
            # One that has just ended listens no more.
            with contextlib.suppress(websockets.exceptions.ConnectionClosed):
                sockets["control"].send(json.dumps({"command": "signal", "signal": 9}))
    if late:
        words = _("The command did not end within %(seconds)s s on %(where)s, and was killed.")
        raise EngineError("timeout", "exec", words % {"seconds": f"{timeout:g}", "where": link.where}, retry=False)
    done = link.ended(operation, CALL_SECONDS)
    return int((done.get("metadata") or {}).get("return", -1)), kept.text


def _read(socket: ClientConnection, kept: _Kept) -> None:
    """Until the stream ends: the server says so by an empty text, or closes."""
    try:
        for message in socket:
            if isinstance(message, str):
                if not message:
                    return
                kept(message.encode())
            else:
                kept(message)
    except websockets.exceptions.ConnectionClosed:
        return
