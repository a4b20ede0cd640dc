"""From observations to rows: which alerts begin, change and end. Decides; `evaluate` writes it down."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.utils.translation import gettext as _

from xqplatform.alerts.judge import FIRING, Limits, Standing, step
from xqplatform.alerts.models import Alert, Rule, Transition
from xqplatform.alerts.observe import DEVICE, Key, Now, Observation, in_scope, is_taken_away
from xqplatform.alerts.subjects import About

# An active alert's row is written when it changed, or when so much time has passed: a restart then finds no false gap.
REFRESH = 20.0


@dataclass
class Changes:
    """What an evaluation does to the rows."""

    made: list[Alert] = field(default_factory=list)
    changed: list[Alert] = field(default_factory=list)
    gone: list[Alert] = field(default_factory=list)  # pending ones that came to nothing
    transitions: list[Transition] = field(default_factory=list)

    @property
    def subjects(self) -> set[str]:
        return {t.alert.subject for t in self.transitions}


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def standing_of(alert: Alert) -> Standing:
    return Standing(
        state=alert.state,
        started=alert.started.timestamp(),
        since=alert.since.timestamp(),
        seen=alert.seen.timestamp(),
        value=alert.value,
        peak=alert.peak,
        good_since=alert.good_since.timestamp() if alert.good_since else None,
    )


@dataclass
class Judging:
    """One rule in one evaluation; what it decides goes into `out`."""

    rule: Rule
    limits: Limits
    active: Mapping[Key, Alert]
    now: Now
    out: Changes

    def all(self, observations: Iterable[Observation]) -> None:
        """What was observed, then the active alerts of which nothing was."""
        met = set()
        for one in observations:
            about = self.now.world.get(one.subject)
            if about is None or not in_scope(self.rule, about):
                continue
            key = (one.subject, one.device[:DEVICE])
            if key in met:
                continue  # one alert at a time: a second row of it would undo the whole evaluation
            met.add(key)
            self._observed(about, one, self.active.get(key))
        for key, alert in self.active.items():
            if key not in met:
                self._unobserved(alert)

    def _observed(self, about: About, one: Observation, alert: Alert | None) -> None:
        before = standing_of(alert) if alert else None
        after = step(self.limits, before, one.seen, self.now.time)
        if alert is None or before is None:
            if after is not None:
                self.out.made.append(_new(self.rule, about, one, after, self.out))
            return
        if after is None:
            alert.value = one.seen.value
            end(alert, one.seen.time, "", self.out)
            return
        due = abs(self.now.time - before.seen) >= REFRESH  # also when the clock was set back
        if not due and (after.state, after.peak, after.good_since) == (before.state, before.peak, before.good_since):
            return
        if after.state != alert.state:
            self.out.transitions.append(_transition(alert, alert.state, after))
        _take(alert, after, one.words)
        self.out.changed.append(alert)

    def _unobserved(self, alert: Alert) -> None:
        about = self.now.world.get(alert.subject)
        if about is None:
            end(alert, self.now.time, _("It is not there any more."), self.out)
        elif not in_scope(self.rule, about):
            end(alert, self.now.time, _("The rule does not cover it any more."), self.out)
        elif self.rule.metric and not about.measured:
            end(alert, self.now.time, _("It is meant to be stopped: nothing is measured there."), self.out)
        elif self._is_taken_away(alert):
            end(alert, self.now.time, _("It is not there any more."), self.out)
        elif step(self.limits, standing_of(alert), None, self.now.time) is None:
            end(alert, self.now.time, _("No data any more: the rule lets it end then."), self.out)

    def _is_taken_away(self, alert: Alert) -> bool:
        """Only after a while: one reading may lack a device."""
        silent = self.now.time - alert.seen.timestamp() > self.limits.gap
        sample = self.now.latest.get(alert.subject)
        return silent and is_taken_away(self.rule.metric, alert.device, sample, self.now.time)


def _transition(alert: Alert, old: str, after: Standing) -> Transition:
    return Transition(alert=alert, old=old, new=after.state, time=moment(after.since), value=after.value)


def _take(alert: Alert, after: Standing, words: str) -> None:
    alert.state = after.state
    alert.started, alert.since, alert.seen = moment(after.started), moment(after.since), moment(after.seen)
    alert.value, alert.peak = after.value, after.peak
    alert.good_since = moment(after.good_since) if after.good_since is not None else None
    if after.state == FIRING and alert.fired is None:
        alert.fired = alert.since
    alert.words = words or alert.words


def _new(rule: Rule, about: About, one: Observation, after: Standing, out: Changes) -> Alert:
    alert = Alert(
        rule=rule, rule_name=rule.name, severity=rule.severity, subject=about.subject, device=one.device[:DEVICE],
        name=about.name[:200], url=about.url, service=about.service, environment=about.environment, host=about.host,
        group=about.group, team_id=about.team, state=after.state,
    )  # fmt: skip
    _take(alert, after, one.words)
    out.transitions.append(_transition(alert, "", after))
    return alert


def end(alert: Alert, time: float, words: str, out: Changes) -> None:
    """A firing alert is resolved; a pending one came to nothing and leaves no row."""
    if alert.state != Alert.State.FIRING:
        out.gone.append(alert)
        return
    at = max(moment(time), alert.since)
    out.transitions.append(
        Transition(alert=alert, old=alert.state, new=Alert.State.RESOLVED, time=at, value=alert.value, words=words)
    )
    alert.state, alert.since, alert.resolved, alert.seen = Alert.State.RESOLVED, at, at, at
    alert.good_since, alert.held = None, ""
    out.changed.append(alert)
