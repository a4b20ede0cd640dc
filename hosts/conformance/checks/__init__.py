"""All checks, one file each, in the order in which pages show them."""

from __future__ import annotations

from hosts.conformance.check import Check
from hosts.conformance.checks import (
    bridge_address,
    bridge_nf,
    certificate,
    cgroups,
    clock,
    conntrack,
    daemon_bridge,
    daemon_ip_forward,
    daemon_ip_masq,
    daemon_iptables,
    data_root,
    default_ulimits,
    docker0,
    drops,
    engine_age,
    filesystem,
    free_space,
    identity,
    inodes,
    ip_forward,
    live_restore,
    log_rotation,
    netfilter_modules,
    promiscuous,
    retransmissions,
    storage_driver,
    swap,
)  # fmt: skip
from hosts.conformance.models import Profile

CHECKS: tuple[Check, ...] = tuple(
    module.CHECK
    for module in (
        ip_forward, bridge_address, docker0, bridge_nf, netfilter_modules, conntrack, promiscuous, drops, retransmissions,
        daemon_iptables, daemon_ip_forward, daemon_ip_masq, daemon_bridge, live_restore, log_rotation, default_ulimits,
        engine_age, certificate, data_root, filesystem, storage_driver, free_space, inodes, swap, cgroups, clock, identity,
    )
)  # fmt: skip
BY_SLUG = {check.slug: check for check in CHECKS}


def of(profile: Profile) -> list[Check]:
    """The checks that count for hosts of a profile."""
    return [check for check in CHECKS if profile.role in check.roles and check.slug not in profile.off]
