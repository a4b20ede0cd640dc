"""What a host has to give to instances: how much of it may be promised."""

from __future__ import annotations

from typing import NamedTuple

from containers.placement import allocatable
from hosts.models import Host, HostGroup


class Offered(NamedTuple):
    cpus: float
    memory: int  # bytes


NOTHING = Offered(0.0, 0)


def of_host(host: Host) -> Offered:
    """By the rules of its group; also while it is cordoned, drained or away for a moment. Nothing of one that runs no services."""
    if not host.role_run or host.state in {Host.State.NEW, Host.State.RETIRED} or not (host.cpus and host.memory):
        return NOTHING
    group = host.group or HostGroup()  # without a group the rules that a new one has
    return Offered(
        allocatable(host.cpus, group.reserve_cpus, group.overcommit_cpus),
        round(allocatable(host.memory, group.reserve_memory, group.overcommit_memory)),
    )
