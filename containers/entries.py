"""A plan's parts, and what it is made of: hosts and instances as the planner sees them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from containers.guardrails.verdict import Check
from containers.policy import Policy
from hosts.models.machines import OVERCOMMIT_CPUS, OVERCOMMIT_MEMORY


@dataclass(frozen=True)
class HostView:
    """A host as the planner sees it. Memory in bytes; `unfit`: why it takes nothing («cordoned: disk swap»), or empty."""

    pk: int
    name: str
    unfit: str = ""
    in_groups: bool = True  # belongs to the environment's groups: may get new instances
    reachable: bool = True
    cpus: float = 0  # 0: not known
    memory: int = 0
    used_cpus: float = 0  # promised to what stands there, without this place's own instances
    used_memory: int = 0
    missing: tuple[str, ...] = ()  # what its engine's API lacks of what the settings want
    has_segment: bool = True
    instances: int = 0  # all that stand there, for an even spread
    architecture: str = ""
    # How much of it may be promised: all but the reserve, so many times.
    reserve_cpus: float = 0
    reserve_memory: int = 0
    overcommit_cpus: float = OVERCOMMIT_CPUS
    overcommit_memory: float = OVERCOMMIT_MEMORY
    room: int = 0  # its group; 0: of none
    room_name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    has_image: bool = False  # the image of the change lies there, as far as is known


@dataclass(frozen=True)
class InstanceView:
    pk: int
    number: int
    host: int
    address: str = ""  # its fixed address; empty: the engine's own
    healthy: bool = True
    running: bool = True
    image: str = ""  # what runs in it now, as text for people
    role: str = ""  # primary, replica, as it last said; empty: it was not asked, or did not say


@dataclass(frozen=True)
class Entry:
    """One instance's part of the plan. `address` «new»: one of the segment's is given to it; empty: the engine's own."""

    number: int
    instance: int | None
    host: int
    host_name: str
    action: str
    address: str = ""
    old: str = ""
    new: str = ""
    batch: int = 0
    problem: str = ""
    old_host: int | None = None  # a move's: where it stands now; `host` is where it goes
    old_host_name: str = ""
    note: str = ""  # worth knowing, no reason not to do it
    chosen: str = ""  # the address that a person asked for, as typed
    needs_reason: bool = False  # it is done only with a reason
    old_address: str = ""  # of an instance that gets another one
    why: str = ""  # why it goes to this host
    by_hand: str = ""  # the host, or hosts, that a person asked for, as typed


@dataclass(frozen=True)
class Plan:
    kind: str
    entries: tuple[Entry, ...] = ()
    problems: tuple[str, ...] = ()  # of the change as a whole
    warnings: tuple[str, ...] = ()
    batch_size: int = 1
    policy: Policy = field(default_factory=Policy)
    hold_after: int | None = None  # canary, blue/green: the batch after which it holds, or switches
    least: tuple[int, ...] = ()  # how many healthy instances are promised at least in each batch
    guards: tuple[Check, ...] = ()  # what guardrails say of it

    @property
    def fits(self) -> bool:
        return not self.problems and not any(entry.problem for entry in self.entries)

    @property
    def batches(self) -> int:
        return 1 + max((entry.batch for entry in self.entries), default=-1)

    def refusal(self) -> str:
        """Why it cannot be done as planned, in one text; empty when it can."""
        words = list(self.problems)
        left_out = [entry for entry in self.entries if entry.problem]
        if left_out and not self.policy.skip_unfit:
            words += [f"#{e.number} ({e.host_name or e.old_host_name or '–'}): {e.problem}" for e in left_out[:5]]
            if len(left_out) > 5:
                words.append(_("and %(count)s more") % {"count": len(left_out) - 5})
        elif left_out and len(left_out) == len(self.entries):
            words.append(_("Not one instance fits: %(problem)s") % {"problem": left_out[0].problem})
        return " ".join(words)

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "fits": self.fits,
            "entries": [asdict(entry) for entry in self.entries],
            "problems": list(self.problems),
            "warnings": list(self.warnings),
            "batch_size": self.batch_size,
            "strategy": self.policy.strategy,
            "hold_after": self.hold_after,
            "least": list(self.least),
            "guardrails": [check.to_json() for check in self.guards],
        }
