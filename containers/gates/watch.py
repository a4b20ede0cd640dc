"""How long something was watched, by a clock that may jump and a process that may die in between. Pure; seconds."""

from __future__ import annotations

from dataclasses import dataclass

MOST = 30.0  # that one look counts for: more has passed only if nobody looked, or the clock was set


@dataclass(frozen=True)
class Watch:
    """`begun` and `looked` are epoch seconds, as stored; `watched` only grows, but when it has to begin anew."""

    begun: float
    looked: float
    watched: float = 0.0


def look(watch: Watch, now: float) -> Watch:
    """The same after another look. A clock set back before its beginning begins it anew: samples have other times now."""
    if now < watch.begun:
        return Watch(now, now)
    passed = min(max(0.0, now - watch.looked), MOST)
    return Watch(watch.begun, now, watch.watched + passed)
