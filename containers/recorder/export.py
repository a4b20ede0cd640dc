"""All of a release's record in one piece, for a file that can be sent: no secret, no value of a variable."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from django.db import transaction
from django.utils import timezone

from containers.as_json import full_json
from containers.gates import shown
from containers.keeping_logs import lines_of
from containers.logs.text import plain
from containers.models import ConfirmedPlan, Deployment
from containers.reading import history
from containers.recorder import compare, effects, reading
from containers.recorder.masks import HIDDEN, masked
from containers.recorder.writing import hidden_of, secrets_in
from containers.views.settings import changes
from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import READ, can, require
from xqplatform.audit.actions import ACTIONS

MOST_HOOKS, MOST_LOGS, MOST_EVENTS = 500, 60, 200
# Fields in which engines, containers and hooks speak: values of variables are hidden in them, too.
SAID = frozenset({"reason", "outcome", "log", "output", "words", "lines", "error", "held_why", "why"})


def exported(actor: Actor, row: Deployment, shape: str) -> dict[str, Any]:
    """The record as the actor may read it, with an event of who took it along. Raises Denied."""
    service, environment = row.place.service, row.place.environment.slug
    require(actor, READ, **service.at_in(environment), obj=row)
    logs = can(actor, "service.logs", **service.at_in(environment))
    with transaction.atomic():
        found = record_of(row, logs=logs)
        audit.record(actor, "deployment.export", row, after={"as": shape, "logs": logs}, parent=service)
    return found


def record_of(row: Deployment, *, logs: bool) -> dict[str, Any]:
    """`logs`: with what containers and hooks said."""
    steps = list(row.steps.select_related("instance__host", "host", "old_host").order_by("position"))
    found = full_json(row) | {
        "exported": timezone.now(),
        "digest": row.image.digest if row.image else "",
        "settings_changed": _settings(row),
        "plan": _plan(row),
        "phases": {name: _spread(one) for name, one in compare.phases(row, steps).items()},
        "events": _events(row),
        "gates": [shown.run_json(run) for run in shown.runs_of(row)],
        "hooks": _hooks(row, logs=logs),
        "calls": _calls(row),
        "kept_logs": _kept(row, logs=logs),
        **effects.as_json(row, timezone.now().timestamp()),
    }
    if not logs:
        for step in found["steps"]:
            step["log"] = ""
    return everywhere(found, hidden_by(secrets_in(row.pk)), hidden_by(hidden_of(row.pk)))


def hidden_by(secrets: Collection[str]) -> Callable[[str], str]:
    ordered = sorted(secrets, key=len, reverse=True)
    return lambda text: masked(text, ordered)


def everywhere(value: Any, change: Callable[[str], str], said: Callable[[str], str]) -> Any:
    """The same structure with every text in it changed, what was said by `said`; names of fields stay."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {name: everywhere(one, said if name in SAID else change, said) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [everywhere(one, change, said) for one in value]
    return value


def _settings(row: Deployment) -> list[dict[str, Any]]:
    if row.old_config is None or row.config is None:
        return []
    found = []
    for name, old, new in changes(row.old_config, row.config):
        hidden = name.startswith(("env.", "secret."))
        values = (HIDDEN if old is not None else None, HIDDEN if new is not None else None) if hidden else (old, new)
        found.append({"name": name, "before": values[0], "after": values[1]})
    return found


def _plan(row: Deployment) -> dict[str, Any] | None:
    """As it was confirmed; None of changes that keep none."""
    copy = ConfirmedPlan.objects.filter(deployment=row).first()
    return copy.content if copy is not None else None


def _spread(one: compare.Spread | None) -> dict[str, float] | None:
    return {"p50": round(one.p50, 3), "max": round(one.longest, 3), "count": one.count} if one is not None else None


def _events(row: Deployment) -> list[dict[str, Any]]:
    """Who did what to it, the oldest first; what changed is told elsewhere."""
    events = reversed(history([row], MOST_EVENTS))
    return [
        {"time": e.time, "by": e.actor, "action": str(ACTIONS.get(e.action, e.action)), "reason": e.reason}
        for e in events
    ]


def _hooks(row: Deployment, *, logs: bool) -> list[dict[str, Any]]:
    names = ("point", "way", "name", "kind", "state", "attempts", "started", "ended", "code", "words")
    return [
        {name: getattr(run, name) for name in names} | {"output": run.output if logs else ""}
        for run in row.hook_runs.order_by("pk")[:MOST_HOOKS]
    ]


def _calls(row: Deployment) -> list[dict[str, Any]]:
    return [
        {
            "number": group.step.instance.number if group.step else None,
            "host": group.where,
            "left_out": group.left_out,
            "calls": [reading.as_json(one) for one in group.entries],
        }
        for group in reading.calls_of(row)
    ]


def _kept(row: Deployment, *, logs: bool) -> list[dict[str, Any]]:
    found = []
    for one in row.kept_logs.select_related("instance").order_by("pk")[:MOST_LOGS]:
        lines = [f"{line.timestamp} {plain(line.text)}" for line in lines_of(one)] if logs else []
        facts = {"number": one.instance.number, "container": one.engine_id, "host": one.host, "why": one.why}
        found.append(facts | {"taken": one.taken, "count": one.lines, "lines": lines})
    return found
