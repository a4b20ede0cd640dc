"""One evaluation of all policies: read once, decide each by itself, act by the verb of people."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Max

from containers.guardrails.sessions import Book
from containers.models import Deployment, Instance
from containers.scaling import acting, calendars, failures, history, told
from containers.scaling.decide import decide
from containers.scaling.models import ScalingDecision, ScalingPolicy, ScalingRun
from containers.scaling.parsing import parse
from containers.scaling.shape import Attempt, Decision, Memory, Policy, Reason, View
from containers.services.settings import topic
from xqplatform import leases, live
from xqplatform.errors import Refused
from xqplatform.leases import Lease

log = logging.getLogger(__name__)
PATIENCE = 120.0  # seconds that one slow step may take: plans of a large fleet take more than the usual time
PAST = 300.0  # seconds after which past weeks are read again
REMEMBERED = timedelta(days=1)  # attempts that are older hold nothing up
SETTLED = timedelta(days=2)  # of changes that ended before, no window reaches back to


@dataclass
class Known:
    """What one evaluation reads for all policies together, by place."""

    instances: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    running: set[int] = field(default_factory=set)  # places that people have not stopped as a whole
    settled: dict[int, float] = field(default_factory=dict)
    attempts: dict[int, list[Attempt]] = field(default_factory=lambda: defaultdict(list))
    books: dict[str, Book | None] = field(default_factory=dict)
    samples: dict[int, dict[str, history.Samples]] = field(default_factory=dict)  # by the seconds looked at
    failed: dict[int, dict[int, float]] = field(default_factory=dict)  # of a place: instance → when it had failed


def run(now: float | None = None) -> ScalingRun | None:
    """Evaluates all policies, unless another process does."""
    row = ScalingRun.objects.get_or_create(pk=1)[0]
    rows = ScalingRun.objects.filter(pk=row.pk)
    lease = leases.take(rows, rows, PATIENCE)
    if lease is None:
        return None
    try:
        return _run(row, lease, time.time() if now is None else now)
    finally:
        lease.release()


def _run(row: ScalingRun, lease: Lease, now: float) -> ScalingRun | None:
    began = time.monotonic()
    if not lease.renew(force=True):
        return None
    found = list(
        ScalingPolicy.evaluated().select_related("place__service__team", "place__environment", "place__active")
    )
    policies: dict[int, Policy] = {}
    for one in found:
        try:
            policies[one.pk] = parse(one.content)
        except Refused as refused:  # what was saved by other rules than today's
            _cannot(one, refused.message, now)
    known = gather([one for one in found if one.pk in policies], policies, now)
    for one in found:
        if one.pk not in policies:
            continue
        if not lease.renew(force=True):
            return None
        try:
            evaluate(one, policies[one.pk], view_of(one, policies[one.pk], known, now))
        except Exception as error:  # whatever it is: no other place waits for it; the policy's page says it
            log.exception("The policy of %s could not be evaluated", one)
            _cannot(one, f"{type(error).__name__}: {error}", now)
    row.ran, row.took, row.policies = _moment(now), time.monotonic() - began, len(found)
    row.save(update_fields=["ran", "took", "policies"])
    return row


def _cannot(row: ScalingPolicy, why: str, now: float) -> None:
    """Nothing can be said of it, which is told as a lack of data is."""
    if row.now != (says := {"problem": why[:500]}):
        live.bump(topic(row.place))
    row.now = says
    same = ScalingPolicy.objects.filter(pk=row.pk, version=row.version)
    same.update(now=row.now, short_since=None, blind_since=row.blind_since or _moment(now))


def gather(rows: list[ScalingPolicy], policies: dict[int, Policy], now: float) -> Known:
    """A few queries, whatever the number of policies."""
    known, places = Known(), [row.place_id for row in rows]
    standing = Instance.objects.filter(place__in=places, removed=None)
    for pk, place, wanted in standing.values_list("pk", "place_id", "wanted_state"):
        known.instances[place].append(pk)
        if wanted == "running":
            known.running.add(place)
    ended = Deployment.objects.filter(place__in=places, state__in=Deployment.TERMINAL).exclude(started=None)
    ended = ended.filter(finished__gte=_moment(now) - SETTLED)
    for place, last in ended.order_by().values_list("place").annotate(Max("finished")):
        known.settled[place] = last.timestamp() if last else 0.0
    tried = ScalingDecision.objects.filter(place__in=places, time__gte=_moment(now) - REMEMBERED)
    for one in tried.exclude(outcome=ScalingDecision.Outcome.DRY).select_related("deployment").order_by("id"):
        if (attempt := attempt_of(one)) is not None:
            known.attempts[one.place_id].append(attempt)
    known.failed = failures.of(places)
    known.books = calendars.books(policies.values(), now, now)
    by_over: dict[int, list[ScalingPolicy]] = defaultdict(list)
    for row in rows:
        by_over[policies[row.pk].over].append(row)
    for over, those in by_over.items():
        names = {load.metric for row in those for load in policies[row.pk].loads}
        instances = [pk for row in those if policies[row.pk].loads for pk in known.instances[row.place_id]]
        known.samples[over] = history.samples(instances, names, now - over - 1, now)
    return known


def attempt_of(row: ScalingDecision) -> Attempt | None:
    """What came of an earlier decision; None while it is under way."""
    up, work = row.asked > row.before, row.deployment
    if work is None or row.outcome == ScalingDecision.Outcome.REFUSED:
        return Attempt(row.time.timestamp(), up, row.outcome == ScalingDecision.Outcome.BEGUN)
    if work.state not in Deployment.TERMINAL:
        return None
    well = row.outcome == ScalingDecision.Outcome.BEGUN and work.state == Deployment.State.SUCCEEDED
    return Attempt((work.finished or row.time).timestamp(), up, well)


def view_of(row: ScalingPolicy, policy: Policy, known: Known, now: float) -> View:
    place, active = row.place, row.place.active
    busy = None
    if active is not None:
        kind = str(active.get_kind_display())
        busy = Reason("release", {"who": active.created_name, "kind": kind, "number": active.pk})
    runs = place.current_image_id is not None and place.pk in known.running
    instances = known.instances[place.pk] if runs else []
    failed = known.failed.get(place.pk, {})
    return View(
        now=now,
        instances=tuple(instances),
        settled=known.settled.get(place.pk, 0.0),
        busy=busy,
        samples={
            load.metric: {pk: v for pk in instances if (v := known.samples[policy.over][load.metric].get(pk))}
            for load in policy.loads
        },
        past=_past(row, policy, now),
        books=known.books,
        attempts=tuple(known.attempts[place.pk]),
        sample=float(settings.METRICS_INTERVAL),
        failed=tuple(failed),
        failed_at=max(failed.values(), default=0.0),
    )


def _past(row: ScalingPolicy, policy: Policy, now: float) -> dict[str, list[float | None]]:
    """What past weeks took in the minutes ahead; read every few minutes, and kept in the row."""
    if policy.forecast is None:
        return {}
    if not 0 <= now - float(row.past.get("at", 0)) < PAST:
        one = policy.forecast
        row.past = {"at": now, "sums": {one.metric: history.weeks(row.place, one.metric, now, one.minutes, one.weeks)}}
        ScalingPolicy.objects.filter(pk=row.pk, version=row.version).update(past=row.past)
    sums: dict[str, list[float | None]] = row.past["sums"]
    return sums


def evaluate(row: ScalingPolicy, policy: Policy, view: View) -> Decision:
    """Decides, acts, and leaves what it says now in the row, unless the policy was changed meanwhile."""
    decision, memory = decide(policy, view, Memory.of(row.memory))
    here = len(view.instances)
    same = ScalingPolicy.objects.filter(pk=row.pk, version=row.version)
    done = None
    if decision.to is not None and same.exists():
        done = acting.act(row, policy, decision, here)
    says = told.as_json(decision, here)
    short = lacking(policy, decision, here - len(view.failed), done, row.now.get("short"))
    if short is None and row.short_since is not None and _cannot_tell(decision):
        short = row.now.get("short")  # what was short is not had yet, as far as anybody knows
    says |= {"short": short} if short else {}
    blind = _blind(decision) or (row.blind_since is not None and _settling(decision))
    fields: dict[str, Any] = {
        "memory": memory.to_json(),
        "now": says,
        "ran": _moment(view.now),
        "short_since": (row.short_since or _moment(view.now)) if short else None,
        "blind_since": (row.blind_since or _moment(view.now)) if blind else None,
    }
    same.update(**fields)
    if done is not None or _shown(says) != _shown(row.now):
        live.bump(topic(row.place))
    return decision


def lacking(
    policy: Policy, decision: Decision, working: int, done: ScalingDecision | None, before: dict[str, Any] | None
) -> dict[str, Any] | None:
    """Why more is needed than there is (a Reason), or None. `before`: what was said of it the last time."""
    if done is not None and done.before < done.asked != done.after:
        found = Reason("room", {"asked": done.asked, "after": done.after, "why": done.words[:300]})
    elif decision.reason.code in {"pause", "failed", "tidy"} and (decision.wanted or 0) > working:
        return before or decision.reason.to_json()
    elif decision.short > 0:
        found = Reason("beyond", {"need": policy.most + decision.short, "most": policy.most})
    else:
        return None
    return found.to_json()


def _cannot_tell(decision: Decision) -> bool:
    """Whether it is unknown if more is needed: a change begins, is under way or just over, or something is not measured."""
    return decision.wanted is not None and (
        decision.reason.code in {"release", "up"} or any(w.blind for w in decision.wishes)
    )


def _settling(decision: Decision) -> bool:
    return decision.wanted is not None and any(wish.reason.code == "settling" for wish in decision.wishes)


def _blind(decision: Decision) -> bool:
    """That a change has just been made is no lack of data, nor that nothing is judged: the policy is off, or nothing runs."""
    judged = decision.wanted is not None
    return judged and any(wish.blind and wish.reason.code != "settling" for wish in decision.wishes)


def _shown(says: dict[str, Any]) -> tuple[Any, ...]:
    return says.get("here"), says.get("to"), says.get("wanted"), says.get("reason", {}).get("code")


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
