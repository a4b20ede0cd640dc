"""The thin edge to what is stored: a rule's observations of all its subjects at once."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from xqplatform import metrics
from xqplatform.alerts import sources
from xqplatform.alerts.conditions import C, device_of
from xqplatform.alerts.judge import Limits, Seen
from xqplatform.alerts.models import Rule
from xqplatform.alerts.subjects import About
from xqplatform.metrics import catalogue

log = logging.getLogger(__name__)
WITHIN = 90.0  # a sample that is older says nothing of now (without a collector they come once a minute)
ABSENT_AFTER = 90.0
DEVICE = 120  # characters of a device's name that an alert keeps
Latest = Mapping[str, tuple[float, Mapping[str, float]]]
Key = tuple[str, str]  # subject, device


@dataclass(frozen=True, slots=True)
class Observation:
    subject: str
    device: str
    seen: Seen
    words: str = ""


@dataclass
class Now:
    """What one evaluation reads once for all rules."""

    time: float
    steady_since: float  # before that nobody watched: silence there proves nothing
    world: Mapping[str, About]
    latest: Latest = field(default_factory=dict)

    def of_kind(self, kind: str) -> dict[str, tuple[float, Mapping[str, float]]]:
        start = f"{kind}:"
        return {subject: sample for subject, sample in self.latest.items() if subject.startswith(start)}


def in_scope(rule: Rule, about: About) -> bool:
    return (
        (not rule.service or rule.service == about.service)
        and (not rule.environment or rule.environment == about.environment)
        and (not rule.group or rule.group == about.group)
    )


def observe(rule: Rule, limits: Limits, now: Now, active: Collection[Key]) -> Iterator[Observation]:
    """What is bad, and whatever is seen of the alerts that are active; fine subjects without an alert are left out."""
    if rule.source:
        yield from _of_source(rule, limits, now, active)
    elif rule.condition == C.ABSENT:
        yield from _absent(rule, now, active)
    elif rule.condition == C.RISE:
        yield from _rising(rule, limits, now, active)
    else:
        yield from _of_metric(rule, limits, now, active)


def _of_source(rule: Rule, limits: Limits, now: Now, active: Collection[Key]) -> Iterator[Observation]:
    source = sources.SOURCES[rule.source]
    told = set()
    for found in source.read(now.time):
        key = (found.subject, found.device)
        told.add(key)
        if key in active or limits.bad(found.value):
            since = found.since if limits.bad(found.value) else None
            yield Observation(*key, Seen(now.time, found.value, since), found.words)
    if not source.unit:  # it names those of which the state holds: of all others it does not
        for subject, device in active:
            if (subject, device) not in told:
                yield Observation(subject, device, Seen(now.time, 0.0))


def _of_metric(rule: Rule, limits: Limits, now: Now, active: Collection[Key]) -> Iterator[Observation]:
    known = catalogue.find(rule.metric)
    part = known.limit if rule.condition == C.LIMIT else ""
    if rule.condition == C.LIMIT and not part:
        return
    oldest = now.time - WITHIN
    for subject, (time, values) in now.of_kind(rule.kind).items():
        if time < oldest:
            continue
        for name in _names(rule.metric, values, bool(known.device)):
            value = values.get(name)
            if value is None:
                continue
            device = device_of(name)[1]
            if part:
                whole = values.get(f"{part}[{device}]" if device else part, 0.0)
                if whole <= 0:
                    continue
                value = 100 * value / whole
            device = device[:DEVICE]
            if limits.bad(value) or (subject, device) in active:
                yield Observation(subject, device, Seen(time, value))


def _names(metric: str, values: Mapping[str, float], several: bool) -> list[str]:
    if not several or metric in values:
        return [metric]
    return [name for name in values if name.startswith(f"{metric}[")]


def _absent(rule: Rule, now: Now, active: Collection[Key]) -> Iterator[Observation]:
    """Subjects of the rule's kind without a sample of the metric, whether they ever had one or not."""
    start = f"{rule.kind}:"
    for subject, about in now.world.items():
        if not subject.startswith(start) or not about.measured:
            continue
        time, values = now.latest.get(subject, (0.0, {}))
        has = _there(rule.metric, values)
        if has and now.time - time <= ABSENT_AFTER:
            if (subject, "") in active:
                yield Observation(subject, "", Seen(now.time, 0.0))
            continue
        # It is silent for so long already; a platform that was away itself knows nothing of that time.
        known = None if (subject, "") in active else max(now.time - ABSENT_AFTER, now.steady_since)
        yield Observation(subject, "", Seen(now.time, 1.0, known))


def is_taken_away(metric: str, device: str, sample: tuple[float, Mapping[str, float]] | None, now: float) -> bool:
    """Whether other devices are measured right now, but not this one: a file system that is mounted no more."""
    if not device or sample is None or now - sample[0] > WITHIN:
        return False
    return _there(metric, sample[1]) and f"{metric}[{device}]" not in sample[1]


def _there(metric: str, values: Mapping[str, float]) -> bool:
    return metric in values or any(name.startswith(f"{metric}[") for name in values)


def _rising(rule: Rule, limits: Limits, now: Now, active: Collection[Key]) -> Iterator[Observation]:
    """How much the value rose within the rule's time: of the stored points the last against the lowest before it."""
    seconds = float(max(rule.hold, 20))
    subjects = [s for s, about in now.world.items() if s.startswith(f"{rule.kind}:") and in_scope(rule, about)]
    names = devices(rule.metric, (now.latest[s][1] for s in subjects if s in now.latest))
    for row in metrics.series(subjects, names, now.time - seconds, now.time, points=60) if subjects else []:
        if len(row.points) < 2:
            continue
        last = row.points[-1]
        value = last.avg - min(point.min for point in row.points)
        device = device_of(row.metric)[1][:DEVICE]
        if limits.bad(value) or (row.subject, device) in active:
            yield Observation(row.subject, device, Seen(last.time, value))


def devices(metric: str, samples: Iterable[Iterable[str]]) -> list[str]:
    """The metric's names with all devices that the samples have; itself where it has none."""
    if not catalogue.find(metric).device or device_of(metric)[1]:
        return [metric]
    return sorted({name for names in samples for name in names if name == metric or name.startswith(f"{metric}[")})
