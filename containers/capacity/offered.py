"""What a host has to give to instances: how much of it may be promised."""

from __future__ import annotations

from typing import NamedTuple

from hosts.models import Host


class Allocatable(NamedTuple):
    cpus: float
    memory: int  # bytes


NOTHING = Allocatable(0.0, 0)


def of_host(host: Host) -> Allocatable:
    """All of a machine that runs services, also while it is cordoned, drained or away for a moment; nothing of any other."""
    if not host.role_run or host.state in {Host.State.NEW, Host.State.RETIRED}:
        return NOTHING
    return Allocatable(float(host.cpus), host.memory)
