"""Answers: a page of events, all of them for an export, how many there are. What somebody may not read is never in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from itertools import islice
from typing import Any

from django.db.models import QuerySet

from xqplatform.accounts.actor import Actor
from xqplatform.audit import queries
from xqplatform.audit.models import Event
from xqplatform.audit.search import store
from xqplatform.audit.search.asked import Asked
from xqplatform.audit.search.matching import ask

MOST_COUNTED = 5_000
# Keys follow the clock, but for transactions that were under way side by side and for a clock that was put right.
SLACK = timedelta(minutes=10)
CHUNKS = (100, 500, 2000)  # candidates a turn: few at first, as most of them fit


@dataclass
class Search:
    """One search of one reader. Everything it reads is bounded by what it gives, not by the length of the log."""

    actor: Actor
    asked: Asked
    _edges: tuple[int, int | None] | None = field(default=None, init=False)

    @property
    def rows(self) -> QuerySet[Event]:
        """What the reader may see in the range of time, without the search's words."""
        rows = queries.readable(self.actor)
        if self.asked.since:
            rows = rows.filter(time__gte=self.asked.since)
        if self.asked.until:
            rows = rows.filter(time__lt=self.asked.until)
        return rows

    @property
    def edges(self) -> tuple[int, int | None]:
        """Keys between which all events of the range are: from, and up to but without."""
        if self._edges is None:
            self._edges = (self._first(), self._after())
        return self._edges

    def _first(self) -> int:
        if not self.asked.since:  # what was archived is in the index, but not in the log any more
            return Event.objects.order_by("pk").values_list("pk", flat=True).first() or 0
        early = _earlier(self.asked.since, SLACK)
        found = Event.objects.filter(time__gte=early).order_by("time").values_list("pk", flat=True).first()
        return int(found) if found is not None else 2**62

    def _after(self) -> int | None:
        if not self.asked.until:
            return None
        late = _earlier(self.asked.until, -SLACK)
        found = Event.objects.filter(time__gte=late).order_by("time").values_list("pk", flat=True).first()
        return int(found) if found is not None else None

    def candidates(self, limit: int, below: int | None = None, above: int = 0) -> Iterator[int]:
        """Keys that the index gives, newest first; whether the reader may see them is asked afterwards."""
        first, after = self.edges
        ends = [end for end in (below, after) if end is not None]
        wanted = ask(self.asked.query, queries.reach(self.actor))
        yield from store.ids(wanted, limit, below=min(ends, default=None), above=max(first, above))

    @cached_property
    def whole(self) -> bool:
        """Whether the reader may read every event."""
        return queries.everything(self.actor)

    @property
    def plain(self) -> bool:
        """Whether every event of the range that is there fits: no index is needed."""
        return not self.asked.query.terms and self.whole

    @property
    def _plain_rows(self) -> QuerySet[Event]:
        """By key, so that neither database sorts a year to show its last page."""
        first, after = self.edges
        rows = self.rows.filter(pk__gte=first).order_by("-pk")
        return rows.filter(pk__lt=after) if after is not None else rows

    def events(self, below: int | None = None, above: int = 0) -> Iterator[Event]:
        """All events that fit, newest first, read chunk by chunk."""
        if self.plain:
            yield from _walk(self._plain_rows.filter(pk__gte=above), below)
            return
        for turn in range(10**9):
            size = CHUNKS[min(turn, len(CHUNKS) - 1)]
            keys = list(self.candidates(size, below, above))
            found = {event.pk: event for event in self.rows.filter(pk__among=keys)}
            yield from (found[key] for key in keys if key in found)
            if len(keys) < size:
                return
            below = keys[-1]

    def page(self, size: int, below: int | None = None) -> tuple[list[Event], bool]:
        """The newest `size` events older than a key, and whether there are more."""
        found = list(islice(self.events(below), size + 1))
        return found[:size], len(found) > size

    def of(self, keys: list[int]) -> list[Event]:
        """The events of keys that fit, in their order."""
        found = self.rows.in_bulk(keys)
        return [found[key] for key in keys if key in found]

    def newer(self, key: int, most: int = 1000) -> int:
        """How many came since, counted up to a limit."""
        return sum(1 for _event in islice(self.events(above=key + 1), most))

    def keys(self, most: int) -> list[int]:
        """The newest keys that fit."""
        if self.plain:
            return list(self._plain_rows.values_list("pk", flat=True)[:most])
        keys = list(self.candidates(most))
        if self.asked.since or self.asked.until or not self.whole:
            seen = set(self.rows.filter(pk__among=keys).values_list("pk", flat=True))
            keys = [key for key in keys if key in seen]
        return keys


def _walk(rows: QuerySet[Event], below: int | None) -> Iterator[Event]:
    for turn in range(10**9):
        size = CHUNKS[min(turn, len(CHUNKS) - 1)]
        found = list(rows.filter(pk__lt=below)[:size] if below is not None else rows[:size])
        yield from found
        if len(found) < size:
            return
        below = found[-1].pk


def _earlier(moment: Any, by: timedelta) -> Any:
    try:
        return moment - by
    except OverflowError:
        return moment
