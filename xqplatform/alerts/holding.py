"""Why nobody is told of an alert now: a silence, a host that is unreachable, or what is being done to its subject. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext as _

from xqplatform.alerts.models import Alert, Silence
from xqplatform.alerts.subjects import About


def matches(silence: Silence, alert: Alert) -> bool:
    """Every field that is given must be the alert's."""
    wanted: list[tuple[Any, Any]] = [
        (silence.rule_id, alert.rule_id),
        (silence.service, alert.service),
        (silence.environment, alert.environment),
        (silence.host, alert.host),
        (silence.group, alert.group),
        (silence.subject, alert.subject),
    ]
    return all(not want or want == has for want, has in wanted)


def reason(
    alert: Alert, about: About | None, silences: Iterable[Silence], down: Mapping[str, str], inhibiting: bool
) -> str:
    """The first reason that holds; empty: they are told. `down`: hosts by name with the rule that fires there."""
    for silence in silences:
        if matches(silence, alert):
            return (_("Silenced: %(why)s") % {"why": silence.reason})[:250]
    if alert.host in down and not inhibiting:
        return (_("Its host %(host)s: %(rule)s") % {"host": alert.host, "rule": down[alert.host]})[:250]
    return about.held[:250] if about is not None else ""
