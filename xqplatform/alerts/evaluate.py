"""One evaluation of all rules: read once, judge each rule by itself, write all in one transaction."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Collection
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from xqplatform import live, metrics
from xqplatform.alerts import holding, notify, sources, subjects
from xqplatform.alerts.conditions import limits_of
from xqplatform.alerts.episodes import Changes, Judging, end, moment
from xqplatform.alerts.judge import GAP
from xqplatform.alerts.models import Alert, Evaluator, Rule, Silence, Transition
from xqplatform.alerts.observe import WITHIN, Key, Now, observe
from xqplatform.audit.tidying import tidied
from xqplatform.leases import Lease, take

log = logging.getLogger(__name__)
WRITTEN = [
    "state", "started", "since", "fired", "resolved", "seen", "good_since", "value", "peak", "words", "held", "told",
]  # fmt: skip
BATCH = 500
MOST_TOPICS = 100
# A slow evaluation is waited for, else a large fleet would never be judged to the end. One that died is known at once, or after this.
PATIENCE = 120.0  # seconds


def run(now: float | None = None) -> Evaluator | None:
    """Evaluates all rules unless another process does."""
    row = Evaluator.objects.get_or_create(pk=1)[0]
    rows = Evaluator.objects.filter(pk=row.pk)
    lease = take(rows, rows, PATIENCE)
    if lease is None:
        return None
    try:
        return _run(row, lease, time.time() if now is None else now)
    finally:
        lease.release()


def _run(row: Evaluator, lease: Lease, now: float) -> Evaluator | None:
    began = time.monotonic()
    last = row.ran.timestamp() if row.ran else 0.0
    steady = row.steady_since.timestamp() if row.steady_since else now
    if not -GAP <= now - last <= GAP:
        steady = now
    rules = list(Rule.objects.filter(enabled=True))
    seen = _read(rules, now, steady)
    # A rise reads its whole span of every subject: once a minute is as good, and a rule over all starves no other.
    left_out = {rule.pk for rule in rules if rule.condition == Rule.Condition.RISE and now // 60 == last // 60}
    changes, problems = _judge(rules, seen, left_out)
    for write in (lambda: _write(changes, problems, seen, rules), lambda: notify.collect(moment(now))):
        with transaction.atomic():
            # What was read is old when another evaluates by now. The renewed row stays locked until all is written.
            if not lease.renew(force=True):
                return None
            write()
    row.ran, row.steady_since = moment(now), moment(steady)
    row.took, row.subjects, row.rules = time.monotonic() - began, len(seen.world), len(rules)
    row.save(update_fields=["ran", "steady_since", "took", "subjects", "rules"])
    return row


def _read(rules: list[Rule], now: float, steady: float) -> Now:
    kinds = {rule.kind for rule in rules} | {subjects.kind_of(s) for s in _active().values_list("subject", flat=True)}
    latest = metrics.latest(within=WITHIN) if any(rule.metric for rule in rules) else {}
    return Now(now, steady, subjects.world(kinds), latest)


def _active() -> QuerySet[Alert]:
    return Alert.objects.filter(state__in=Alert.ACTIVE)


def _judge(rules: list[Rule], now: Now, left_out: Collection[int] = ()) -> tuple[Changes, dict[int, str]]:
    """A rule that cannot be evaluated says so and changes nothing; the others go on. Of those left out nothing changes."""
    by_rule: dict[int | None, dict[Key, Alert]] = defaultdict(dict)
    for alert in _active():
        by_rule[alert.rule_id][alert.subject, alert.device] = alert
    out, problems = Changes(), {}
    for rule in rules:
        active = by_rule.pop(rule.pk, {})
        if rule.pk in left_out:
            if rule.problem:
                problems[rule.pk] = rule.problem
            continue
        source = sources.SOURCES.get(rule.source)
        if rule.source and source is None:
            problems[rule.pk] = _("Nobody knows the state «%(name)s».") % {"name": rule.source}
            continue
        limits = limits_of(rule, unit=source.unit if source else "")
        try:
            found = list(observe(rule, limits, now, active))
        except Exception as error:  # whatever it is: no other rule waits for it; the rule's page says it
            log.exception("The rule %s could not be evaluated", rule)
            problems[rule.pk] = f"{type(error).__name__}: {error}"[:500]
            continue
        Judging(rule, limits, active, now, out).all(found)
    for left in by_rule.values():  # of rules that are off
        for alert in left.values():
            end(alert, now.time, _("The rule was switched off."), out)
    return out, problems


def _write(changes: Changes, problems: dict[int, str], now: Now, rules: list[Rule]) -> None:
    """In the caller's transaction."""
    if changes.gone:
        Alert.objects.filter(pk__in=[alert.pk for alert in changes.gone]).delete()
    if changes.made:
        Alert.objects.bulk_create(changes.made, BATCH)
    if changes.changed:
        rewrite(changes.changed, WRITTEN)
    gone = {id(alert) for alert in changes.gone}
    Transition.objects.bulk_create([t for t in changes.transitions if id(t.alert) not in gone], BATCH)
    held = _hold(now)
    for rule in rules:
        if rule.problem != problems.get(rule.pk, ""):
            Rule.objects.filter(pk=rule.pk).update(problem=problems.get(rule.pk, ""))
    if changes.transitions or changes.gone or held:
        touched = changes.subjects | held
        live.bump("alerts", *(sorted(touched) if len(touched) <= MOST_TOPICS else ()))


def rewrite(rows: list[Alert], fields: list[str]) -> None:
    """`bulk_update` as an upsert: a tenth of its time for hundreds of rows."""
    Alert.objects.bulk_create(rows, BATCH, update_conflicts=True, unique_fields=["id"], update_fields=fields)


def _hold(now: Now) -> set[str]:
    """Stores why nobody is told of an alert; the subjects for which that changed."""
    at = moment(now.time)
    silences = list(Silence.objects.filter(starts__lte=at, until__gt=at))
    inhibiting = {name for name, source in sources.SOURCES.items() if source.inhibits}
    active = list(_active().select_related("rule"))
    down = {a.host: a.rule_name for a in active if a.rule is not None and a.rule.source in inhibiting}
    changed = []
    for alert in active:
        of_host = alert.rule is not None and alert.rule.source in inhibiting
        found = holding.reason(alert, now.world.get(alert.subject), silences, down, of_host)
        if found != alert.held:
            alert.held = found
            changed.append(alert)
    rewrite(changed, ["held"])
    return {alert.subject for alert in changed}


def tidy() -> None:
    """What nobody looks at any more: notifications after 90 days, ended alerts after two years, ended silences after one."""
    from xqplatform.alerts.models import Notification

    now = timezone.now()
    old = (
        Notification.objects.filter(created__lt=now - timedelta(days=90)),
        Alert.objects.filter(state=Alert.State.RESOLVED, resolved__lt=now - timedelta(days=730)),
        Silence.objects.filter(until__lt=now - timedelta(days=365)),
    )
    with transaction.atomic():
        tidied("alerts", *(rows.delete()[1] for rows in old))
