"""Calls of an engine that may be away for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from django.utils.translation import gettext as _

from containers.ending import Broken, StepFailed
from containers.steps.context import Context
from hosts.engine import EngineError

R = TypeVar("R")


class Patience:
    """Calls an engine, and waits and calls again while it is away, for at most `seconds`; says so in words meanwhile."""

    def __init__(self, context: Context, stop: threading.Event, seconds: float, note: Callable[[str], None]) -> None:
        self._context, self._stop, self._seconds, self._note = context, stop, seconds, note
        self._away_since: float | None = None

    def check(self) -> None:
        """Raises Broken when this process must not act any more."""
        if self._stop.is_set() or self._context.halt.is_set() or not self._context.lease.trusted:
            raise Broken

    def sleep(self, seconds: float) -> None:
        self._stop.wait(seconds)
        self.check()

    def call(self, function: Callable[..., R], *args: Any, **options: Any) -> R:
        delay = 0.2
        while True:
            self.check()
            try:
                result = function(*args, **options)
            except EngineError as error:
                if not (error.retry or error.out_of_reach):
                    raise
                now = time.monotonic()
                self._away_since = self._away_since or now
                left = self._seconds - (now - self._away_since)
                if left <= 0:
                    raise StepFailed(
                        _("%(words)s It was tried for %(seconds)d s.")
                        % {"words": error.words, "seconds": self._seconds}
                    ) from error
                self._note(_("%(words)s Trying again for %(left)d s.") % {"words": error.words, "left": left})
                self.sleep(min(delay, left))
                delay = min(2.0, delay * 1.6)
            else:
                if self._away_since is not None:
                    self._away_since = None
                    self._note("")
                return result
