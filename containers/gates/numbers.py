"""Reads what the rules of a gate ask for: from the store of metrics, and error lines from logs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from containers.gates import errors
from containers.gates.judge import NOTHING, Basis, Measured, Numbers, Rule
from containers.gates.shape import ERRORS, RESTARTS, SLOPE, unit_of
from containers.gates.sides import Sides
from xqplatform import metrics
from xqplatform.metrics.points import Point

LEAST_FOR_SLOPE = 3  # points
POINTS = 1500  # single samples of four hours


@dataclass(frozen=True)
class Window:
    """Epoch seconds: what is measured now; `past`: the moment before which the past lies, as long as what is measured."""

    start: float
    end: float
    past: float

    @property
    def before(self) -> tuple[float, float]:
        return self.past - (self.end - self.start), self.past


class Reader:
    """One look at everything that a gate's rules name: each side and time is read once for all of them."""

    def __init__(
        self, rules: Sequence[Rule], sides: Sides, window: Window, alive: Callable[[], None] = errors.nothing
    ) -> None:
        """`alive` is called again and again while logs are read."""
        self.sides, self.window, self.alive = sides, window, alive
        names = {_stored(rule.metric) for rule in rules if rule.metric != ERRORS}
        self._names = None if any("*" in name for name in names) else sorted(names)
        self._looks: dict[tuple[tuple[int, ...], float], metrics.Look] = {}

    def numbers(self, rule: Rule, *, logs: bool) -> Numbers:
        """The rule's numbers in the unit of its metric. `logs`: engines may be asked now (it takes seconds)."""
        basis, whose, past = self._basis(rule)
        if self.window.end <= self.window.start or (rule.metric == ERRORS and not logs):
            return Numbers(basis=basis)
        if rule.metric == ERRORS:
            return self._errors(basis, whose, past=past)
        new = self._side(rule.metric, self.sides.new, past=False)
        base = self._side(rule.metric, whose, past=past) if whose else NOTHING
        return Numbers(new, base, basis)

    def _basis(self, rule: Rule) -> tuple[Basis, tuple[int, ...], bool]:
        """Whom the new ones are compared with, and whether with their past."""
        if rule.compare == "bound":
            return "", (), False
        if not self.sides.before:
            return "none", (), False
        if rule.compare == "past":
            return "past", self.sides.past, True
        if self.sides.old:
            return "old", self.sides.old, False
        return "before", self.sides.before, True

    def _errors(self, basis: Basis, whose: tuple[int, ...], *, past: bool) -> Numbers:
        new, problem = errors.now_of(self.sides.new, self.window.start, self.window.end, self.alive)
        if not whose:
            return Numbers(new, NOTHING, basis, problem)
        if past:
            base, more = errors.past_of(whose, *self.window.before, self.alive)
        else:
            base, more = errors.now_of(whose, self.window.start, self.window.end, self.alive)
        problems = dict.fromkeys(part for one in (problem, more) for part in one.split("; ") if part)
        return Numbers(new, base, basis, "; ".join(problems))

    def _side(self, metric: str, instances: tuple[int, ...], *, past: bool) -> Measured:
        start, end = self.window.before if past else (self.window.start, self.window.end)
        key = (instances, start)
        if key not in self._looks:
            subjects = [f"instance:{pk}" for pk in instances]
            self._looks[key] = metrics.look(subjects, start, end, points=POINTS, metrics=self._names)
        look = self._looks[key]
        found = [_of_one(metric, look, f"instance:{pk}") for pk in instances]
        return scaled(together(found), unit_of(metric)[1])


def _of_one(metric: str, look: metrics.Look, subject: str) -> Measured:
    name = _stored(metric)
    names = matching(name, look.names(subject)) if "*" in name else [name]
    series = [one.points for one in look.series(names) if one.subject == subject]
    if metric == SLOPE:
        return slope(series[0]) if series else NOTHING
    if metric == RESTARTS:
        return total(series[0]) if series else NOTHING
    return summed([mean(points) for points in series])


def _stored(metric: str) -> str:
    """What the store calls it."""
    return "memory.working_set" if metric == SLOPE else metric


# --- Pure -------------------------------------------------------------------------------------------------------------


def matching(pattern: str, names: Collection[str]) -> list[str]:
    """The names that a pattern with `*` means, such as `app.http_requests.rate[code=5*]`."""
    # fnmatch's expressions never go back over a «*» that is done with: many of them in a long name take no ages.
    form = pattern.replace("[", "[[]")
    return sorted(name for name in names if fnmatchcase(name, form))


def mean(points: Sequence[Point]) -> Measured:
    count = sum(point.count for point in points)
    return Measured(sum(point.avg * point.count for point in points) / count, count) if count else NOTHING


def total(points: Sequence[Point]) -> Measured:
    """Of what each sample counts of its own tick."""
    count = sum(point.count for point in points)
    return Measured(sum(point.avg * point.count for point in points), count) if count else NOTHING


def slope(points: Sequence[Point]) -> Measured:
    """The straight line through the points by least squares: how much it rises a minute."""
    count = sum(point.count for point in points)
    if len(points) < LEAST_FOR_SLOPE:
        return Measured(None, count)
    middle = sum(point.time for point in points) / len(points)
    level = sum(point.avg for point in points) / len(points)
    spread = sum((point.time - middle) ** 2 for point in points)
    if not spread:
        return Measured(None, count)
    return Measured(60 * sum((p.time - middle) * (p.avg - level) for p in points) / spread, count)


def summed(parts: Sequence[Measured]) -> Measured:
    """One instance's number of several names that a pattern means."""
    known = [part for part in parts if part.value is not None]
    if not known:
        return NOTHING
    return Measured(sum(part.value or 0.0 for part in known), max(part.samples or 0 for part in known))


def together(found: Sequence[Measured]) -> Measured:
    """The mean of instances that each count the same; samples of all."""
    values = [one.value for one in found if one.value is not None]
    count = sum(one.samples or 0 for one in found)
    return Measured(sum(values) / len(values), count) if values else Measured(None, count)


def scaled(one: Measured, factor: float) -> Measured:
    return replace(one, value=one.value / factor) if one.value is not None else one
