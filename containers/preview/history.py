"""Past releases of a place as `expected` wants them, and what of a plan's time is fixed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from containers.gates.shown import planned
from containers.models import Deployment, GateRun, ServiceEnvironment, Step
from containers.plan import Plan
from containers.policy import Policy
from containers.preview.expected import ENOUGH, Run, expected
from containers.progress import span

MOST_RUNS, LOOKED_AT = 12, 40
ALIKE = ({"rolling", "canary"}, {"recreate"}, {"blue-green"})  # strategies that take alike long


def of(place: ServiceEnvironment, plan: Plan, runs: Sequence[Run]) -> dict[str, Any]:
    """`p50` and `p90` in seconds (null: too little is known), of how many `releases`, and `words` that belong to it."""
    batches: dict[int, Counter[str]] = defaultdict(Counter)
    for entry in plan.entries:
        if not entry.problem:
            batches[entry.batch][entry.action] += 1
    found = expected(runs, [batches[n] for n in sorted(batches)], fixed(plan) + judged(plan, planned(place)["seconds"]))
    words = [] if found or not batches else [_too_little(len(runs))]
    return {
        "p50": round(found.p50, 1) if found else None,
        "p90": round(found.p90, 1) if found else None,
        "releases": len(runs),
        "words": [*words, *_clicks(plan.policy)],
    }


def _too_little(count: int) -> str:
    if not count:
        return _("Nothing comparable has been released here yet, so nothing can be said.")
    words = ngettext(
        "Only %(n)d comparable release has succeeded here; %(enough)d are needed to say something.",
        "Only %(n)d comparable releases have succeeded here; %(enough)d are needed to say something.",
        count,
    )
    return words % {"n": count, "enough": ENOUGH}


def _clicks(policy: Policy) -> list[str]:
    """What nobody can foresee."""
    if policy.strategy == "canary" and not policy.hold:
        return [_("Without the time until somebody lets it go on after the first ones.")]
    if policy.strategy == "blue-green" and policy.switch == "click":
        return [_("Without the time until somebody switches the traffic.")]
    return []


def fixed(plan: Plan) -> float:
    """Seconds that the policy itself waits."""
    policy = plan.policy
    if policy.strategy == "blue-green":
        return policy.keep if any(e.action == "remove" for e in plan.entries) else 0.0
    if policy.strategy == "recreate":
        return 0.0
    held = policy.hold if policy.strategy == "canary" else 0.0
    return policy.pause * max(0, plan.batches - 1) + held


def judged(plan: Plan, seconds: float) -> float:
    """What gates add that watch each batch for so many seconds; they watch while something else holds it, too."""
    beside = {"canary": plan.policy.hold, "blue-green": plan.policy.keep}.get(plan.policy.strategy, 0.0)
    return max(0.0, seconds * plan.batches - min(seconds, beside))


def past(place: ServiceEnvironment, strategy: str) -> list[Run]:
    """The newest releases of the place that went all the way, in a comparable way."""
    alike = next((some for some in ALIKE if strategy in some), {strategy})
    rows = place.deployments.filter(
        kind=Deployment.Kind.DEPLOY,
        state=Deployment.State.SUCCEEDED,
        started__isnull=False,
        finished__isnull=False,
    ).only("started", "finished", "policy")
    newest = [row for row in rows.order_by("-id")[:LOOKED_AT] if row.policy.get("strategy", "rolling") in alike]
    newest = newest[:MOST_RUNS]
    steps = Step.objects.filter(deployment__in=newest, state=Step.State.DONE)
    found: dict[int, list[tuple[str, int, Any]]] = defaultdict(list)
    for pk, action, batch, times in steps.values_list("deployment", "action", "batch", "times"):
        found[pk].append((action, batch, times))
    watched: dict[int, dict[int, float]] = defaultdict(dict)
    for pk, batch, seconds in GateRun.objects.filter(deployment__in=newest).values_list(
        "deployment", "batch", "watched"
    ):
        watched[pk][batch] = seconds
    return [run for row in newest if (run := run_of(row, found[row.pk], watched[row.pk])) is not None]


def run_of(
    row: Deployment, steps: Sequence[tuple[str, int, Any]], watched: Mapping[int, float] = MappingProxyType({})
) -> Run | None:
    """One of them, without the seconds that gates watched after each batch; None where its steps have no times."""
    took: dict[str, list[float]] = defaultdict(list)
    batches: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for action, batch, times in steps:
        whole = _whole(times)
        if whole is not None:
            took[action].append(whole[1] - whole[0])
            batches[batch].append(whole)
    if not took or row.started is None or row.finished is None:
        return None
    begins = [min(begin for begin, _end in batches[n]) for n in sorted(batches)]
    ends = [max(end for _begin, end in batches[n]) for n in sorted(batches)]
    return Run(
        lead=max(0.0, begins[0] - row.started.timestamp()),
        steps={action: tuple(seconds) for action, seconds in took.items()},
        gaps=_gaps(row.policy, sorted(batches), begins, ends, watched),
        tail=max(0.0, row.finished.timestamp() - ends[-1] - watched.get(max(batches), 0.0)),
    )


def _gaps(
    policy: Mapping[str, Any],
    batches: Sequence[int],
    begins: Sequence[float],
    ends: Sequence[float],
    watched: Mapping[int, float],
) -> tuple[float, ...]:
    """Without the one in which it held: that is the policy's, or somebody's, doing."""
    pause = policy.get("pause")
    pause = float(pause) if isinstance(pause, int | float) else 0.0
    pairs = zip(batches, ends, begins[1:], strict=False)
    return tuple(
        max(0.0, begin - end - pause - watched.get(batch, 0.0))
        for batch, end, begin in pairs
        if batch != policy.get("hold_after")
    )


def _whole(times: Any) -> tuple[float, float] | None:
    """From a step's first phase to the end of its last; None where one did not end."""
    spans = [s for s in (span(one) for one in times.values()) if s] if isinstance(times, dict) else []
    ends = [end for _begin, end in spans if end is not None]
    return (min(begin for begin, _end in spans), max(ends)) if spans and len(ends) == len(spans) else None
