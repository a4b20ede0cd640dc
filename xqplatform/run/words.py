"""What the supervisor says on the terminal."""

from __future__ import annotations

import sys


class Trouble(Exception):
    """Why the platform cannot start: one sentence that says what to do."""


def say(line: str) -> None:
    """One line, at once, also when nobody reads any more."""
    try:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except (BrokenPipeError, ValueError):
        pass
