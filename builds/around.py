"""What apps above have done before and after a build, so that this app needs not know them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from builds.models import Build


@dataclass(frozen=True)
class Moment:
    """`check` raises when the work must stop; `say` adds a line to the build's log. `state`: how it ended, or is to end."""

    build: Build
    check: Callable[[], object]
    say: Callable[[str], object]
    state: str = ""


# Each may raise `outcomes.Failed`, which fails the build, unless it has failed already. Called again after a death.
BEFORE: list[Callable[[Moment], None]] = []
AFTER: list[Callable[[Moment], None]] = []

# Called in the transaction in which a build was queued, taken up or ended.
CHANGED: list[Callable[[Build], None]] = []


def changed(build: Build) -> None:
    """Tells whoever wants to know."""
    for one in CHANGED:
        one(build)
