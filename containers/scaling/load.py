"""By load: how many instances bring the mean of a metric to its target. Pure.

What an instance does that is not measured is assumed to be what keeps the decision small: nothing when the place would grow,
the target when it would shrink.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median

from containers.scaling.shape import Load, Policy, Reason, Track, View, Wish

MEASURED = 0.6  # of the instances must be measured
MOST = 1_000_000  # no wish is higher: a metric may hold any number


def wish(load: Load, policy: Policy, view: View, track: Track | None) -> tuple[Wish, Track | None]:
    """What this load wants, and what is remembered of it; None: it could not be told, so the window begins anew."""
    since = max(view.now - policy.over, view.settled + view.sample)
    if view.now - since < policy.over / 2:
        again = view.settled + view.sample + policy.over / 2
        return _blind(load, Reason("settling", {"until": again})), None
    values = measured(view.samples.get(load.metric, {}), view.instances, since, view.now)
    here = len(view.instances)
    if not values or len(values) < MEASURED * here:
        return _blind(load, Reason("missing", {"measured": len(values), "of": here})), None
    need = needed(sum(values.values()), len(values), here, load.target, policy.tolerance)
    track = remember(track, view.now, need, policy.window)
    facts = {"mean": sum(values.values()) / len(values), "target": load.target, "measured": len(values), "of": here}
    if need >= here:
        return _told(load, need, Reason("load", facts), need), track
    steady = max(track.since, view.settled) + policy.window
    if view.now < steady:
        return _told(load, here, Reason("window", {**facts, "need": need, "until": steady}), need), track
    return _told(load, min(here, track.peaks[0][1]), Reason("load", facts), need), track


def measured(
    samples: Mapping[int, Sequence[tuple[float, float]]], instances: Sequence[int], since: float, now: float
) -> dict[int, float]:
    """Of each instance the median of what is new enough: one odd sample (a counter that began anew) moves nothing."""
    found: dict[int, float] = {}
    known: dict[int, float | None] = {}  # a trial gives hundreds of instances one and the same series
    for one in instances:
        mine = samples.get(one, ())
        if id(mine) not in known:
            values = [v for at, v in mine if since <= at <= now and math.isfinite(v) and v >= 0]
            known[id(mine)] = median(values) if values else None
        if (middle := known[id(mine)]) is not None:
            found[one] = middle
    return found


def needed(total: float, measured: int, here: int, target: float, tolerance: int) -> int:
    """How many instances the load needs; `here` while it is as near to the target as the tolerance says."""
    up = total / target
    if up > here * (1 + tolerance / 100):
        return min(MOST, math.ceil(up - 1e-9))
    down = up + (here - measured)
    if down < here * (1 - tolerance / 100):
        # With some room, so that what trembles about a whole number does not come and go with it.
        return min(here, math.ceil(down / (1 - tolerance / 200) - 1e-9))
    return here


def remember(track: Track | None, now: float, need: int, window: float) -> Track:
    """With this wish, without those that are older than the window or that it exceeds."""
    if track is None:
        return Track(now, ((now, need),))
    kept = tuple((at, n) for at, n in track.peaks if at > now - window and n > need)
    return Track(track.since, (*kept, (now, need)))


def _blind(load: Load, reason: Reason) -> Wish:
    return Wish("load", load.metric, None, reason, blind=True)


def _told(load: Load, number: int, reason: Reason, need: int) -> Wish:
    return Wish("load", load.metric, number, reason, need=need)
