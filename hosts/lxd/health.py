"""Health checks of instances: an LXD server runs none, so the platform does. None of them holds up another, or whoever asks.

Each process that listens to a server runs the checks; changes are kept, so that all others know, and the next start begins with them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hosts.engine_errors import EngineError
from hosts.lxd.health_states import TIMEOUT, State, after, command, is_due, is_fresh, seconds
from hosts.lxd.kept import Away, Kept

log = logging.getLogger(__name__)
SIDE_BY_SIDE = 32  # checks of one server; more of them wait for the next look
Run = Callable[[list[str], float], tuple[int, str]]


@dataclass(frozen=True)
class Subject:
    """An instance that may be checked. `run`: tells one run of it from the next."""

    identity: str
    run: str
    check: Mapping[str, Any]


class Checks:
    """The states of one server's instances; each check runs at most once at a time."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._changed = threading.Condition()
        self._states: dict[str, State] = {}
        self._busy: set[str] = set()
        self._done = 0  # checks that have ended

    def seen(self, subjects: Iterable[Subject]) -> dict[str, State]:
        """What is known of each, at once. What this process has not checked lately is what the others know."""
        asked, now = list(subjects), time.monotonic()
        with self._changed:
            own = {one.identity: self._states[one.identity] for one in asked if one.identity in self._states}
        found = {
            one.identity: own[one.identity]
            for one in asked
            if one.identity in own and own[one.identity].run == one.run and is_fresh(own[one.identity], one.check, now)
        }
        rest = [one for one in asked if one.identity not in found and command(one.check)]
        try:
            others = self._kept.states([one.identity for one in rest]) if rest else {}
        except Away as error:
            log.warning("Health is told as this process knows it: %s", error)
            others = own
        for one in asked:
            state = others.get(one.identity)
            found.setdefault(one.identity, state if state is not None and state.run == one.run else State(one.run))
        return found

    def look(self, subject: Subject, up: float, execute: Run) -> None:
        """Begins its check if that is due, and waits for nothing. `up`: seconds that it has run."""
        with self._changed:
            own = self._states.get(subject.identity)
            mine = own if own is not None and own.run == subject.run else State(subject.run)
            if (
                not command(subject.check)
                or subject.identity in self._busy
                or len(self._busy) >= SIDE_BY_SIDE
                or not is_due(mine, subject.check, time.monotonic())
            ):
                return
            self._busy.add(subject.identity)
        threading.Thread(
            target=self._check, args=(subject, up, execute), name=f"lxd-check {subject.identity[:8]}", daemon=True
        ).start()

    def _check(self, subject: Subject, up: float, execute: Run) -> None:
        began = time.monotonic()
        try:
            before = self.seen([subject])[subject.identity]
            code, said = execute(command(subject.check), seconds(subject.check, "Timeout", TIMEOUT))
            now = time.monotonic()
            state = after(before, subject.check, code, said, now=now, up=up + now - began)
            with self._changed:
                self._states[subject.identity] = state
            if state.told != before.told:
                self._kept.put_state(subject.identity, state)
        except EngineError as error:
            log.info("A health check could not be run: %s", error.message)
        except Away as error:
            with self._changed:  # the next check tells it
                self._states.pop(subject.identity, None)
            log.warning("A health check's result is not kept: %s", error)
        except Exception:  # nobody else would tell
            log.exception("A health check failed")
        finally:
            with self._changed:
                self._busy.discard(subject.identity)
                self._done += 1
                self._changed.notify_all()

    def wait(self, done: int, timeout: float) -> int:
        """Waits until more checks have ended than `done`, at most so many seconds; how many have."""
        with self._changed:
            self._changed.wait_for(lambda: self._done != done, timeout)
            return self._done

    def forget(self, kept: set[str]) -> None:
        """Those that are gone, or run no more."""
        with self._changed:
            self._states = {identity: state for identity, state in self._states.items() if identity in kept}
