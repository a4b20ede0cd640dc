"""What a host has to give to instances: how much of it may be promised."""

from __future__ import annotations

from typing import NamedTuple

from containers.placement import allocatable
from hosts.models import Host, HostGroup


class Offered(NamedTuple):
    cpus: float
    memory: int  # bytes


NOTHING = Offered(0.0, 0)
ALONE = HostGroup()  # without a group the rules that a new one has


def of_host(host: Host) -> Offered:
    return of(host.role_run, host.state, host.cpus, host.memory, host.group)


def of(runs: bool, state: str, cpus: int, memory: int, group: HostGroup | None) -> Offered:
    """By the rules of its group; also while it is cordoned, drained or away for a moment. Nothing of one that runs no services."""
    if not runs or state in {Host.State.NEW, Host.State.RETIRED} or not (cpus and memory):
        return NOTHING
    rules = group or ALONE
    return Offered(
        allocatable(cpus, rules.reserve_cpus, rules.overcommit_cpus),
        round(allocatable(memory, rules.reserve_memory, rules.overcommit_memory)),
    )
