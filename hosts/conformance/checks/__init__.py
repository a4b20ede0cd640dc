"""All checks, one file each, in the order in which pages show them."""

from __future__ import annotations

from hosts.conformance.check import Check
from hosts.conformance.checks import (
    alone,
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
    pinned,
    pool,
    pool_driver,
    pool_space,
    privileged,
    project,
    promiscuous,
    retransmissions,
    server_bridge,
    server_certificate,
    server_version,
    server_warnings,
    storage_driver,
    swap,
    trust,
)  # fmt: skip
from hosts.conformance.models import Profile
from hosts.runtimes import ENGINE

CHECKS: tuple[Check, ...] = tuple(
    module.CHECK
    for module in (
        ip_forward, bridge_address, docker0, bridge_nf, netfilter_modules, conntrack, promiscuous, drops, retransmissions,
        daemon_iptables, daemon_ip_forward, daemon_ip_masq, daemon_bridge, live_restore, log_rotation, default_ulimits,
        engine_age, certificate, data_root, filesystem, storage_driver, free_space, inodes, swap, cgroups, clock, identity,
        pool, pool_driver, pool_space, server_bridge, privileged, project, server_version, pinned, trust, server_certificate, alone,
        server_warnings,
    )
)  # fmt: skip
BY_SLUG = {check.slug: check for check in CHECKS}


def of(profile: Profile, family: str = ENGINE) -> list[Check]:
    """The checks that count for hosts of a profile; `family`: `Traits.checks` of their runtime."""
    return [
        check
        for check in CHECKS
        if profile.role in check.roles and family in check.families and check.slug not in profile.off
    ]
