"""What others have to say about a release: what keeps it from beginning, gates between its batches, freezes, how its traffic is switched.

Each is a list that an app fills when it is ready (`AppConfig.ready`). Functions are called by the runner, in a worker, at
every look while the release is between two batches, so they are quick, and may be asked the same again after a death.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from django.utils.translation import gettext as _

from containers.models import Deployment, Instance, ServiceEnvironment, Step
from containers.rollout.views import Gate

log = logging.getLogger(__name__)
# What stands in the way comes first.
ORDER: tuple[Gate, ...] = ("roll back", "hold", "measuring", "continue", "")


@dataclass(frozen=True)
class Verdict:
    """Of a gate, on the batch that is through; `why` in words with its numbers."""

    state: Gate = ""
    why: str = ""


@dataclass(frozen=True)
class Freeze:
    """Nothing new begins. `until`: epoch seconds; None: until it is over. `kind`: what holds it, as the row says (`Deployment.Hold`)."""

    why: str
    until: float | None = None
    kind: str = "freeze"


class Keeper(Protocol):
    """Who keeps data around a replace. All may be asked again after a death; they raise StepFailed in words, and EngineError.
    `check` is asked between calls, and raises when this process must not act any more.
    """

    def wants(self, step: Step) -> bool:
        """Whether there is something to keep before the step's new container starts."""
        ...

    def save(self, step: Step, containers: Sequence[str], check: Callable[[], None]) -> None:
        """Keeps it once a release. `containers`: those whose data it is, the old ones, stopped (or running, if the order is so)."""
        ...

    def goes_back(self, step: Step) -> bool:
        """Whether the data of before has still to be put back on the step's way back."""
        ...

    def put_back(self, step: Step, check: Callable[[], None]) -> None:
        """Puts it back; nobody runs who has it."""
        ...


def holder(place: ServiceEnvironment) -> str:
    """The words of who does something to the place that nothing else may be done beside, other than a release; empty: nobody."""
    return next((words for one in HOLDERS if (words := one(place))), "")


def is_held_still(instance: Instance) -> bool:
    """Whether the platform itself holds its processes still, or did a moment ago, and they go on by themselves."""
    return any(one(instance) for one in STILL)


class SwitchFailed(Exception):
    """The traffic could not be sent there; the text is for people."""


GATES: list[Callable[[Deployment, int], Verdict]] = []  # (release, the batch that is through)
FREEZES: list[Callable[[Deployment], Freeze | None]] = []
KEEPS: list[
    Callable[[Deployment], str]
] = []  # why a waiting release does not begin; empty: it may, as far as this goes
HOLDERS: list[
    Callable[[ServiceEnvironment], str]
] = []  # who else does something to a place that nothing else may be done beside
KEEPERS: list[Keeper] = []
STILL: list[Callable[[Instance], bool]] = []  # who holds an instance still for a moment, or did just now
# (place, kind of change) → what is told in its plan besides.
TOLD: list[Callable[[ServiceEnvironment, str], str]] = []
SWITCHES: list[Callable[[Deployment, str], None]] = []  # (release, «new» or «old»); raises SwitchFailed; safe to repeat


def gate(row: Deployment, batch: int) -> Verdict:
    """The strictest verdict of all gates. One that cannot judge holds: a person looks."""
    found = [_asked(one, row, batch) for one in GATES]
    return min(found, key=lambda verdict: ORDER.index(verdict.state), default=Verdict())


def _asked(one: Callable[[Deployment, int], Verdict], row: Deployment, batch: int) -> Verdict:
    try:
        return one(row, batch)
    except Exception as error:
        log.exception("A gate of release %s could not judge batch %s", row.pk, batch)
        words = _("The gate could not judge: %(why)s")
        return Verdict("hold", words % {"why": f"{type(error).__name__}: {error}"})


def freeze(row: Deployment) -> Freeze | None:
    """What forbids to begin anything new now; so does one that cannot say, until it can."""
    return next((found for one in FREEZES if (found := _frozen(one, row)) is not None), None)


def _frozen(one: Callable[[Deployment], Freeze | None], row: Deployment) -> Freeze | None:
    try:
        return one(row)
    except Exception as error:
        log.exception("Whether release %s is frozen could not be told", row.pk)
        words = _("Whether it is frozen could not be told: %(why)s")
        return Freeze(words % {"why": f"{type(error).__name__}: {error}"})


def kept(row: Deployment) -> str:
    """What keeps a waiting release from beginning, in words; empty: nothing of these."""
    return next((words for one in KEEPS if (words := one(row))), "")


def switch(row: Deployment, to: str) -> None:
    """Sends the traffic to the new or to the old side. Raises SwitchFailed."""
    for one in SWITCHES:
        one(row, to)
