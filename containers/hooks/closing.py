"""The hooks after the last batch and after the release: run before it is ended, so that one that fails can still turn it back."""

from __future__ import annotations

from dataclasses import replace

from django.db import transaction

from containers.config import Config, parse
from containers.ending import Broken, StepFailed
from containers.hooks import running, shape
from containers.hooks.around import WIDE_KINDS, facts_of, wide_row
from containers.hooks.kinds import Setting
from containers.hooks.running import Guard
from containers.hooks.shape import Hook
from containers.models import ConfigVersion, Deployment, Step
from containers.services.settings import secrets_of
from containers.steps.context import Context
from containers.steps.patience import Patience
from xqplatform.errors import Refused

SUCCEEDED = "succeeded"


def version_of(row: Deployment, state: str) -> ConfigVersion | None:
    """By whose hooks it ends: those of what stands then."""
    return (row.old_config or row.config) if state == "rolled_back" else row.config


def due(row: Deployment, state: str) -> bool:
    """Whether there is anything to run before the release ends so."""
    return row.kind in WIDE_KINDS and bool(_hooks(version_of(row, state), state))


def _hooks(version: ConfigVersion | None, state: str) -> list[Hook]:
    try:
        config = parse(version.content) if version is not None else Config()
    except Refused:
        return []
    after = shape.at(config.hooks, "release.after")
    if state == SUCCEEDED:
        return [*shape.at(config.hooks, "batch.after"), *after]
    # It ends as it ends: what is told of that can only go on without.
    return [replace(hook, on_failure="warn") for hook in after]


def run(context: Context, row: Deployment, state: str) -> bool:
    """Runs them; whether it may end so. One that fails the release makes its last step fail: what follows is decided as for any
    other step.
    """
    patience = Patience(context, context.halt, 10.0, lambda _words: None)
    guard = Guard(row.pk, context.lease.text, patience.check, patience.sleep, context.topics)
    deployment = Deployment.objects.select_related("place__service", "place__environment").get(pk=row.pk)
    version = version_of(deployment, state)
    last = max(deployment.steps.values_list("batch", flat=True), default=0)
    try:
        for hook in _hooks(version, state):
            batch = last if hook.at == "batch.after" else None
            way = "forward" if state == SUCCEEDED else state[:8]
            facts = facts_of(deployment, hook, way="back" if state == "rolled_back" else "forward", batch=batch)
            secret = secrets_of(version).get(shape.secret_key(hook), "") if hook.signed else ""
            setting = Setting(facts | {"state": state}, secret=secret, why=f"{hook.at} #{deployment.pk}")
            running.run(wide_row(deployment, hook, batch, way), hook, setting, guard)
    except StepFailed as error:
        _fail(context, deployment, str(error))
        return False
    return True


def _fail(context: Context, deployment: Deployment, words: str) -> None:
    with transaction.atomic():
        rows = Step.objects.filter(deployment=deployment, deployment__lease=context.lease.text)
        step = rows.filter(state=Step.State.DONE).order_by("-position").first()
        if step is None or not rows.filter(pk=step.pk).update(state=Step.State.FAILED, reason=words):
            raise Broken
