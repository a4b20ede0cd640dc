"""How a place is released to, judged from its releases and alerts, after the DORA metrics (dora.dev): release frequency, lead time,
change failure rate, time to restore. Pure; times are epoch seconds. What there is no data of is None, never zero.

*Release*: a release that ended as succeeded, failed or rolled back. A cancelled one is counted apart, and so is a *way back*: a
release that succeeds in bringing the former image back within `FOLLOWED` after another one failed or succeeded. Neither is a change.
*Lead time*: from the commit an image was built of to the end of the first successful release that brought it. Each release counts once,
with its own revision: commits that came along between two releases are not counted by themselves, a revision that was out before not again.
*Change failure*: it failed, was rolled back, was followed by a way back, or a critical alert of the place began with it and fired not
later than `ALARMED` after its end. An alert is the newest release's.
*Time to restore*: of such failures; from the start of what failed (of an alert: since when it was bad; of a way back: the end of the
release before it) to the end of its own rollback, of the next release that succeeds, or of the alert: the last of these.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from containers.capacity.figures import percentile

FOLLOWED = 24 * 3600  # seconds
ALARMED = 3600  # seconds


class Cause(StrEnum):
    """Why a release counts as a change that failed."""

    FAILED = "failed"
    ROLLED_BACK = "rolled_back"
    BACK = "back"
    ALARM = "alarm"


@dataclass(frozen=True, slots=True)
class Release:
    """One that ended. `code`: the revision of its image, else what names the image; `commit`: when it was committed, where known."""

    number: int
    state: str
    start: float
    end: float
    image: int | None = None
    old_image: int | None = None
    code: str = ""
    commit: float | None = None


@dataclass(frozen=True, slots=True)
class Alarm:
    """A critical alert of the place: bad since `begin`, told of at `fired`, over at `end` (None: not yet)."""

    number: int
    begin: float
    fired: float
    end: float | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """`back`: it is a way back. `by`: the release and the alert that say so, by cause. `lead`, `restore`: seconds.
    `open`: it is not restored yet."""

    release: Release
    back: bool = False
    causes: tuple[Cause, ...] = ()
    by: dict[Cause, int] = field(default_factory=dict)
    lead: float | None = None
    restore: float | None = None
    open: bool = False

    @property
    def is_change(self) -> bool:
        return not self.back and self.release.state != "cancelled"

    @property
    def counts_as(self) -> str:
        """«way_back» and «cancelled» are no changes; a change is «good» or a «failure»."""
        if not self.is_change:
            return "way_back" if self.back else "cancelled"
        return "failure" if self.causes else "good"


def judge(
    releases: Iterable[Release], alarms: Iterable[Alarm], brought: AbstractSet[str] = frozenset()
) -> list[Verdict]:
    """Of one place, the oldest first. `brought`: revisions that were out there before the first of these releases."""
    rows = sorted(releases, key=lambda one: (one.end, one.number))
    backs = _ways_back(rows)
    fired = _attributed(rows, alarms)
    restored = _next_success(rows)
    out, found = set(brought), []
    for at, row in enumerate(rows):
        lead = None
        if row.state == "succeeded":
            if row.code and row.code not in out and row.commit is not None:
                lead = max(0.0, row.end - row.commit)  # a clock that was ahead makes no time negative
            out.add(row.code)
        if row.state == "cancelled" or at in backs.values():
            found.append(Verdict(row, back=at in backs.values()))
            continue
        back = rows[backs[at]] if at in backs else None
        found.append(_verdict(row, back, fired.get(at, []), restored[at], lead))
    return found


def _verdict(
    row: Release, back: Release | None, alarms: Sequence[Alarm], restored: float | None, lead: float | None
) -> Verdict:
    spans: list[tuple[Cause, int, float, float | None]] = []
    if row.state == "failed":
        spans.append((Cause.FAILED, row.number, row.start, restored))
    if row.state == "rolled_back":
        spans.append((Cause.ROLLED_BACK, row.number, row.start, row.end))
    if back is not None:
        spans.append((Cause.BACK, back.number, row.end, back.end))
    spans += [(Cause.ALARM, one.number, one.begin, one.end) for one in alarms]
    if not spans:
        return Verdict(row, lead=lead)
    ends = [end for *_rest, end in spans]
    known = [end for end in ends if end is not None]
    whole = len(known) == len(ends)
    return Verdict(
        row,
        causes=tuple(dict.fromkeys(cause for cause, *_rest in spans)),
        by={cause: number for cause, number, *_rest in reversed(spans)},
        lead=lead,
        restore=max(0.0, max(known) - min(begin for _c, _n, begin, _e in spans)) if whole else None,
        open=not whole,
    )


def _ways_back(rows: Sequence[Release]) -> dict[int, int]:
    """Which release (its place in the list) was followed by which way back: the next one that succeeded, if it is one.

    A way back has none itself: who releases the same image again afterwards has made a change.
    """
    found: dict[int, int] = {}
    after: dict[int, int] = {}
    last = -1
    for at in reversed(range(len(rows))):
        after[at] = last
        last = at if rows[at].state == "succeeded" else last
    for at, row in enumerate(rows):
        if after[at] < 0 or row.state not in {"succeeded", "failed"} or at in found.values():
            continue
        back = rows[after[at]]
        former = row.old_image is not None and back.image == row.old_image != row.image
        if former and back.end - row.end <= FOLLOWED:
            found[at] = after[at]
    return found


def _attributed(rows: Sequence[Release], alarms: Iterable[Alarm]) -> dict[int, list[Alarm]]:
    """Each alarm belongs to the newest release that had begun when it was bad first; it fires after that one, but not long after."""
    found: dict[int, list[Alarm]] = {}
    order = sorted((at for at, row in enumerate(rows) if row.state != "cancelled"), key=lambda at: rows[at].start)
    starts = [rows[at].start for at in order]
    for one in sorted(alarms, key=lambda alarm: (alarm.begin, alarm.number)):
        last = bisect_right(starts, one.begin) - 1
        if last < 0:
            continue
        row = rows[order[last]]
        outlives = (
            one.end is None or one.end > row.end
        )  # what passes while instances are replaced is the release itself
        if outlives and one.fired <= row.end + ALARMED:
            found.setdefault(order[last], []).append(one)
    return found


def _next_success(rows: Sequence[Release]) -> list[float | None]:
    """After each release the end of the next one that succeeded."""
    found: list[float | None] = []
    after: float | None = None
    for row in reversed(rows):
        found.append(after)
        if row.state == "succeeded":
            after = row.end
    return found[::-1]


@dataclass(slots=True)
class Tally:
    """Counts of some releases, and the times that medians are made of (seconds). Tallies add up."""

    succeeded: int = 0  # without ways back
    failed: int = 0
    rolled_back: int = 0
    cancelled: int = 0
    backs: int = 0
    followed: int = 0  # succeeded or failed, then followed by a way back
    bad: int = 0  # changes that failed
    open: int = 0  # of those: not restored yet
    leads: list[float] = field(default_factory=list)
    restores: list[float] = field(default_factory=list)

    def add(self, one: Verdict) -> None:
        state = one.release.state
        if one.back:
            self.backs += 1
            return
        if state == "cancelled":
            self.cancelled += 1
            return
        self.succeeded += state == "succeeded"
        self.failed += state == "failed"
        self.rolled_back += state == "rolled_back"
        self.followed += Cause.BACK in one.causes
        self.bad += bool(one.causes)
        self.open += one.open
        if one.lead is not None:
            self.leads.append(one.lead)
        if one.restore is not None:
            self.restores.append(one.restore)

    def merge(self, other: Tally) -> None:
        self.succeeded += other.succeeded
        self.failed += other.failed
        self.rolled_back += other.rolled_back
        self.cancelled += other.cancelled
        self.backs += other.backs
        self.followed += other.followed
        self.bad += other.bad
        self.open += other.open
        self.leads += other.leads
        self.restores += other.restores

    @property
    def changes(self) -> int:
        return self.succeeded + self.failed + self.rolled_back

    @property
    def empty(self) -> bool:
        return not (self.changes or self.cancelled or self.backs)

    @property
    def failure_rate(self) -> float | None:
        return self._share(self.bad)

    @property
    def success_rate(self) -> float | None:
        return self._share(self.succeeded)

    @property
    def rollback_rate(self) -> float | None:
        return self._share(self.rolled_back + self.followed)

    def _share(self, of: int) -> float | None:
        return of / self.changes if self.changes else None

    @property
    def lead_median(self) -> float | None:
        return self._quantile(self.leads, 0.5)

    @property
    def lead_p90(self) -> float | None:
        return self._quantile(self.leads, 0.9)

    @property
    def restore_median(self) -> float | None:
        return self._quantile(self.restores, 0.5)

    @staticmethod
    def _quantile(values: list[float], share: float) -> float | None:
        values.sort()  # what is in order is sorted again at once
        return percentile(values, share) if values else None


TIMES = ("leads", "restores")
COUNTS = tuple(one.name for one in fields(Tally) if one.name not in TIMES)


def packed(tallies: Mapping[int, Tally]) -> dict[str, list[int]]:
    """By place, as they are kept: a column a count, since a year of all places is read for one page, and short lists are what takes
    long to read. `leads` and `restores` are those of all places in their order, `leads_of` and `restores_of` how many each has."""
    places = sorted(tallies)
    rows = [tallies[place] for place in places]
    found = {"places": places} | {name: [getattr(row, name) for row in rows] for name in COUNTS}
    for name in TIMES:
        times: list[list[float]] = [getattr(row, name) for row in rows]
        found |= {name: [round(one) for of in times for one in of], f"{name}_of": [len(of) for of in times]}
    return found


def add_packed(found: Mapping[str, list[int]], to: Mapping[int, Tally]) -> None:
    """Adds to the tallies of places; those that are not there are not asked for. Column by column, since most counts are zero."""
    into = [to.get(place) for place in found.get("places", ())]
    for name in COUNTS if into else ():
        for tally, count in zip(into, found[name], strict=True):
            if count and tally is not None:
                setattr(tally, name, getattr(tally, name) + count)
    for name in TIMES if into else ():
        times, at = found[name], 0
        for tally, count in zip(into, found[f"{name}_of"], strict=True):
            if count and tally is not None:
                getattr(tally, name).extend(times[at : at + count])
            at += count


def changes_packed(found: Mapping[str, list[int]]) -> Iterator[tuple[int, int, int]]:
    """(place, changes, those that failed)"""
    columns = (found.get(name, []) for name in ("places", "succeeded", "failed", "rolled_back", "bad"))
    for place, succeeded, failed, rolled_back, bad in zip(*columns, strict=True):
        yield place, succeeded + failed + rolled_back, bad


def week_of(moment: float) -> date:
    """The Monday of its ISO week, by UTC."""
    day = datetime.fromtimestamp(moment, UTC).date()
    return day - timedelta(days=day.weekday())


def by_week(verdicts: Iterable[Verdict]) -> dict[date, Tally]:
    """Each release counts in the week in which it ended."""
    found: dict[date, Tally] = {}
    for one in verdicts:
        found.setdefault(week_of(one.release.end), Tally()).add(one)
    return found
