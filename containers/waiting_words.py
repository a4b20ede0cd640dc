"""What waiting releases wait for, in words: for pages, the API and the home page."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from containers.guardrails import windows
from containers.models import Deployment, ServiceEnvironment
from containers.services.queue import held_of, waiters
from containers.waiting import Wait, waits


@dataclass(frozen=True)
class Line:
    """One of a place's queue. `turn`: from 1; `words`: what it waits for, the nearest first; empty: it begins any moment."""

    row: Deployment
    turn: int
    of: int
    words: tuple[str, ...]
    kinds: frozenset[str]

    @property
    def at(self) -> datetime | None:
        return self.row.not_before

    @property
    def is_first(self) -> bool:
        return self.turn == 1

    @property
    def is_last(self) -> bool:
        return self.turn == self.of


def lines(places: Iterable[ServiceEnvironment | int]) -> dict[int, list[Line]]:
    """The queues of these places by their keys; two queries, and those of freezes where something waits."""
    keys = [place if isinstance(place, int) else place.pk for place in places]
    rows = Deployment.objects.filter(place__in=keys, state=Deployment.State.WAITING).order_by("turn", "id")
    queues: dict[int, list[Deployment]] = {key: [] for key in keys}
    for row in rows.select_related("place__service", "place__environment", "image"):
        queues[row.place_id].append(row)
    if not any(queues.values()):
        return {key: [] for key in keys}
    active = Deployment.objects.filter(place__in=keys, state__in=Deployment.ACTIVE).values_list("place_id", "pk")
    busy, now = dict(active), time.time()
    return {key: [_line(at, rows_, busy.get(key), now) for at in range(len(rows_))] for key, rows_ in queues.items()}


def _line(at: int, rows: list[Deployment], active: int | None, now: float) -> Line:
    row = rows[at]
    found = waits(row.pk, waiters(rows), now, active, held_of(row))
    said = [words(one) for one in found]
    if not row.held_why and (ahead := frozen_then(row, now)):
        said.append(ahead)
    return Line(row, at + 1, len(rows), tuple(said), frozenset(one.kind for one in found))


def words(wait: Wait) -> str:
    if wait.kind == "time":
        return _("It begins at %(at)s, not before.") % {"at": windows.moment_words(wait.until or 0)}
    if wait.kind == "release":
        return _("It waits until #%(n)d, which is under way here, has ended.") % {"n": wait.pk}
    if wait.kind == "behind":
        return _("Its turn comes when #%(n)d has ended.") % {"n": wait.pk}
    return wait.why


def frozen_then(row: Deployment, now: float) -> str:
    """Whether a freeze will keep it back at the time it is for, as far as that is known now."""
    at = max(now, row.not_before.timestamp() if row.not_before else now)
    frozen = windows.frozen(row.place.environment, at)
    if frozen is None:
        return ""
    if at <= now:
        return windows.frozen_words(frozen)
    return _("At that time it will be kept back. %(frozen)s") % {"frozen": windows.frozen_words(frozen)}


def words_of(row: Deployment) -> list[str]:
    """What one of them waits for; of one that does not wait, nothing."""
    if row.state != Deployment.State.WAITING:
        return []
    return next((list(line.words) for line in lines([row.place_id])[row.place_id] if line.row.pk == row.pk), [])
