"""Whether a freeze holds a release that is under way: asked by whoever advances it, between two batches (`containers.holds`)."""

from __future__ import annotations

import time

from django.utils.translation import gettext as _

from containers import holds
from containers.guardrails import windows
from containers.guardrails.rules import rules_of
from containers.guardrails.times import Frozen
from containers.models import Deployment, Environment, Guardrails


def freeze(row: Deployment) -> holds.Freeze | None:
    """What forbids the release to begin its next batch now. Asked again at each look: windows change, and clocks jump."""
    found = frozen_for(row, time.time())
    return holds.Freeze(found.why, found.until) if found is not None else None


def frozen_for(row: Deployment, at: float) -> Frozen | None:
    """The freeze that holds it at this moment; None: it may go on.

    A release that has touched an instance goes on where the environment's rule says so; one that has not begins in no
    freeze. Broken glass and the way back are not held, nor is anything but a release.
    """
    if row.kind != Deployment.Kind.DEPLOY or row.guard.get("way_back"):
        return None
    environment = Environment.objects.get(places=row.place_id)
    found = windows.frozen(environment, at)
    if found is None or row.glass.exists():
        return None
    goes_on = rules_of(environment).when_frozen == Guardrails.Frozen.GO_ON
    return None if goes_on and row.steps.exclude(state="waiting").exists() else found


def is_held(row: Deployment) -> bool:
    return row.is_active and row.hold in {Deployment.Hold.FREEZE, Deployment.Hold.APPROVAL}


def words(row: Deployment) -> str:
    """What a page says of a release that a freeze or a withdrawn approval holds; empty otherwise."""
    if not is_held(row):
        return ""
    if row.hold == Deployment.Hold.APPROVAL:
        return _("held: %(why)s") % {"why": row.held_why}
    if row.held_until is None:
        return _("held by a freeze: %(why)s") % {"why": row.held_why}
    values = {"until": windows.moment_words(row.held_until.timestamp()), "why": row.held_why}
    return _("held by a freeze until %(until)s: %(why)s") % values
