"""What a policy of elasticity says, and what is known when it decides. Pure; moments are epoch seconds, shares are percent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import time
from typing import Any

from containers.guardrails.sessions import Book

OPEN, CLOSE = "open", "close"


@dataclass(frozen=True)
class Load:
    """One metric of the instances is kept near a target: the mean of an instance."""

    metric: str
    target: float


@dataclass(frozen=True)
class MarketPoint:
    """From so many minutes after (negative: before) a calendar's opening or closing on, so many instances at least."""

    calendar: str  # its slug
    anchor: str
    minutes: int
    instances: int


@dataclass(frozen=True)
class WeekPoint:
    """From a time of the wall clock on some days of the week (0 = Monday) on, so many instances at least."""

    days: tuple[int, ...]
    at: time
    instances: int


@dataclass(frozen=True)
class Forecast:
    """What the same hour of the same weekday took in the last weeks, with a margin, is there so many minutes ahead."""

    metric: str  # one of the policy's loads
    weeks: int = 4
    minutes: int = 15
    margin: int = 10  # percent


@dataclass(frozen=True)
class Policy:
    """One place's rules. Whatever they wish, it stays between `least` and `most`, and the highest wish counts."""

    least: int
    most: int
    loads: tuple[Load, ...] = ()
    market: tuple[MarketPoint, ...] = ()
    week: tuple[WeekPoint, ...] = ()
    zone: str = "UTC"  # of the week's points
    forecast: Forecast | None = None
    tolerance: int = 10  # percent off the target in which nothing is done
    over: int = 60  # seconds of samples that are looked at; half of them must lie after the last change
    window: int = 300  # seconds: the highest wish within them counts when it goes down
    most_up: int = 300  # percent of the instances that may come at once by load
    most_down: int = 50  # percent that may go at once
    enabled: bool = True
    dry: bool = False  # decides and tells, and changes nothing


@dataclass(frozen=True)
class Reason:
    """Why, as a code with its numbers: `words.say` makes a sentence of it in the reader's language."""

    code: str
    data: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"code": self.code, **self.data}

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Reason:
        return cls(str(content.get("code", "")), {key: value for key, value in content.items() if key != "code"})


@dataclass(frozen=True)
class Wish:
    """What one source wants. `number` None: it cannot tell. `blind`: it should be able to, so nothing shrinks meanwhile.

    `need` is what it would take without windows: what shows that a target is out of reach.
    """

    source: str  # load, market, week, forecast
    name: str  # the metric, or the calendar
    number: int | None
    reason: Reason
    blind: bool = False
    need: int | None = None


@dataclass(frozen=True)
class Attempt:
    """An earlier change by this policy: `well` when all of it came to pass."""

    at: float
    up: bool
    well: bool


@dataclass(frozen=True)
class View:
    """What is known at a moment.

    `samples`: of each metric, by instance, (moment, value) in order. `past`: of each metric of a forecast the highest sum
    over all instances in the minutes ahead, one a week, None where nothing is known. `books`: calendars by slug. `failed`: of the
    instances those that came by this policy and did not get healthy, since `failed_at`; they are tried no longer and carry nothing.
    """

    now: float
    instances: tuple[int, ...]  # that stand
    settled: float = 0.0  # when their number or containers were changed last
    busy: Reason | None = None  # why nothing may be changed now
    samples: Mapping[str, Mapping[int, Sequence[tuple[float, float]]]] = field(default_factory=dict)
    past: Mapping[str, Sequence[float | None]] = field(default_factory=dict)
    books: Mapping[str, Book | None] = field(default_factory=dict)
    attempts: tuple[Attempt, ...] = ()  # oldest first
    sample: float = 10.0  # seconds that one sample covers
    failed: tuple[int, ...] = ()
    failed_at: float = 0.0


@dataclass(frozen=True)
class Track:
    """Since when a load was told without a gap, and its wishes that no later one exceeds: (moment, number), oldest first."""

    since: float
    peaks: tuple[tuple[float, int], ...] = ()


@dataclass(frozen=True)
class Memory:
    """What one evaluation leaves to the next one. `since`: evaluated without a gap, by a clock that was not set back."""

    seen: float = 0.0
    since: float = 0.0
    tracks: Mapping[str, Track] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "seen": self.seen,
            "since": self.since,
            "tracks": {name: [t.since, list(t.peaks)] for name, t in self.tracks.items()},
        }

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Memory:
        tracks = content.get("tracks", {}).items()
        return cls(
            float(content.get("seen", 0.0)),
            float(content.get("since", 0.0)),
            {name: Track(float(since), tuple((at, n) for at, n in peaks)) for name, (since, peaks) in tracks},
        )


@dataclass(frozen=True)
class Decision:
    """`to`: the number that is to be, None: nothing is changed. `wanted`: the highest wish within the bounds.

    `short`: how many the sources need beyond `most`. `again`: when what keeps it back is over, if that is known. `going`: the
    instances that go, where it is not those with the highest numbers.
    """

    to: int | None
    reason: Reason
    wishes: tuple[Wish, ...] = ()
    wanted: int | None = None
    short: int = 0
    again: float | None = None
    going: tuple[int, ...] = ()
