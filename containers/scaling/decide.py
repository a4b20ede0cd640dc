"""How many instances a place is to have now. Pure: the evaluator and the simulator ask the same function.

The strongest wish counts, within the bounds. It goes up at once and down slowly: by load only when the highest wish of a whole
window, all of it measured and all after the last change, is lower. While a source that should tell is blind nothing shrinks.

New instances that did not get healthy are given a minute more, then they go, and the next try waits longer than the last one: what
cannot start takes no room and no address, and starts and stops never chase each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from containers.scaling import forecast, load, points
from containers.scaling.shape import Attempt, Decision, Memory, Policy, Reason, Track, View, Wish

GAP = 90.0  # seconds without an evaluation after which windows begin anew, as after a clock that was set back
BACK = 5.0  # seconds that a clock may go back unnoticed
PAUSE = 60.0  # seconds after a change that did not come to pass; doubled each time,
LONGEST = 3600.0  # up to this


def decide(policy: Policy, view: View, memory: Memory) -> tuple[Decision, Memory]:
    """What is to be done at `view.now`, and what is to be remembered for the next time."""
    steady = -BACK <= view.now - memory.seen <= GAP
    since = memory.since if steady else view.now
    view = _timely(view, since)
    if view.failed:
        working = tuple(one for one in view.instances if one not in view.failed)
        view = replace(view, instances=working, failed=tuple(one for one in view.instances if one in view.failed))
    wishes, kept = _wishes(policy, view, memory.tracks if steady else {})
    return _judge(policy, view, wishes), Memory(view.now, since, kept)


def _timely(view: View, since: float) -> View:
    """What lies ahead of a clock that was set back counts as having happened when that was noticed."""

    def past(at: float) -> float:
        return at if at <= view.now else min(since, view.now)

    attempts = tuple(replace(one, at=past(one.at)) for one in view.attempts)
    return replace(view, settled=past(view.settled), failed_at=past(view.failed_at), attempts=attempts)


def _wishes(policy: Policy, view: View, tracks: Mapping[str, Track]) -> tuple[tuple[Wish, ...], dict[str, Track]]:
    found: list[Wish] = []
    kept: dict[str, Track] = {}
    for one in policy.loads:
        told, track = load.wish(one, policy, view, tracks.get(one.metric))
        found.append(told)
        if track is not None:
            kept[one.metric] = track
    found += points.wishes(policy, view.books, view.now)
    if policy.forecast is not None:
        target = next((one.target for one in policy.loads if one.metric == policy.forecast.metric), 0.0)
        if target > 0:
            found.append(forecast.wish(policy.forecast, target, view.past.get(policy.forecast.metric, ())))
    return tuple(found), kept


def _judge(policy: Policy, view: View, wishes: tuple[Wish, ...]) -> Decision:
    here = len(view.instances)
    if not policy.enabled:
        return Decision(None, Reason("off"), wishes)
    if not here:
        return Decision(None, Reason("nothing-stands"), wishes)
    told = [wish.number for wish in wishes if wish.number is not None]
    blind = next((wish for wish in wishes if wish.blind), None)
    strongest = max(told, default=here)
    if blind is not None:
        strongest = max(strongest, here)
    wanted = min(policy.most, max(policy.least, strongest))
    need = max((wish.need for wish in wishes if wish.need is not None), default=0)
    decision = Decision(None, Reason("enough"), wishes, wanted, short=max(0, need - policy.most))
    if view.busy is not None:
        return replace(decision, reason=view.busy)
    if view.failed and (tidied := _tidied(view, decision)) is not None:
        return tidied
    if wanted == here:
        reason = _why_so(policy, here, strongest, wishes, blind)
        return replace(decision, reason=reason, again=reason.data.get("until"))
    return _move(policy, view, decision, strongest)


def _tidied(view: View, decision: Decision) -> Decision | None:
    """What is done about new ones that failed; None: it was tried, and waits, which keeps nothing else back."""
    here, failed, due = len(view.instances), len(view.failed), view.failed_at + PAUSE
    if view.now < due:
        return replace(decision, reason=Reason("failed", {"failed": failed, "until": due}), again=due)
    if paused_until(view.attempts, up=False) > view.now:
        return None
    data = {"from": here + failed, "to": here, "wanted": here, "failed": failed}
    return replace(decision, to=here, reason=Reason("tidy", data), going=view.failed)


def _why_so(policy: Policy, here: int, strongest: int, wishes: tuple[Wish, ...], blind: Wish | None) -> Reason:
    """Why it stays as it is."""
    if strongest > policy.most:
        return Reason("most", {"most": policy.most, "wanted": strongest})
    if blind is not None:
        return blind.reason
    waiting = next((w for w in wishes if w.reason.code == "window" and w.number == here), None)
    if waiting is not None:
        return waiting.reason
    if wishes and all(wish.number is None for wish in wishes):
        return wishes[0].reason
    return Reason("least", {"least": policy.least}) if strongest < policy.least else Reason("enough")


def _move(policy: Policy, view: View, decision: Decision, strongest: int) -> Decision:
    here, wanted, wishes = len(view.instances), decision.wanted or 0, decision.wishes
    up = wanted > here
    until = paused_until(view.attempts, up)
    if until > view.now:
        return replace(decision, reason=Reason("pause", {"until": until, "wanted": wanted}), again=until)
    to = _stepped(policy, here, wanted, wishes) if up else max(wanted, here - max(1, here * policy.most_down // 100))
    failed = len(view.failed)  # they stand beside, until they can be removed
    data: dict[str, Any] = {"from": here + failed, "to": to + failed, "wanted": wanted + failed}
    if strongest < policy.least or strongest > policy.most:
        data |= {"least": policy.least, "most": policy.most}
    cause = max((w for w in wishes if w.number is not None), key=lambda w: w.number or 0, default=None)
    if cause is not None and policy.least <= strongest:
        data |= {"source": cause.source, "name": cause.name}
    return replace(decision, to=to + failed, reason=Reason("up" if up else "down", data))


def _stepped(policy: Policy, here: int, wanted: int, wishes: tuple[Wish, ...]) -> int:
    """Only a load has limits of its steps: people and past weeks say numbers that they know."""
    known = [w.number for w in wishes if w.source != "load" and w.number is not None]
    floor = min(policy.most, max([policy.least, *known]))
    return min(wanted, max(floor, here + max(1, here * policy.most_up // 100)))


def paused_until(attempts: tuple[Attempt, ...], up: bool) -> float:
    """Until when nothing is tried in this direction after changes that did not come to pass; a moment that is over: go on."""
    failed, last = 0, 0.0
    for one in attempts:
        if one.up == up:
            failed, last = (0, 0.0) if one.well else (failed + 1, one.at)
    return last + min(LONGEST, PAUSE * 2 ** min(failed - 1, 20)) if failed else 0.0
