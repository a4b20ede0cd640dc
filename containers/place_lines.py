"""What apps above say of a place in one line on its page: a template and its context, or None where there is nothing to say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from containers.models import ServiceEnvironment

Line = tuple[str, dict[str, Any]]
LINES: list[Callable[[ServiceEnvironment], Line | None]] = []


def lines(place: ServiceEnvironment) -> list[dict[str, Any]]:
    return [{"template": found[0], **found[1]} for line in LINES if (found := line(place)) is not None]
