"""What goes in and comes out of the store: samples, and series of points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Sample:
    """All metrics of one subject (`host:PK`, `instance:PK`) at one moment of the platform's clock. `life`: short container id."""

    subject: str
    time: float
    values: Mapping[str, float]
    life: str = ""


class Point(NamedTuple):
    """What was measured from `time` on, for `Series.level` seconds; a single sample has its own time."""

    time: float
    avg: float
    min: float
    max: float
    count: int  # type: ignore[assignment]


@dataclass
class Series:
    """`level`: seconds a point. Where nothing was measured there is no point: what lies further apart is a gap."""

    subject: str
    metric: str
    unit: str
    level: float
    points: list[Point] = field(default_factory=list)


class BandPoint(NamedTuple):
    """Many subjects together: the lowest and highest that any had, the mean of their averages, and how many they were."""

    time: float
    min: float
    mean: float
    max: float
    count: int  # type: ignore[assignment]


@dataclass
class Band:
    metric: str
    unit: str
    level: float
    points: list[BandPoint] = field(default_factory=list)


class Life(NamedTuple):
    """When a container was seen in its subject's place (within some minutes)."""

    life: str
    first: float
    last: float
