"""Rows as the decisions of a release see them."""

from __future__ import annotations

from containers import rollout
from containers.models import Deployment, Step


def view_of(row: Deployment) -> rollout.View:
    """Without pulls, and without what gates and freezes say."""
    policy = row.policy
    after = policy.get("hold_after")
    noted = rollout.Noted(row.hold, row.hold_batch, row.hold_until.timestamp() if row.hold_until else None)
    return rollout.View(
        state=row.state,
        asked=row.asked,
        size=int(policy.get("size", 1)),
        pause=float(policy.get("pause", 0)),
        on_failure=str(policy.get("on_failure", "rollback")),
        rest_until=row.batch_pause_until.timestamp() if row.batch_pause_until else None,
        strategy=str(policy.get("strategy", "rolling")),
        hold_after=int(after) if isinstance(after, int) else None,
        hold=float(policy.get("hold", 0)),
        noted=noted if row.hold else None,
        passed=row.passed,
        switch=row.switch,
        switch_by=str(policy.get("switch", "click")),
        keep=float(policy.get("keep", 0)),
        keep_running=policy.get("keep_running") is not False,
    )


def step_views(row: Deployment) -> list[rollout.StepView]:
    """All steps by position."""
    beside = row.policy.get("strategy") == "blue-green"
    names = ("pk", "batch", "position", "state", "times", "asked", "action")
    return [
        rollout.StepView(pk, 0, batch, position, state, bool(times), asked, side_of(action) if beside else "")
        for pk, batch, position, state, times, asked, action in (
            Step.objects.filter(deployment=row.pk).order_by("position").values_list(*names)
        )
    ]


def side_of(action: str) -> str:
    """In blue/green: new instances are added, old ones removed."""
    return "new" if action == Step.Action.ADD else "old"
