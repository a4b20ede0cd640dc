"""The events of one open log: lines of all its instances by time, and what else its page has to know."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from asgiref.sync import sync_to_async
from django.utils.translation import gettext as _

from containers.logs.filters import Filter
from containers.logs.levels import NAMES
from containers.logs.mailbox import Mailbox
from containers.logs.merge import Sorter
from containers.logs.reader import OVERLAP, Reader
from containers.logs.seats import seat
from containers.logs.sources import Source, sources_of
from containers.logs.text import NOTE, Line
from containers.models import ServiceEnvironment
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import User
from xqplatform.accounts.rights import can

RIGHT = "service.logs"
MOST_SECONDS = 15 * 60
BEAT = 10.0  # seconds after which a silent stream says that it is there
GATHER = 0.05  # seconds that lines are gathered for one event
HOLD = 0.3  # seconds that lines of several instances wait for each other
AT_FIRST = 1.5  # the same while the ends of all logs come in
LOOK = 10.0  # seconds between looks at which instances there are
BATCH = 1000  # lines of one event
TAIL, SCANNED = 500, 5000  # lines of an instance at first; those looked through where there is a filter
Event = tuple[str, Any]


@dataclass(frozen=True)
class Asked:
    """What somebody wants to follow. `known`: by instance number, the stamp of the last line that he has."""

    place: ServiceEnvironment
    numbers: frozenset[int] = frozenset()
    filter: Filter = field(default_factory=Filter)
    tail: int = TAIL
    known: Mapping[int, str] = field(default_factory=dict)
    since: str = ""  # for those of whom nothing is known
    overlap: int = OVERLAP
    person: int = 0


class Follower:
    """The readers of one stream, and their lines in order."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.box = Mailbox(asyncio.get_running_loop())
        self.readers: dict[int, Reader] = {}

    def start(self, sources: list[Source], *, later: bool = False) -> None:
        """Begins to read those that are not read yet; whoever came `later` is read from his beginning."""
        asked = self.asked
        tail = SCANNED if asked.filter.any else min(asked.tail, max(20, 4000 // max(1, len(sources))))
        for one in sources:
            known = asked.known.get(one.number, asked.since)
            made = Reader(
                one, self.box, asked.filter, tail=SCANNED if later else tail, known=known, overlap=asked.overlap
            )
            self.readers[one.number] = made
            made.start()

    def at(self) -> dict[int, str]:
        """How far each log was read."""
        return {number: one.lines.last for number, one in self.readers.items() if one.lines.last}

    def stop(self) -> None:
        self.box.close()
        for one in self.readers.values():
            one.stop()


async def follow(asked: Asked) -> AsyncIterator[Event]:
    """`hello`, `lines`, `at`, `sources`, `beat`; at the end `again` (come back with what you have) or `failed` with the words."""
    sources = await sync_to_async(sources_of)(asked.place, asked.numbers)
    with seat(asked.person, max(1, len(sources))) as refused:
        if refused:
            yield "failed", refused
            return
        follower = Follower(asked)
        try:
            yield "hello", {"sources": _sources(sources)}
            if not sources:
                yield "failed", _("Nothing runs here.")
                return
            follower.start(sources)
            async for event in _events(follower):
                yield event
        finally:
            follower.stop()


async def _events(follower: Follower) -> AsyncIterator[Event]:
    several = len(follower.readers) != 1
    sorter = Sorter(HOLD if several else 0)
    began = spoke = looked = time.monotonic()
    placed = 0.0
    while (now := time.monotonic()) < began + MOST_SECONDS:
        if len(sorter) or await follower.box.wait(min(BEAT, LOOK)):
            await asyncio.sleep(GATHER)
        now = time.monotonic()
        sorter.add(follower.box.take(), now)
        if not several or now > began + AT_FIRST:
            found = sorter.take(now)
            for begin in range(0, len(found), BATCH):
                yield "lines", found[begin : begin + BATCH]
                spoke = now
        if now > placed + 2 and not len(sorter):
            placed = now
            yield "at", follower.at()
        if now > spoke + BEAT:
            spoke = now
            yield "beat", {}
        if now > looked + LOOK:
            looked = now
            if not await sync_to_async(_may_still)(follower.asked):
                break  # who comes back is told why
            if more := await sync_to_async(_newcomers)(follower):
                several, sorter.hold = True, HOLD
                follower.start(more, later=True)
                yield "sources", _sources(more)
    yield "again", {}


def _may_still(asked: Asked) -> bool:
    """Whether who follows it may read there now: rights are taken away while streams are open, and people leave."""
    if not asked.person:
        return True
    user = User.objects.filter(pk=asked.person).first()
    place = ServiceEnvironment.objects.filter(pk=asked.place.pk).select_related("service", "environment").first()
    return user is not None and place is not None and can(Actor.person(user), RIGHT, **place.at)


def _newcomers(follower: Follower) -> list[Source]:
    """Instances that came since the stream began. (Those that went end by themselves.)"""
    found = sources_of(follower.asked.place, follower.asked.numbers)
    return [one for one in found if one.number not in follower.readers]


def _sources(sources: list[Source]) -> list[dict[str, Any]]:
    return [{"number": one.number, "host": one.host, "state": one.state} for one in sources]


# --- How it goes out ------------------------------------------------------------------------------------------------


def as_events(name: str, data: Any) -> str:
    """A server-sent event; lines as arrays, in the order of `Line`."""
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n"


def as_json_lines(name: str, data: Any) -> str:
    """For programs: one JSON object a line; empty for what only pages need, and an empty line as a beat."""
    if name == "lines":
        return "".join(f"{json.dumps(line_json(one), ensure_ascii=False)}\n" for one in data)
    if name in {"failed", "again"}:
        return (
            json.dumps({"note": data or _("The stream has ended; go on with since= the last time."), "end": name})
            + "\n"
        )
    if name == "problem":
        return json.dumps({"note": data}, ensure_ascii=False) + "\n"
    return "\n" if name == "beat" else ""


def line_json(one: Line) -> dict[str, Any]:
    """A line as programs get it."""
    if one.channel == NOTE:
        return {"instance": one.number, "time": one.stamp, "note": one.text}
    found: dict[str, Any] = {
        "instance": one.number,
        "time": one.stamp,
        "stream": "stderr" if one.channel else "stdout",
        "level": NAMES[one.level],
        "text": one.text,
    }
    return found | {"length": one.cut} if one.cut else found
