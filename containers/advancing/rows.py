"""What a run writes in its deployment's row and in those of its steps: only while the lease is its own."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from containers import rollout
from containers.leases import Lease
from containers.models import NEEDS_SOMEBODY, Deployment, Step
from containers.notices import telling
from containers.steps.context import topics_of
from containers.steps.points import point
from xqplatform import live

NO_HOLD: dict[str, Any] = {
    "hold": "",
    "hold_batch": -1,
    "hold_since": None,
    "hold_until": None,
    "hold_why": "",
    "held_until": None,
    "held_why": "",
}
RESTS = frozenset({"failed", "switch_failed"})  # a paused release rests for these


class Rows:
    """`row`: the deployment as it was when the run began. `wake`: is set where it has to be decided anew at once."""

    def __init__(self, row: Deployment, lease: Lease, wake: threading.Event) -> None:
        self.pk, self.row, self.lease, self.wake = row.pk, row, lease, wake
        self.topics = topics_of(row)
        self.why: dict[str, str] = {}  # what gate and freeze say, in words

    def become(self, row: Deployment, state: str, *, clear: bool, hold: str = "") -> None:
        """Compare and swap: a wish that came meanwhile is not lost."""
        fields: dict[str, Any] = {"state": state}
        if hold:
            fields |= {**NO_HOLD, "hold": hold, "hold_since": timezone.now(), "hold_why": row.hold_why}
        elif state == "rolling_back" or row.hold in RESTS:
            # A hold for a time, or for a click, stands through a pause.
            why = row.hold_why if row.switch == "failed" else "" if row.asked else self.why.get("gate", "")
            fields |= {**NO_HOLD, "hold_why": why}
        if clear:
            fields["asked"] = ""
        if row.started is None and state == "running":
            fields["started"] = timezone.now()
        with transaction.atomic():
            same = Deployment.objects.select_for_update().filter(pk=self.pk)
            same = same.filter(state=row.state, asked=row.asked, lease=self.lease.text)
            # A click may have seen to the failed one in this very moment: then there is nothing to rest for.
            rests = hold != "failed" or Step.objects.filter(NEEDS_SOMEBODY, deployment=self.pk).exists()
            if same.first() is not None and rests and same.update(**fields) and hold:
                telling.rests(self.row, hold, row.hold_why, fields["hold_since"])
        live.bump(*self.topics)
        self.wake.set()

    def rest(self, until: float) -> None:
        """Between two batches, until then (Unix time)."""
        Deployment.objects.filter(pk=self.pk).update(batch_pause_until=datetime.fromtimestamp(until, UTC))
        live.bump(*self.topics)
        self.wake.set()

    def hold(self, row: Deployment, action: rollout.Hold) -> None:
        """Notes what holds the release; a click that came meanwhile is taken up first."""
        until = datetime.fromtimestamp(action.until, UTC) if action.until is not None else None
        why = self.why.get(action.kind, "")
        frozen = {"held_until": until, "held_why": why} if action.kind in {"freeze", "approval"} else {}
        rows = Deployment.objects.filter(pk=self.pk, state=row.state, asked="", lease=self.lease.text)
        with transaction.atomic():
            if rows.update(
                hold=action.kind,
                hold_batch=action.batch,
                hold_since=timezone.now(),
                hold_until=until,
                hold_why=why,
                **frozen,
            ):
                telling.held(self.row, action.kind, action.batch, why, until)
        live.bump(*self.topics)
        point(f"held by {action.kind}")
        self.wake.set()

    def let_go(self, row: Deployment) -> None:
        """Something begins, so nothing holds the release any more."""
        if row.batch_pause_until is not None or row.hold:
            Deployment.objects.filter(pk=self.pk).update(batch_pause_until=None, **NO_HOLD)
            row.batch_pause_until, row.hold = None, ""

    def save_step(self, step: int, *, only_if: str = "", **fields: Any) -> bool:
        """Writes a step's row while the lease is ours; with `only_if`, only when it is in that state still."""
        rows = Step.objects.filter(pk=step, deployment__lease=self.lease.text)
        if only_if:
            rows = rows.filter(state=only_if)
        changed = bool(rows.update(**fields))
        live.bump(*self.topics)
        if fields.get("state") == "skipped":
            self.wake.set()
        return changed
