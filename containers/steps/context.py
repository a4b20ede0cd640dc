"""What the steps of one run of a deployment have in common."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

from containers.leases import Lease
from containers.pulse import Pulse
from containers.services.settings import topic
from containers.wire import Wire

PER_HOST = 6  # creates, starts and removals side by side on one engine


@dataclass
class Context:
    """What all steps of one run share."""

    deployment: int
    kind: str
    order: str
    deadline: float
    lease: Lease
    topics: tuple[str, ...]
    pulse: Pulse
    halt: threading.Event = field(default_factory=threading.Event)
    gates: dict[int, threading.BoundedSemaphore] = field(default_factory=dict)
    wide: threading.Lock = field(default_factory=threading.Lock)  # who runs hooks that all steps wait for
    wire: Wire = field(init=False)

    def __post_init__(self) -> None:
        self.wire = Wire(self.deployment)

    def gate(self, host: int) -> threading.BoundedSemaphore:
        return self.gates.setdefault(host, threading.BoundedSemaphore(PER_HOST))


def topics_of(deployment: Any) -> tuple[str, ...]:
    """The live topics that a deployment's progress is told to."""
    return (f"release:{deployment.pk}", topic(deployment.place), "services")
