"""What people can be told of, and to whom it goes unless they say otherwise. Pure."""

from __future__ import annotations

from typing import Literal

from django.db import models
from django.utils.translation import gettext_lazy as _


class Kind(models.TextChoices):
    BEGUN = "begun", _("a release has begun")
    APPROVAL = "approval", _("a release waits for an approval")
    APPROVED = "approved", _("a release was approved")
    WITHDRAWN = "withdrawn", _("an approval was withdrawn")
    HELD = "held", _("a release is held (a gate, a freeze, a canary, a failed instance)")
    SUCCEEDED = "succeeded", _("a release has succeeded")
    FAILED = "failed", _("a release or another change has failed")
    ROLLED_BACK = "rolled_back", _("a release or another change was rolled back")
    CANCELLED = "cancelled", _("a release was cancelled")
    GLASS = "glass", _("somebody released in spite of the guardrails")
    BUILD_FAILED = "build_failed", _("a build has failed")
    ACCOUNT = "account", _("somebody changed how you sign in")
    REPORT = "report", _("the audit's report of a month is there")
    CAPACITY = "capacity", _("the month's capacity (for who reads the fleet)")


# Of which people choose what they hear. What is done to one's own account, and what is one's duty, is told in any case, and to nobody else.
CHOSEN = [kind for kind in Kind if kind not in {Kind.ACCOUNT, Kind.REPORT}]


# How somebody stands to what happened: decided, started or asked by name; of the owning team; neither.
Relation = Literal["mine", "team", "all"]
# Of whose releases somebody wants to hear.
Scope = Literal["none", "mine", "team", "all"]
SCOPES: tuple[Scope, ...] = ("none", "mine", "team", "all")
INBOX: dict[str, Scope] = {
    Kind.BEGUN: "mine",
    Kind.APPROVAL: "mine",
    Kind.APPROVED: "mine",
    Kind.WITHDRAWN: "mine",
    Kind.HELD: "team",
    Kind.SUCCEEDED: "mine",
    Kind.FAILED: "team",
    Kind.ROLLED_BACK: "team",
    Kind.CANCELLED: "mine",
    Kind.GLASS: "team",
    Kind.BUILD_FAILED: "mine",
    Kind.ACCOUNT: "mine",
    Kind.REPORT: "mine",
    Kind.CAPACITY: "none",
}


# Over an own channel, where somebody has one.
OWN: dict[str, Scope] = {
    **dict.fromkeys(Kind.values, "mine"),
    Kind.BEGUN: "none",
    Kind.APPROVED: "none",
    Kind.CAPACITY: "none",
    Kind.FAILED: "team",
    Kind.ROLLED_BACK: "team",
}
# What the other side may show in a colour, and what stands first where many things are told at once.
LEVELS: dict[str, str] = {
    Kind.GLASS: "critical",
    Kind.FAILED: "critical",
    Kind.ROLLED_BACK: "critical",
    Kind.BUILD_FAILED: "critical",
    Kind.HELD: "warning",
    Kind.APPROVAL: "warning",
    Kind.WITHDRAWN: "warning",
    Kind.ACCOUNT: "warning",
    Kind.SUCCEEDED: "success",
}
ORDER = ("critical", "warning", "success", "info")


def level(kind: str) -> str:
    return LEVELS.get(kind, "info")


def reaches(scope: str, relation: Relation) -> bool:
    """Whether somebody who wants to hear of `scope` hears of what stands so to them."""
    return scope in SCOPES and SCOPES.index(scope) >= SCOPES.index(relation)  # type: ignore[arg-type]
