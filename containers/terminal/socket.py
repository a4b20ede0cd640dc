"""The browser's end of a terminal: a WebSocket of the ASGI application.

Binary frames are the terminal's bytes, text frames are JSON: the page sends `ack` (drawn up to a place), `size`; it gets `hello`, `took`
(bytes that were typed), `limit` and `end`. Who may not is refused with an HTTP status before the socket is accepted.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import uuid
from collections import deque
from typing import Any
from urllib.parse import parse_qsl

from django.conf import settings
from django.http import Http404, parse_cookie
from django.http.request import split_domain_port, validate_host

from containers import known
from containers.models import Terminal
from containers.terminal import access, services, shells, tickets
from containers.terminal.keeper import Keeper, in_thread, keeper
from containers.terminal.session import Session, TooMuch, Why
from hosts import execs
from hosts.engine import EngineError, connect
from hosts.exec_types import Wire
from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.errors import Denied, Refused

log = logging.getLogger(__name__)
PATH = re.compile(r"/terminals/([0-9]{1,12})/socket")
FRAME = 32 << 10  # bytes of terminal output in one frame
MOST_TEXT = 1024  # characters of a message
MOST_NONSENSE = 5
SIZES = {"columns": (2, 500), "rows": (1, 300)}


class Closed(Exception):
    """Not let in: an HTTP status and why."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status, self.words = status, words


class Visit:
    """What a socket brings, as its handshake says it."""

    def __init__(self, scope: Any) -> None:
        heads = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self.host, self.origin = heads.get("host", ""), heads.get("origin", "")
        self.secure = scope.get("scheme") == "wss"
        self.session_key = parse_cookie(heads.get("cookie", "")).get(settings.SESSION_COOKIE_NAME, "")
        self.ip = str((scope.get("client") or ("",))[0])
        self.ticket = tickets.offered(scope.get("subprotocols") or [])
        asked = dict(parse_qsl(scope.get("query_string", b"").decode("latin-1")))
        self.place = number(asked.get("from"), 0, 2**53) or 0
        self.size = tuple(
            number(asked.get(name), *SIZES[name]) or usual for name, usual in (("columns", 80), ("rows", 24))
        )

    @property
    def from_here(self) -> bool:
        domain, _port = split_domain_port(self.host)
        allowed = settings.ALLOWED_HOSTS or ["localhost", "127.0.0.1"]
        return validate_host(domain, allowed) and tickets.from_here(
            self.origin, self.host, self.secure, settings.CSRF_TRUSTED_ORIGINS
        )


def number(text: Any, least: int, most: int) -> int | None:
    """A whole number within bounds, from JSON or a query; else None."""
    if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 18:
        text = int(text)
    return text if isinstance(text, int) and not isinstance(text, bool) and least <= text <= most else None


def admitted(pk: int, visit: Visit) -> tuple[Actor, Terminal]:
    """Raises Closed, with the denied attempt recorded."""
    user = access.signed_in(visit.session_key)
    if user is None:
        raise Closed(401, "signed out")
    actor = Actor(user.get_username(), "page", user, visit.ip, uuid.uuid4().hex[:16])
    if not visit.from_here:
        log.warning("A socket from %r to %r was refused", visit.origin[:200], visit.host[:200])
        after = {"terminal": pk, "origin": visit.origin[:200]}
        audit.record(actor, access.RIGHT, None, denied=True, after=after)
        raise Closed(403, "origin")
    try:
        return actor, services.admit(actor, pk, visit.ticket)
    except Http404 as error:
        raise Closed(404, "no such terminal") from error
    except Denied as error:
        raise Closed(403, error.message) from error
    except Refused as error:
        raise Closed(error.code, error.message) from error


def opened(actor: Actor, row: Terminal, size: tuple[int, int], lease: str) -> Wire:
    """Starts a shell for it. Raises Refused, EngineError; the row has ended then."""
    services.take(row, lease)
    try:
        engine = connect(row.host)
        command = shells.find(engine, row.engine_id)
        env = {"TERM": "xterm-256color", "XQ_TERMINAL": str(row.pk)}
        made = execs.make(engine, row.engine_id, command, terminal=True, env=env)
        services.begin(actor, row, made, " ".join(command), size)
        wire = execs.terminal(engine, made)
    except (Refused, EngineError) as error:
        gone = isinstance(error, EngineError) and error.kind in {"not_found", "conflict"}
        why = Why.CONTAINER if gone else Why.NEVER if isinstance(error, Refused) else Why.ENGINE
        services.finish(row.pk, why, error.message if isinstance(error, Refused) else error.words)
        raise
    with contextlib.suppress(EngineError):
        wire.resize(*size)
    return wire


class Socket:
    """An accepted socket: the page of a session."""

    def __init__(self, receive: Any, send: Any) -> None:
        self._receive, self._send = receive, send
        self._news = asyncio.Event()
        self._messages: deque[dict[str, Any]] = deque()
        self._leave: int | None = None
        self._place = 0
        self._size: tuple[int, int] | None = None
        self._sizing: asyncio.Task[None] | None = None
        self._limit: tuple[str, int] = ("", 0)

    # What the session calls.

    def news(self) -> None:
        self._news.set()

    def tell(self, **message: Any) -> None:
        if message["t"] == "limit":
            if not message["cause"] and not self._limit[0]:
                return
            self._limit = (message["cause"], message["left"])
        self._messages.append(message)
        self._news.set()

    def leave(self, code: int) -> None:
        self._leave = code
        self._news.set()

    # What the application calls.

    async def stay(self, session: Session, visit: Visit) -> None:
        """Until the browser goes, or the session ends."""
        begin, clear = session.attach(self, visit.place, visit.session_key)
        self._place = begin
        limits = {"idle": settings.TERMINAL_IDLE, "total": settings.TERMINAL_TOTAL, "away": settings.TERMINAL_AWAY}
        self.tell(t="hello", at=begin, clear=clear, age=round(session.at), **limits)
        sending = asyncio.ensure_future(self._say(session))
        hearing = asyncio.ensure_future(self._hear(session))
        try:
            await asyncio.wait({sending, hearing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            session.detach(self)
            for task in (sending, hearing):
                task.cancel()
            for result in await asyncio.gather(sending, hearing, return_exceptions=True):
                if isinstance(result, Exception):
                    log.info("A terminal's socket broke off: %r", result)

    async def finish(self, **message: Any) -> None:
        """The end of a socket that never got a session."""
        await self._send({"type": "websocket.send", "text": json.dumps({"t": "end", **message})})
        await self._send({"type": "websocket.close", "code": 1000})

    async def _say(self, session: Session) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            while True:
                while self._messages:
                    await self._send({"type": "websocket.send", "text": json.dumps(self._messages.popleft())})
                data = session.since(self._place, FRAME)
                if not data:
                    break
                self._place += len(data)
                await self._send({"type": "websocket.send", "bytes": data})
            if self._leave is not None and not self._messages:
                await self._send({"type": "websocket.close", "code": self._leave})
                return

    async def _hear(self, session: Session) -> None:
        nonsense = 0
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return
            data, text = message.get("bytes"), message.get("text")
            try:
                if data is not None:
                    session.typed(data)
                    continue
            except TooMuch:
                self.leave(4413)
                continue
            if not self._heard(session, text or ""):
                nonsense += 1
                if nonsense >= MOST_NONSENSE:
                    self.leave(4400)

    def _heard(self, session: Session, text: str) -> bool:
        """A message of the page; False: it is none that we know."""
        try:
            said = json.loads(text) if len(text) <= MOST_TEXT else None
        except (ValueError, RecursionError):
            return False
        if not isinstance(said, dict):
            return False
        if said.get("t") == "ack" and (place := number(said.get("at"), 0, self._place)) is not None:
            session.acknowledge(place)
            return True
        columns, rows = (number(said.get(name), *SIZES[name]) for name in ("columns", "rows"))
        if said.get("t") == "size" and columns and rows:
            self._resize(session, columns, rows)
            return True
        return False

    def _resize(self, session: Session, columns: int, rows: int) -> None:
        self._size = (columns, rows)
        if self._sizing is None or self._sizing.done():
            self._sizing = asyncio.ensure_future(self._resizing(session))

    async def _resizing(self, session: Session) -> None:
        """One at a time; of many sizes only the newest is told."""
        while self._size is not None:
            size, self._size = self._size, None
            session.resized(*size)
            with contextlib.suppress(EngineError):
                await in_thread(session.wire.resize, *size)


async def serve(scope: Any, receive: Any, send: Any) -> None:
    """The ASGI application of the address `/terminals/N/socket`."""
    await receive()  # the handshake
    found = PATH.fullmatch(scope["path"])
    visit, keep = Visit(scope), keeper()
    try:
        if found is None:
            raise Closed(404, "no such address")
        actor, row = await in_thread(admitted, int(found[1]), visit)
        session = keep.sessions.get(row.pk)
        if session is None and row.state == Terminal.State.OPEN:
            raise Closed(421, "another web process has it")
        if session is None and keep.full:
            raise Closed(503, "too many terminals are open here")
    except Closed as closed:
        await _refuse(scope, send, closed)
        return
    await send({"type": "websocket.accept", "subprotocol": tickets.PROTOCOL})
    socket = Socket(receive, send)
    if session is None:
        session = await _begin(keep, socket, actor, row, visit)
    if session is not None:
        await socket.stay(session, visit)


async def _begin(keep: Keeper, socket: Socket, actor: Actor, row: Terminal, visit: Visit) -> Session | None:
    keep.opening += 1
    try:
        hide = await in_thread(known.of_instance, row.instance_id)
        wire = await in_thread(opened, actor, row, visit.size, keep.lease)
    except (Refused, EngineError) as error:
        await socket.finish(why="never", words=error.message if isinstance(error, Refused) else error.words)
        return None
    finally:
        keep.opening -= 1
    session = Session(row, wire, asyncio.get_running_loop(), visit.session_key, keep.wake, hide=hide)
    keep.add(session)
    return session


async def _refuse(scope: Any, send: Any, closed: Closed) -> None:
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close", "code": 1008})
        return
    body = json.dumps({"error": closed.words}).encode()
    head = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "websocket.http.response.start", "status": closed.status, "headers": head})
    await send({"type": "websocket.http.response.body", "body": body})
