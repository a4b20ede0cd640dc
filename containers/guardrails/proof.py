"""Whether an image has proved itself: where its digest ran healthy, how long, on how many instances. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise


@dataclass(frozen=True)
class Run:
    """A container of the digest that was healthy once. Times in epoch seconds.

    `ended`: None while it stands; `well`: whether it is healthy now, if it stands; `broken`: when it was killed or started
    again by itself, after which it begins anew.
    """

    environment: str
    instance: int
    began: float
    ended: float | None = None
    well: bool = True
    broken: tuple[float, ...] = ()


@dataclass(frozen=True)
class Rule:
    environments: tuple[str, ...]
    seconds: float = 0
    instances: int = 1


@dataclass(frozen=True)
class Proof:
    """The best evidence there is. `environment` is empty where the digest was never healthy in any of them.

    `seconds`: so long it ran without a break on `instances` of them (each for itself, not necessarily at the same time);
    `instances`: as many as the rule wants, or all there were if fewer; `last`: when the newest of these runs ended, None: it
    goes on; `until`: when it will hold if what runs stays well, None: time alone does not do it.
    """

    holds: bool
    environment: str = ""
    instances: int = 0
    seconds: float = 0
    last: float | None = None
    until: float | None = None


def prove(runs: Iterable[Run], rule: Rule, now: float) -> Proof:
    """The evidence of the environment that speaks best for the image."""
    places: dict[str, dict[int, list[tuple[float, float | None]]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        if run.environment in rule.environments:
            places[run.environment][run.instance] += stretches(run, now)
    found = [_in(name, places[name], rule, now) for name in rule.environments if name in places]
    best = max(found, key=_rank, default=Proof(False))
    times = [one.until for one in found if one.until is not None]
    return best if best.holds or not times else replace(best, until=min(times))


def _rank(proof: Proof) -> tuple[bool, int, float]:
    return proof.holds, proof.instances, proof.seconds


def _in(environment: str, instances: dict[int, list[tuple[float, float | None]]], rule: Rule, now: float) -> Proof:
    best = [max(spans, key=lambda span: _length(span, now)) for spans in instances.values() if spans]
    best.sort(key=lambda span: _length(span, now), reverse=True)
    counted = best[: max(1, rule.instances)]
    if not counted:
        return Proof(False)
    seconds = _length(counted[-1], now)
    ends = [end for _begin, end in counted]
    last = None if None in ends else max(end for end in ends if end is not None)
    holds = len(counted) >= rule.instances and seconds >= rule.seconds
    until = None if holds else _until(best, rule)
    return Proof(holds, environment, len(counted), seconds, last, until)


def _until(spans: Sequence[tuple[float, float | None]], rule: Rule) -> float | None:
    """When as many as the rule wants have run long enough, if those that run go on."""
    times = sorted(begin + rule.seconds for begin, end in spans if end is None or end - begin >= rule.seconds)
    wanted = max(1, rule.instances)
    return times[wanted - 1] if len(times) >= wanted else None


def _length(span: tuple[float, float | None], now: float) -> float:
    return (now if span[1] is None else span[1]) - span[0]


def stretches(run: Run, now: float) -> list[tuple[float, float | None]]:
    """The times in which it ran without a break: (from, to), None as an end for now.

    What stands and is not healthy now counts for nothing: since when it is so is not known. A time ahead of `now` (a clock
    that was set back) is no time at all.
    """
    if run.began > now:
        return []
    end = min(run.ended, now) if run.ended is not None else now
    cuts = sorted({at for at in run.broken if run.began < at < end})
    borders = [run.began, *cuts, end]
    found: list[tuple[float, float | None]] = [(a, b) for a, b in pairwise(borders) if a <= b]
    if run.ended is None and found:
        found[-1] = (found[-1][0], None)
        if not run.well:
            found.pop()
    return found


def same(images: Sequence[tuple[int, str, str]], image: tuple[int, str, str]) -> Collection[int]:
    """The keys of images (key, digest, image id) that are the same bytes as `image`."""
    key, digest, image_id = image
    return {
        one
        for one, its_digest, its_id in images
        if one == key or (digest and its_digest == digest) or (not digest and image_id and its_id == image_id)
    }
