"""A gate between two batches: a row of what is measured, watched at each look of the release, judged by a task of its own.

The release's runner asks (`gate`, in `holds.GATES`), which must be quick; the task reads numbers, which may take seconds, and
leaves the verdict in the row. Whoever dies is followed by the next look: everything is in the row.
"""

from __future__ import annotations

import logging
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from containers import holds
from containers.gates import shape, words
from containers.gates.judge import LATE, Finding, Numbers, Rule, judge, verdict
from containers.gates.judge import holds as in_the_way
from containers.gates.numbers import Reader, Window
from containers.gates.sets import Scope, counting
from containers.gates.shape import ERRORS
from containers.gates.sides import NEW_BY, Part, Sides, sides
from containers.gates.watch import Watch, look
from containers.models import Deployment, GateRun, Instance, Step
from containers.services.settings import topic
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.work import enqueue

log = logging.getLogger(__name__)
BUSY = 20.0  # seconds without a sign of life of a measuring, before another begins
SELDOM = 10.0  # seconds between two of them while nothing is due
State = GateRun.State


def gate(row: Deployment, batch: int) -> holds.Verdict:
    """What the rules of the release's place say of a batch that is through. Only releases are judged, and no way back."""
    if row.kind != Deployment.Kind.DEPLOY or row.guard.get("way_back"):
        return holds.Verdict()
    run = GateRun.objects.filter(deployment=row, batch=batch).first() or _begin(row, batch)
    if run is None:
        return holds.Verdict()
    if run.state != State.MEASURING:
        return holds.Verdict(_gate_of(run.state), run.why)
    now = time.time()
    _look(run, now)
    _have_measured(run, now)
    return holds.Verdict("measuring", measuring_words(run))


def _gate_of(state: str) -> holds.Gate:
    found: dict[str, holds.Gate] = {State.HOLD: "hold", State.ROLL_BACK: "roll back", State.CONTINUE: "continue"}
    return found[state]


def _begin(row: Deployment, batch: int) -> GateRun | None:
    """The row of a batch, with the rules as they are now; None where there are none, or nothing that is new."""
    found = counting(Scope(place=row.place))
    new = row.steps.filter(state=Step.State.DONE, action__in=NEW_BY).exists()
    if not found.rules or not new:
        return None
    now = _at(time.time())
    source = str(found.scope.place or (found.scope.environment.slug if found.scope.environment else ""))
    fields: dict[str, Any] = {
        "source": source[:150],
        "settle": found.settle,
        "rules": shape.to_json(found.rules),
        "begun": now,
        "looked": now,
    }
    try:
        with transaction.atomic():
            return GateRun.objects.create(deployment=row, batch=batch, **fields)
    except IntegrityError:  # whoever had the lease a moment ago made it
        return GateRun.objects.get(deployment=row, batch=batch)


def _look(run: GateRun, now: float) -> None:
    """Counts the time since the last look."""
    seen = look(Watch(run.begun.timestamp(), run.looked.timestamp(), run.watched), now)
    run.begun, run.looked, run.watched = _at(seen.begun), _at(seen.looked), seen.watched
    rows = GateRun.objects.filter(pk=run.pk, state=State.MEASURING)
    rows.update(begun=run.begun, looked=run.looked, watched=run.watched)


def _have_measured(run: GateRun, now: float) -> None:
    """Enqueues a measuring, unless one is under way or nothing is due; one that died is followed by another."""
    from containers.tasks import measure_gate

    free = Q(busy_until=None) | Q(busy_until__lte=_at(now)) | Q(busy_until__gt=_at(now + 2 * BUSY))
    taken = GateRun.objects.filter(free, pk=run.pk, state=State.MEASURING).update(busy_until=_at(now + BUSY))
    if taken:
        enqueue(measure_gate, run.pk)


def measure(pk: int) -> None:
    """Reads the numbers of a gate that still measures, and judges them. What it cannot judge it holds, with the reason."""
    run = GateRun.objects.select_related("deployment__place__service", "deployment__place__environment").filter(pk=pk)
    row = run.filter(state=State.MEASURING).first()
    if row is None:
        return
    try:
        _measure(row)
    except DatabaseError:
        raise  # the next look has it measured again
    except Exception as error:
        log.exception("Gate %s could not judge", row)
        text = _("The gate could not judge: %(why)s")
        _store(row, State.HOLD, text % {"why": f"{type(error).__name__}: {error}"}, {})


class _Alive:
    """Keeps others from measuring beside one that reads the logs of many instances."""

    def __init__(self, run: int) -> None:
        self.run, self.told = run, time.monotonic()

    def __call__(self) -> None:
        if time.monotonic() - self.told < BUSY / 4:
            return
        self.told = time.monotonic()
        GateRun.objects.filter(pk=self.run, state=State.MEASURING).update(busy_until=_at(time.time() + BUSY))


def _measure(run: GateRun) -> None:
    rules = shape.of_json(run.rules)
    found, shown = sides_of(run.deployment)
    watched = max(0.0, run.watched - run.settle)
    start = run.begun.timestamp() + run.settle
    past = (run.deployment.started or run.begun).timestamp()
    reader = Reader(rules, found, Window(start, max(start, run.looked.timestamp()), past), _Alive(run.pk))
    numbers = [reader.numbers(rule, logs=watched >= rule.watch) for rule in rules]
    findings = [judge(rule, one, watched) for rule, one in zip(rules, numbers, strict=True)]
    state = verdict(rules, findings)
    fields = {
        "findings": [as_json(one, what) for one, what in zip(numbers, findings, strict=True)],
        "new": [shown[pk] for pk in found.new],
        "old": [shown[pk] for pk in found.old],
        "busy_until": _at(time.time() + _pause(rules, findings, watched)),
    }
    _store(
        run, State.MEASURING if state == "measuring" else State(state), said(rules, numbers, findings, state), fields
    )


def _pause(rules: list[Rule], findings: list[Finding], watched: float) -> float:
    """Seconds until measuring is worth while again."""
    due = [
        (rule.watch if watched < rule.watch else rule.watch + LATE) - watched
        for rule, found in zip(rules, findings, strict=True)
        if found.state == "waits"
    ]
    slow = any(rule.metric == ERRORS and watched >= rule.watch for rule in rules)
    return max(5.0 if slow else 1.0, min([SELDOM, *due]))


def _store(run: GateRun, state: State, why: str, fields: dict[str, Any]) -> None:
    """Keeps what was found; the verdict once, with its event, and the release goes on by it."""
    from containers.tasks import advance

    final = state != State.MEASURING
    if final:
        fields = fields | {"state": state, "why": why, "judged": _at(time.time())}
    release = run.deployment
    with transaction.atomic():
        if not GateRun.objects.filter(pk=run.pk, state=State.MEASURING).update(**fields):
            return
        if final:
            after = {"verdict": str(state), "batch": run.batch + 1, "why": why}
            audit.record(Actor.system(), "deployment.gate", release, after=after, parent=release.place.service)
            enqueue(advance, release.pk)
        live.bump(f"release:{release.pk}", topic(release.place))


def sides_of(row: Deployment) -> tuple[Sides, dict[int, int]]:
    """Who is new and who is old, and everybody's number."""
    steps = list(row.steps.values_list("instance", "action", "state", "instance__number"))
    parts = [Part(pk, action, state) for pk, action, state, _number in steps]
    others = Instance.objects.filter(place=row.place_id, removed=None).exclude(pk__in=[part.instance for part in parts])
    standing = dict(others.values_list("pk", "number"))
    switched = row.switch in {Deployment.Switch.SWITCHED, Deployment.Switch.SWITCHING_BACK}
    found = sides(parts, list(standing), switched=switched)
    return found, {pk: number for pk, _action, _state, number in steps} | standing


def as_json(numbers: Numbers, found: Finding) -> dict[str, Any]:
    return asdict(found) | {
        "new": numbers.new.value,
        "samples": numbers.new.samples,
        "base": numbers.base.value,
        "base_samples": numbers.base.samples,
        "basis": numbers.basis,
        "problem": numbers.problem,
    }


def said(rules: list[Rule], numbers: list[Numbers], findings: list[Finding], state: str) -> str:
    """The verdict in a sentence: what is in the way with its numbers; else how many rules were kept, and what was missing."""
    lines = [
        words.finding_words(rule, one, found)
        for rule, one, found in zip(rules, numbers, findings, strict=True)
        if (found.state == "broken" and (state != "roll back" or rule.broken == "roll back"))
        or (state == "hold" and in_the_way(rule, found))
        or (state == "continue" and found.state == "missing")
    ]
    kept = sum(found.state in {"kept", "alone"} for found in findings)
    if state == "continue":
        lines.insert(0, ngettext("%(n)d rule is kept", "%(n)d rules are kept", kept) % {"n": kept})
    return ". ".join(lines) + ("." if lines else "")


def measuring_words(run: GateRun) -> str:
    """What it is about to do; the numbers are on the release's page."""
    longest = max((rule["watch"] for rule in run.rules), default=0) + run.settle
    values = {"n": len(run.rules), "seconds": longest}
    return ngettext("%(n)d rule over %(seconds)d s", "%(n)d rules over %(seconds)d s", len(run.rules)) % values


def _at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
