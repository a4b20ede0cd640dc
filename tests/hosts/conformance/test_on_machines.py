"""Conformance of real test hosts: read over SSH or by a helper, put right, taken back, undone when it fails half-way.

Sysctls, links, files and ids are the hosts' own (a namespace each). Loading and unloading modules is not: the kernel is
shared, so that is tested at the edge, in test_checks.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from hosts import operation_runner, watch
from hosts.conformance import checks, repair, store
from hosts.conformance.check import Fix
from hosts.models import Host, HostFacts, HostOperation
from hosts.services import conformance
from tests.engines.fleet import Fleet, FleetHost
from tests.engines.machine import run
from tests.hosts.test_on_engines import connect

pytestmark = [pytest.mark.engine, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def member(clean_fleet: Fleet) -> Iterator[FleetHost]:
    """A host whose network settings are as they were afterwards."""
    host = clean_fleet.hosts[0]
    before = {key: sysctl(host, key) for key in ("net.ipv4.ip_forward", "net.bridge.bridge-nf-call-iptables")}
    yield host
    for key, value in before.items():
        if value:
            run(*host.enter("sysctl", "-qw", f"{key}={value}"))
    run(*host.enter("ip", "link", "set", "dev", "br0", "promisc", "off"))
    run(*host.enter("sh", "-c", "ip link delete docker0 2>/dev/null || true"))
    watch.WATCH.stop()


def sysctl(host: FleetHost, key: str) -> str:
    return run(*host.enter("sh", "-c", f"sysctl -n {key} 2>/dev/null || true")).strip()


def reachable(host: FleetHost) -> Host:
    row = connect(host)
    host.ssh.access(row)
    return row


def verdict(row: Host, slug: str) -> tuple[str, str]:
    assert store.read_host(row.pk)
    found = row.check_results.get(check_slug=slug)
    return found.state, found.evidence


def carry_out(operation: HostOperation) -> HostOperation:
    assert operation_runner.execute(operation.pk)
    operation.refresh_from_db()
    return operation


def test_a_machine_is_read_over_ssh_and_its_twin_is_noticed(clean_fleet: Fleet, member: FleetHost) -> None:
    row, other = reachable(member), reachable(clean_fleet.hosts[1])
    assert store.read_host(row.pk)
    facts = HostFacts.objects.get(host=row)
    assert (facts.facts["source"], facts.note) == ("ssh", "")
    assert facts.facts["engine"]["ID"] == row.engine_id
    states = dict(row.check_results.values_list("check_slug", "state"))
    for slug in (
        "docker0",
        "daemon_iptables",
        "daemon_bridge",
        "live_restore",
        "bridge_address",
        "clock",
        "free_space",
    ):
        assert states[slug] == "passes", row.check_results.get(check_slug=slug).evidence
    assert states["data_root"] == "fails"
    assert states["log_rotation"] == "fails"
    # One kernel under all test hosts: its filter is built in, and /etc/machine-id is the same file.
    assert states["netfilter_modules"] == "fails"
    assert verdict(other, "identity")[0] == "fails"
    assert row.name in other.check_results.get(check_slug="identity").words


def test_forwarding_is_put_right_on_the_machine_and_taken_back(member: FleetHost, actor_sre: Any) -> None:
    run(*member.enter("sysctl", "-qw", "net.ipv4.ip_forward=1"))
    row = reachable(member)
    assert verdict(row, "ip_forward") == ("fails", "net.ipv4.ip_forward = 1")
    done = carry_out(conformance.apply_fix(actor_sre, row, "ip_forward", "spikes"))
    assert done.state == "succeeded", done.words
    assert sysctl(member, "net.ipv4.ip_forward") == "0"
    file = member.etc / "sysctl.d/90-xqplatform.conf"
    assert "net.ipv4.ip_forward = 0" in file.read_text()
    assert row.check_results.get(check_slug="ip_forward").state == "passes"
    back = carry_out(conformance.undo_fix(actor_sre, done))
    assert back.state == "succeeded", back.words
    assert sysctl(member, "net.ipv4.ip_forward") == "1"
    assert not file.exists()
    assert row.check_results.get(check_slug="ip_forward").state == "fails"


def test_the_bridges_filter_and_a_promiscuous_card_and_docker0_are_put_right(member: FleetHost, actor_sre: Any) -> None:
    row = reachable(member)
    run(*member.enter("ip", "link", "set", "dev", "br0", "promisc", "on"))
    run(*member.enter("sh", "-c", "ip link add name docker0 type bridge && ip addr add 172.31.255.1/24 dev docker0"))
    slugs = ["promiscuous", "docker0"]
    if sysctl(member, "net.bridge.bridge-nf-call-iptables"):
        run(*member.enter("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=1"))
        slugs.append("bridge_nf")
    assert store.read_host(row.pk)
    for slug in slugs:
        assert row.check_results.get(check_slug=slug).state == "fails", slug
        done = carry_out(conformance.apply_fix(actor_sre, row, slug))
        assert done.state == "succeeded", done.words
        assert row.check_results.get(check_slug=slug).state == "passes", slug
    assert "PROMISC" not in run(*member.enter("ip", "link", "show", "br0"))
    back = carry_out(conformance.undo_fix(actor_sre, conformance.last_fixes(row)["docker0"]))
    assert back.state == "succeeded", back.words
    assert "172.31.255.1/24" in run(*member.enter("ip", "-o", "addr", "show", "dev", "docker0"))


@pytest.mark.parametrize("commands", [(("false",),), ()], ids=["a command fails", "the check still fails"])
def test_a_fix_that_fails_half_way_is_undone(
    member: FleetHost, actor_sre: Any, monkeypatch: pytest.MonkeyPatch, commands: tuple[tuple[str, ...], ...]
) -> None:
    run(*member.enter("sysctl", "-qw", "net.ipv4.ip_forward=1"))
    row = reachable(member)
    assert verdict(row, "ip_forward")[0] == "fails"
    real = checks.BY_SLUG["ip_forward"]

    def half(read: Any, profile: Any) -> Fix:
        assert real.fix
        found = real.fix(read, profile)
        assert found
        first = found.commands if commands else (("sysctl", "-w", "net.ipv4.conf.all.forwarding=1"),)
        return replace(found, commands=(*first, *commands))

    monkeypatch.setitem(repair.BY_SLUG, "ip_forward", replace(real, fix=half))
    failed = carry_out(conformance.apply_fix(actor_sre, row, "ip_forward"))
    assert failed.state == "failed"
    assert "undone" in failed.words
    assert ("«false» failed" in failed.words) if commands else ("still does not pass" in failed.words)
    assert sysctl(member, "net.ipv4.ip_forward") == "1"
    assert not (member.etc / "sysctl.d/90-xqplatform.conf").exists()
    assert row.check_results.get(check_slug="ip_forward").state == "fails"
    assert conformance.last_fixes(row) == {}


def test_without_ssh_the_engine_and_a_helper_tell_what_they_can(member: FleetHost) -> None:
    run(*member.enter("sysctl", "-qw", "net.ipv4.ip_forward=1"))
    row = connect(member)
    assert verdict(row, "ip_forward") == ("fails", "net.ipv4.ip_forward = 1")
    states = dict(row.check_results.values_list("check_slug", "state"))
    for slug in (
        "docker0",
        "bridge_address",
        "free_space",
        "inodes",
        "swap",
        "live_restore",
        "storage_driver",
        "cgroups",
    ):
        assert states[slug] == "passes", row.check_results.get(check_slug=slug).words
    for slug in ("daemon_iptables", "log_rotation", "default_ulimits", "identity"):
        assert states[slug] == "unknown"
        assert "SSH" in row.check_results.get(check_slug=slug).words
    assert "SSH" in HostFacts.objects.get(host=row).note
    found = conformance.preview_fix(row, "ip_forward")
    assert found is None or found.blocked  # what its file holds is not known without SSH
