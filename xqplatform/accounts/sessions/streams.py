"""What stays open (live updates, logs that are followed) ends when the log-in or the token behind it does.

One look every two seconds for all streams of a process: so many questions, however many are open.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar, cast
from weakref import WeakKeyDictionary

from asgiref.sync import SyncToAsync, sync_to_async
from django.db import close_old_connections, connections
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone

from xqplatform.accounts.models import Token, User
from xqplatform.accounts.sessions.models import Session
from xqplatform.accounts.sessions.store import digest

log = logging.getLogger(__name__)
LOOK = 2.0  # seconds
T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """By what somebody came in: a session's row or a token."""

    user: int
    session: str = ""
    token: int = 0


def entry_of(request: HttpRequest) -> Entry | None:
    """None: nobody came in, or not by anything that could end."""
    token = getattr(request, "token", None)
    if token is not None:
        return Entry(token.user_id, token=token.pk)
    if request.user.is_authenticated and request.session.session_key:
        return Entry(request.user.pk, session=digest(request.session.session_key))
    return None


def guard(request: HttpRequest, response: HttpResponseBase) -> None:
    """Ties an answer that is sent bit by bit to the log-in or the token that asked for it."""
    if not isinstance(response, StreamingHttpResponse) or not response.is_async:
        return
    entry = entry_of(request)
    if entry is not None:
        pieces = cast("AsyncIterator[bytes]", response.streaming_content)
        response.streaming_content = while_let_in(entry, pieces)


def holding(entries: Iterable[Entry]) -> set[Entry]:
    """Those whose person, session or token still lets them in. Three questions at most."""
    asked = set(entries)
    people = set(User.objects.filter(pk__in={e.user for e in asked}, is_active=True).values_list("pk", flat=True))
    now = timezone.now()
    keys = {e.session for e in asked if e.session}
    rows = Session.objects.filter(pk__in=keys, expire_date__gt=now).values_list("user", "pk") if keys else ()
    sessions = set(rows)
    numbers = {e.token for e in asked if e.token}
    tokens = (
        {t.pk for t in Token.objects.filter(pk__in=numbers).select_related("user") if t.works} if numbers else set()
    )
    return {
        e for e in asked if e.user in people and (e.token in tokens if e.token else (e.user, e.session) in sessions)
    }


class _Watch:
    """One an event loop; it looks only while something is open."""

    def __init__(self) -> None:
        self.open: dict[asyncio.Event, Entry] = {}
        self._task: asyncio.Task[None] | None = None

    def add(self, entry: Entry) -> asyncio.Event:
        ended = asyncio.Event()
        self.open[ended] = entry
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._run())
        return ended

    def remove(self, ended: asyncio.Event) -> None:
        self.open.pop(ended, None)
        if not self.open and self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        while self.open:
            await asyncio.sleep(LOOK)
            try:
                held = await sync_to_async(_look, thread_sensitive=False)(set(self.open.values()))
            except Exception as error:  # the database is away: the next look makes up for it
                log.warning("Open streams could not be looked at: %s", error)
                continue
            for ended, entry in list(self.open.items()):
                if entry not in held:
                    ended.set()


def _look(entries: set[Entry]) -> set[Entry]:
    close_old_connections()
    try:
        return holding(entries)
    finally:
        close_old_connections()


_watches: WeakKeyDictionary[asyncio.AbstractEventLoop, _Watch] = WeakKeyDictionary()


async def _let_thread_go() -> None:
    """Django keeps a thread for each request until it ends, idle while this answer is sent. Nothing is lost by letting it go with
    its connections: whatever still calls for a thread in this request gets a new one (asgiref makes it).
    """
    context = SyncToAsync.thread_sensitive_context.get(None)
    executor = SyncToAsync.context_to_thread_executor.pop(context, None) if context is not None else None
    if executor is not None:
        await asyncio.wrap_future(executor.submit(connections.close_all))
        executor.shutdown(wait=False)


async def while_let_in(entry: Entry, pieces: AsyncIterator[T]) -> AsyncIterator[T]:
    """The pieces, until they end or whoever reads them is not let in any more."""
    await _let_thread_go()
    watch = _watches.setdefault(asyncio.get_running_loop(), _Watch())
    ended = watch.add(entry)
    waiting = asyncio.ensure_future(ended.wait())
    following: asyncio.Future[T] | None = None
    try:
        while True:
            following = asyncio.ensure_future(anext(pieces))  # type: ignore[arg-type]
            await asyncio.wait({following, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                return
            try:
                piece = following.result()
            except StopAsyncIteration:
                return
            yield piece
    finally:
        watch.remove(ended)
        waiting.cancel()
        if following is not None and not following.done():
            following.cancel()
            with suppress(asyncio.CancelledError, StopAsyncIteration):
                await following
        if hasattr(pieces, "aclose"):
            await pieces.aclose()
