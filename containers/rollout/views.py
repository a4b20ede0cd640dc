"""What a deployment's decisions see, and what they may answer with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

State = Literal["queued", "running", "paused", "rolling_back", "succeeded", "failed", "rolled_back", "cancelled"]
ACTIVE = frozenset({"queued", "running", "paused", "rolling_back"})
IN_WORK = frozenset({"stopping", "creating", "starting"})
HALTING, HALTED = "halting", "stopped"  # its containers are being stopped, are stopped; nothing new was made
SETTLED = frozenset({"done", "failed", "skipped", "undone", "undo_fail"})
# What may be asked, and what may take the place of a wish that is not taken up yet: only one as strong or stronger.
STRENGTH = {"": 0, "pause": 1, "resume": 1, "cancel": 2, "rollback": 3}
# What a gate may say of the batch that is through: "" there is none; while it measures nothing new is begun.
Gate = Literal["", "measuring", "continue", "hold", "roll back"]


@dataclass(frozen=True)
class Noted:
    """What holds the release, as stored. `batch`: the last one that is through; `until`: None as long as nobody clicks."""

    kind: str
    batch: int
    until: float | None = None


@dataclass(frozen=True)
class View:
    """A deployment. `pulls`: {host: waiting | pulling | done | failed}; `rest_until`: end of the pause between batches.

    What others supply: `gate` with its verdict on the batch that is through, `held_why` (and `held_until`) while nothing new
    may begin. Times are epoch seconds, durations seconds.
    """

    state: str
    asked: str = ""
    size: int = 1
    pause: float = 0
    on_failure: str = "rollback"
    pulls: dict[int, str] = field(default_factory=dict)
    rest_until: float | None = None
    strategy: str = "rolling"
    hold_after: int | None = None  # canary: the batch after which it holds
    hold: float = 0  # for so long; 0: until somebody lets it go on
    noted: Noted | None = None
    passed: int = -1  # the last batch after which somebody let it go on
    gate: str = ""
    held_until: float | None = None
    held_why: str = ""
    held_by: str = "freeze"  # or approval: what a hold of it is called
    switch: str = ""  # blue/green: "", switching, switched, failed; and the way back: back, back_fail
    switch_by: str = "click"  # or auto
    keep: float = 0  # blue/green: old instances are kept so long after the switch
    keep_running: bool = True  # and run meanwhile


@dataclass(frozen=True)
class StepView:
    """One instance's step. `touched`: something was done to it, so that a rollback has something to bring back.

    `asked`: "skip" for a failed one that shall be left out, as it was before, "left" when it is to stay out of service. `side`: «new» or «old» in blue/green.
    """

    pk: int
    host: int
    batch: int
    position: int
    state: str = "waiting"
    touched: bool = False
    asked: str = ""
    side: str = ""

    @property
    def leaving(self) -> bool:
        return self.state == "failed" and self.asked == "skip" and self.touched

    @property
    def lost(self) -> bool:
        """Left out, and it could not be brought back: out of service, until somebody says that this is to be so."""
        return self.state == "undo_fail" and self.asked == "skip"


@dataclass(frozen=True)
class Become:
    """Take a wish up (or leave the queue): the deployment's next state. `hold`: what it rests for, «failed» for one."""

    state: str
    clear_asked: bool = False
    hold: str = ""


@dataclass(frozen=True)
class Pull:
    host: int


@dataclass(frozen=True)
class Run:
    """Begin the step, or go on with it where a dead process left it."""

    step: int


@dataclass(frozen=True)
class Halt:
    """Stop what runs in the instance, and begin nothing there yet; a step in work is broken off for it."""

    step: int


@dataclass(frozen=True)
class Undo:
    """Bring the instance back; a step in work is broken off for it."""

    step: int


@dataclass(frozen=True)
class Skip:
    step: int


@dataclass(frozen=True)
class Rest:
    """Note that the next batch begins no earlier than then."""

    until: float


@dataclass(frozen=True)
class Hold:
    """Note what holds the release after `batch`, and until when (None: until something happens)."""

    kind: str
    batch: int
    until: float | None = None


@dataclass(frozen=True)
class Switch:
    """Send the traffic to the «new» or to the «old» side; may be asked again after a death."""

    to: str


@dataclass(frozen=True)
class Wait:
    """Nothing to begin now. `until`: look again then (None: when something happens)."""

    until: float | None = None


@dataclass(frozen=True)
class Finish:
    state: str


Action = Become | Pull | Run | Halt | Undo | Skip | Rest | Hold | Switch | Wait | Finish
