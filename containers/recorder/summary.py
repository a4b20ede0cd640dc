"""What the page of a release shows of its record."""

from __future__ import annotations

from dataclasses import dataclass, field

from containers.models import CallBlock, Deployment
from containers.recorder.reading import Group, calls_of

MOST_ENTRIES = 600  # shown on the release's own page; more have a page of their own


@dataclass
class Calls:
    """`groups` is empty while it runs (its page is made anew all the time), and where there are too many."""

    groups: list[Group] = field(default_factory=list)
    count: int = 0
    failed: int = 0
    entries: int = 0


def of(deployment: Deployment) -> Calls | None:
    """None where nothing was recorded."""
    if deployment.is_active:
        return Calls() if CallBlock.objects.filter(deployment=deployment).exists() else None
    found = total(calls_of(deployment))
    if not found.groups:
        return None
    if found.entries > MOST_ENTRIES:
        found.groups = []
    return found


def total(groups: list[Group]) -> Calls:
    return Calls(
        groups,
        sum(group.calls for group in groups),
        sum(group.failed for group in groups),
        sum(len(group.entries) for group in groups),
    )
