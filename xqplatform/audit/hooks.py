"""What apps above add to the page of an event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from xqplatform.accounts.actor import Actor
from xqplatform.audit.models import Event, Indexed


@dataclass(frozen=True)
class Beside:
    """Something that happened around the event; `state` is a word of `web.states`."""

    time: datetime
    text: str
    url: str = ""
    state: str = ""


@dataclass(frozen=True)
class Around:
    """A list on the event's page: with nothing in it, `empty` says so."""

    title: Any
    empty: Any
    items: list[Beside] = field(default_factory=list)


# (reader, event, what it is about, minutes before and after) → a list, or None where it says nothing of such events.
AROUND: list[Callable[[Actor, Event, Indexed | None, int], Around | None]] = []
