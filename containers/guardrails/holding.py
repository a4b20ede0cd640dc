"""Whether a freeze holds a release that is under way: asked by whoever advances it, between two batches."""

from __future__ import annotations

import time

from django.utils.translation import gettext as _

from containers.guardrails import windows
from containers.guardrails.rules import rules_of
from containers.guardrails.times import Frozen
from containers.models import Deployment, Environment, Guardrails

KEPT = 3.0  # seconds that an answer is used
BLIND = 60.0  # where nobody knows until when, look again after so long


def frozen_for(row: Deployment, *, begun: bool, at: float) -> Frozen | None:
    """The freeze that holds the release at this moment; None: it may begin its next batch.

    `begun`: whether any instance was touched. One that has begun goes on where the environment's rule says so; one that has
    not begins in no freeze. Broken glass and the way back are not held.
    """
    if row.kind != Deployment.Kind.DEPLOY or row.guard.get("way_back") or row.glass.exists():
        return None
    environment = Environment.objects.get(places=row.place_id)
    found = windows.frozen(environment, at)
    if found is None or (begun and rules_of(environment).when_frozen == Guardrails.Frozen.GO_ON):
        return None
    return found if found.until is not None else Frozen(at + BLIND, found.why)


def still_held(row: Deployment) -> bool:
    """Whether what the row says of a freeze holds still: windows change, and clocks jump."""
    begun = row.steps.exclude(state="waiting").exists()
    return frozen_for(row, begun=begun, at=time.time()) is not None


class Holding:
    """The same for one release, not asked more often than every few seconds."""

    def __init__(self) -> None:
        self._known: tuple[bool, Frozen | None] = (False, None)
        self._at: float | None = None

    def of(self, row: Deployment, begun: bool) -> Frozen | None:
        now = time.time()
        if self._at is None or self._known[0] != begun or not 0 <= now - self._at < KEPT:
            self._known, self._at = (begun, frozen_for(row, begun=begun, at=now)), now
        return self._known[1]


def words(row: Deployment, now: float) -> str:
    """What a page says of a release that a freeze holds, or will hold after its batch; empty otherwise."""
    if row.held_until is None or row.held_until.timestamp() <= now:
        return ""
    values = {"until": windows.moment_words(row.held_until.timestamp()), "why": row.held_why}
    return _("held by a freeze until %(until)s (%(why)s); what is under way is finished") % values
