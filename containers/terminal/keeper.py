"""All open terminals of this process: once a second what was said is stored, and rights, limits and leases are looked at."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.conf import settings
from django.db import close_old_connections

from containers import known
from containers.models import Terminal
from containers.terminal import access, limits, recordings, services
from containers.terminal.session import Session, Why
from hosts import execs
from hosts.engine import Engine, EngineError
from xqplatform import leases

log = logging.getLogger(__name__)
EVERY = 1.0  # seconds between two rounds
LOOK = 2.0  # between two looks at rights, sessions and containers
RENEW = 4.0
KILLED = {137, 143}  # exit codes of what a signal ended
MOST_UNSAVED = 4 << 20  # characters; who cannot be recorded cannot go on
Result = TypeVar("Result")


# Engines that do not answer hold up those who open terminals on them, not the recordings and leases of the others.
_waiting = ThreadPoolExecutor(16, "terminals")
_looking = ThreadPoolExecutor(2, "terminals-kept")


async def in_thread(call: Callable[..., Result], *args: object, pool: ThreadPoolExecutor = _waiting) -> Result:
    """What uses the database or waits for an engine, out of the event loop."""

    def work() -> Result:
        close_old_connections()
        try:
            return call(*args)
        finally:
            close_old_connections()

    return await asyncio.get_running_loop().run_in_executor(pool, work)


class Keeper:
    """One an event loop."""

    def __init__(self) -> None:
        self.sessions: dict[int, Session] = {}
        self.opening = 0
        self.lease = leases.own_text()
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._task: asyncio.Task[None] | None = None
        self._concluding: set[asyncio.Task[None]] = set()
        self._looked = self._renewed = 0.0

    @property
    def full(self) -> bool:
        return len(self.sessions) + self.opening >= settings.TERMINALS

    @property
    def limits(self) -> limits.Limits:
        return limits.Limits(settings.TERMINAL_IDLE, settings.TERMINAL_TOTAL, settings.TERMINAL_AWAY)

    def add(self, session: Session) -> None:
        self.sessions[session.pk] = session
        session.start()
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._run())

    def wake(self) -> None:
        """Looks at once; from any thread."""
        self._looked = 0.0
        try:
            self._loop.call_soon_threadsafe(self._wake.set)
        except RuntimeError:
            log.debug("The event loop has ended")

    async def _run(self) -> None:
        while self.sessions:
            try:
                async with asyncio.timeout(EVERY):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            try:
                await self._round()
            except Exception:  # the next round tries again; nobody else would
                log.exception("A round over open terminals failed")

    async def _round(self) -> None:
        for session in list(self.sessions.values()):
            if session.ended is not None:
                self._conclude_soon(self.sessions.pop(session.pk))
        going = list(self.sessions.values())
        self._limits(going)
        for session, why, words in await in_thread(self._look, going, pool=_looking):
            session.end(why, words)

    def _limits(self, going: list[Session]) -> None:
        now = time.monotonic()
        for session in going:
            cause = limits.over(session.clocks, self.limits, now)
            if cause:
                session.end(Why(cause))
            elif session.page is not None:
                soon = limits.warning(session.clocks, self.limits, now)
                session.page.tell(t="limit", cause=soon[0] if soon else "", left=round(soon[1]) if soon else 0)

    # --- In a thread ---------------------------------------------------------------------------------------------------

    def _look(self, going: list[Session]) -> list[tuple[Session, Why, str]]:
        now = time.monotonic()
        found = [(one, Why.FULL, "") for one in going if not save(one)]
        if now - self._renewed >= RENEW:
            # Only those that are attended to: one whose end could not be noted is left to the sweep.
            mine = Terminal.objects.filter(pk__in=[one.pk for one in going], lease=self.lease)
            mine.update(lease_until=services.lease_end())
            self._renewed = now
        if now - self._looked >= LOOK:
            self._looked = now
            rows = services.rows().in_bulk([one.pk for one in going])
            found += [(one, *ending) for one in going if (ending := verdict(one, rows.get(one.pk)))]
            for one in going:
                if row := rows.get(one.pk):
                    one.hide = known.of_instance(row.instance_id)
        return found

    # --- The end -------------------------------------------------------------------------------------------------------

    def _conclude_soon(self, session: Session) -> None:
        task = asyncio.ensure_future(self._conclude(session))
        self._concluding.add(task)
        task.add_done_callback(self._concluding.discard)

    async def _conclude(self, session: Session) -> None:
        why, words, code = await in_thread(outcome, session)
        if session.page is not None:
            session.page.tell(t="end", why=str(why), words=words or str(why.label), code=code)
            session.page.leave(1000)
        try:
            await in_thread(conclude, session, why, words, code)
        except Exception as error:  # the sweep does it, when the lease has run out
            log.warning("The end of terminal %d could not be noted now: %s", session.pk, error)


def verdict(session: Session, row: Terminal | None) -> tuple[Why, str] | None:
    if row is None or row.state == Terminal.State.ENDED:
        return Why.PLATFORM, ""
    return access.verdict(row, session.session_key)


def save(session: Session) -> bool:
    """Stores what is new of the recording. False: it is full, or has not been stored for too long."""
    session.unsaved += session.take_lines()
    if session.unsaved:
        counts = {"bytes_in": session.bytes_in, "bytes_out": session.ring.end, "left_out": session.recorder.left_out}
        try:
            session.recorded += recordings.store(session.pk, session.pieces, session.unsaved, **counts)
        except Exception as error:  # the database is away: it waits here
            log.warning("The recording of terminal %d waits: %s", session.pk, error)
            return len(session.unsaved) < MOST_UNSAVED
        session.unsaved, session.pieces = "", session.pieces + 1
    return session.recorded < settings.RECORDING_MOST


def outcome(session: Session) -> tuple[Why, str, int | None]:
    """Why it ended, looked at again: a shell that is gone may have gone with its container. And its exit code."""
    why, words = session.ended or (Why.PLATFORM, "")
    if why not in {Why.EXIT, Why.ENGINE}:
        return why, words, None
    engine = session.wire.engine
    try:
        code = execs.exit_code(engine, session.wire.exec_id)
        running = _still_runs(engine, session.engine_id, code)
    except EngineError as error:
        return (Why.CONTAINER, "", None) if error.kind == "not_found" else (Why.ENGINE, error.words, None)
    if not running:
        return Why.CONTAINER, "", code
    return (Why.EXIT, "", code) if code is not None else (Why.ENGINE, words, None)


def _still_runs(engine: Engine, container: str, code: int | None) -> bool:
    """Whether the container does; one whose shell was killed may be about to end, and the engine notes the shell first."""
    for pause in (0.2, 0.4, 0.8):
        running = bool(engine.inspect(container)["State"]["Running"])
        if not running or code not in KILLED:
            return running
        time.sleep(pause)
    return True


def conclude(session: Session, why: Why, words: str, code: int | None) -> None:
    """The last lines, the row, the event; and what still runs inside is ended. What fails here the sweep makes up for."""
    session.note_end(f"ended: {why}")
    save(session)
    counts = {"bytes_in": session.bytes_in, "bytes_out": session.ring.end, "left_out": session.recorder.left_out}
    services.finish(session.pk, why, words, code, **counts)
    services.end_inside(session.pk)


_keepers: dict[asyncio.AbstractEventLoop, Keeper] = {}


def keeper() -> Keeper:
    """The running loop's."""
    loop = asyncio.get_running_loop()
    if loop not in _keepers:
        for old in [one for one in _keepers if one.is_closed()]:
            del _keepers[old]
        _keepers[loop] = Keeper()
    return _keepers[loop]


def wake_all() -> None:
    """Somebody asked for an end in this process: looks at once. Other processes look within LOOK seconds."""
    for one in list(_keepers.values()):
        one.wake()
