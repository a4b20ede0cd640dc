"""How the work on a build ends when it does not simply succeed."""

from __future__ import annotations


class LeaseLost(Exception):
    """Somebody else works on the build now: stop, and write nothing."""


class Cancelled(Exception):
    """A person cancelled the build."""


class Failed(Exception):
    """It ran, and the result is bad."""


class Wait(Exception):
    """It cannot go on now; later it can. `seconds` until the next try; `quiet`: the log need not tell."""

    def __init__(self, reason: str, seconds: float, *, quiet: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.seconds = seconds
        self.quiet = quiet
