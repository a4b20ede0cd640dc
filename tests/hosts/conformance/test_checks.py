"""Each check: what passes, what fails, and that nothing passes without having been read."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hosts.conformance.check import Reading
from hosts.conformance.checks import BY_SLUG, CHECKS, of
from hosts.conformance.models import Profile, built_in
from tests.hosts.conformance.samples import MODULES, NOW, OUTPUTS, SLUGS, facts, good

RUN = built_in("run")


def changed(path: str, value: Any) -> dict[str, Any]:
    """Good facts with one value changed; `...` takes it away."""
    found = copy.deepcopy(good())
    *way, last = path.split("/")
    here: Any = found
    for name in way:
        here = here.setdefault(name, {})
    if value is ...:
        here.pop(last, None)
    else:
        here[last] = value
    return found


def test_there_is_a_check_for_everything_the_practice_names() -> None:
    assert set(SLUGS) == {
        "ip_forward", "daemon_iptables", "daemon_ip_forward", "daemon_ip_masq", "daemon_bridge", "live_restore", "log_rotation",
        "default_ulimits", "docker0", "bridge_address", "bridge_nf", "netfilter_modules", "conntrack", "retransmissions",
        "promiscuous", "drops", "data_root", "filesystem", "storage_driver", "free_space", "inodes", "swap", "clock", "engine_age",
        "certificate", "cgroups", "identity",
    }  # fmt: skip
    assert len({check.slug for check in CHECKS}) == len(CHECKS)


@pytest.mark.parametrize("slug", SLUGS)
def test_it_passes_on_a_host_in_shape(slug: str) -> None:
    verdict = BY_SLUG[slug].evaluate(good(), RUN)
    assert verdict.state == "passes", verdict
    assert verdict.evidence
    assert verdict.words
    assert BY_SLUG[slug].propose(good(), RUN) is None


@pytest.mark.parametrize("slug", SLUGS)
def test_it_says_why_it_matters_in_two_sentences(slug: str) -> None:
    why = str(BY_SLUG[slug].why)
    assert why.count(". ") == 1, why
    assert why.endswith(".")
    assert BY_SLUG[slug].short


@pytest.mark.parametrize("slug", SLUGS)
def test_without_a_section_that_it_reads_it_cannot_tell(slug: str) -> None:
    check = BY_SLUG[slug]
    assert check.evaluate({}, RUN).state == "unknown"
    assert check.evaluate({"source": "ssh"}, RUN).state == "unknown"
    read = Reading(good())
    check.judge(read, RUN)
    # Those that only make the evidence richer, or say more precisely what another section says as well.
    extra = {"ssh_address", "daemon_path", "daemon_error"}
    if slug == "cgroups":
        extra |= {"swaps", "cgroup", "engine"}  # each of the last two tells alone
    for section in read.needed - extra - ({"clock"} if slug == "clock" else set()):
        lacking = {name: value for name, value in good().items() if name != section}
        verdict = check.evaluate(lacking, RUN)
        if section == "arguments" or (slug, section) in {
            ("filesystem", "engine"),
            ("docker0", "addresses"),
            ("bridge_address", "host"),
        }:
            continue  # the file alone may decide
        assert verdict.state == "unknown", (section, verdict)


@pytest.mark.parametrize(
    ("slug", "path", "value"),
    [
        ("ip_forward", "sysctl/net.ipv4.ip_forward", "1"),
        ("daemon_iptables", "daemon/iptables", True),
        ("daemon_iptables", "daemon/iptables", ...),
        ("daemon_ip_forward", "daemon/ip-forward", True),
        ("daemon_ip_masq", "daemon/ip-masq", ...),
        ("daemon_bridge", "daemon/bridge", ...),
        ("daemon_bridge", "daemon/bridge", "br1"),
        ("live_restore", "engine/LiveRestoreEnabled", False),
        ("log_rotation", "daemon/log-opts", ...),
        ("log_rotation", "daemon/log-opts", {"max-size": "-1"}),
        ("default_ulimits", "daemon/default-ulimits", ...),
        ("default_ulimits", "daemon/default-ulimits", {"nofile": {"Hard": 1024}}),
        ("docker0", "links/docker0", {"flags": [], "kind": "bridge"}),
        ("bridge_address", "links/br0", ...),
        ("bridge_address", "addresses", {"eth0": ["10.213.3.11/24"]}),
        ("bridge_nf", "bridge_filter", True),
        ("netfilter_modules", "modules", {"loaded": ["ext4", "nf_conntrack"]}),
        ("netfilter_modules", "blacklist", ["nf_conntrack"]),
        ("netfilter_modules", "modules", {"loaded": None, "built_in": ["ip_tables"]}),
        ("conntrack", "sysctl", {"net.netfilter.nf_conntrack_count": "800", "net.netfilter.nf_conntrack_max": "1000"}),
        ("retransmissions", "tcp", {"OutSegs": 1_100_000, "RetransSegs": 3000}),
        ("promiscuous", "links/eth1", {"flags": ["UP", "PROMISC"], "promiscuity": 1, "port": False}),
        ("promiscuous", "links/eth0/flags", ["UP", "PROMISC"]),
        ("promiscuous", "links/br0/promiscuity", 1),
        ("promiscuous", "links/eth0/promiscuity", 2),
        ("drops", "links/eth0/drops", 50),
        ("data_root", "engine/DockerRootDir", "/data/docker"),
        ("filesystem", "space/type", "btrfs"),
        ("filesystem", "engine/DriverStatus", [["Supports d_type", "false"]]),
        ("storage_driver", "engine/Driver", "vfs"),
        ("free_space", "space/free", 1 << 20),
        ("inodes", "space/inodes_free", 10),
        ("swap", "swaps", ["/dev/vda2"]),
        ("clock", "clock", {"low": 1.5, "high": 1.7}),
        ("clock", "clock", {"low": -9, "high": -3}),
        ("engine_age", "engine/ServerVersion", "18.06.3-ce"),
        ("engine_age", "engine/ServerVersion", "19.03.15"),
        ("engine_age", "engine/ServerVersion", "27.0.3"),
        ("certificate", "certificates/server", NOW + 86400),
        ("certificate", "certificates/client", NOW - 86400),
        ("cgroups", "engine/MemoryLimit", False),
        ("identity", "fleet/engine_ids", {"AAAA:BBBB": ["h2"]}),
        ("identity", "fleet/machine_ids", {good()["machine_id"]: ["h2"]}),
    ],
)  # fmt: skip
def test_it_fails(slug: str, path: str, value: Any) -> None:
    found = changed(path, value)
    if slug == "bridge_nf":
        found["sysctl"]["net.bridge.bridge-nf-call-iptables"] = "1"
    verdict = BY_SLUG[slug].evaluate(found, RUN)
    assert verdict.state == "fails", verdict
    assert verdict.evidence
    assert verdict.words


@pytest.mark.parametrize(
    ("slug", "path", "value"),
    [
        ("conntrack", "modules", {"loaded": ["nf_conntrack"]}),  # loaded, yet its figures were not seen
        ("retransmissions", "before", ...),
        ("retransmissions", "before/tcp", {"OutSegs": 3_000_000, "RetransSegs": 0}),  # started again
        ("drops", "before", ...),
        ("identity", "machine_id", ...),
        ("certificate", "certificates/server", ...),
        ("daemon_iptables", "daemon_error", "no JSON"),
        ("engine_age", "engine/ServerVersion", "dev"),
    ],
)
def test_it_cannot_tell(slug: str, path: str, value: Any) -> None:
    assert BY_SLUG[slug].evaluate(changed(path, value), RUN).state == "unknown"


def test_a_build_host_needs_forwarding_and_may_have_the_filter() -> None:
    build = built_in("build")
    assert BY_SLUG["ip_forward"].evaluate(good(), build).state == "fails"
    assert BY_SLUG["ip_forward"].evaluate(changed("sysctl/net.ipv4.ip_forward", "1"), build).state == "passes"
    assert "netfilter_modules" not in [check.slug for check in of(build)]


def test_a_profile_switches_checks_off_and_moves_limits() -> None:
    profile = Profile(role="run", daemon=RUN.daemon, off=["swap"], thresholds={"free_percent": 99})
    assert "swap" not in [check.slug for check in of(profile)]
    assert BY_SLUG["free_space"].evaluate(good(), profile).state == "fails"


def test_flags_of_dockerd_count_as_the_file_does() -> None:
    found = changed("daemon/iptables", ...)
    found["arguments"] = [
        "--iptables=false",
        "--bridge",
        "none",
        "--log-opt",
        "max-size=10m",
        "--default-ulimit=nofile=70000:70000",
    ]
    for key in ("bridge", "log-opts", "default-ulimits"):
        del found["daemon"][key]
    for slug in ("daemon_iptables", "daemon_bridge", "log_rotation", "default_ulimits"):
        assert BY_SLUG[slug].evaluate(found, RUN).state == "passes", slug
    found["arguments"] = ["--iptables"]
    fix = BY_SLUG["daemon_iptables"].propose(found, RUN)
    assert fix is not None
    assert "--iptables" in fix.words  # the same setting in both places keeps dockerd from starting


def test_a_file_alone_does_not_tell_while_flags_are_unknown() -> None:
    found = changed("daemon/iptables", ...)
    del found["arguments"]
    assert BY_SLUG["daemon_iptables"].evaluate(found, RUN).state == "unknown"
    assert BY_SLUG["daemon_bridge"].evaluate(found, RUN).state == "passes"


def test_forwarding_is_put_right_now_and_for_the_next_start() -> None:
    found = changed("sysctl/net.ipv4.ip_forward", "1")
    found["files"]["/etc/sysctl.d/90-xqplatform.conf"] = "# Ours\nvm.swappiness = 0\nnet.ipv4.ip_forward=1\n"
    fix = BY_SLUG["ip_forward"].propose(found, RUN)
    assert fix is not None
    assert fix.commands == (("sysctl", "-w", "net.ipv4.ip_forward=0"),)
    assert fix.undo_commands == (("sysctl", "-w", "net.ipv4.ip_forward=1"),)
    assert fix.files == (("/etc/sysctl.d/90-xqplatform.conf", "# Ours\nvm.swappiness = 0\nnet.ipv4.ip_forward = 0\n"),)
    assert fix.can_undo


def test_the_packet_filters_modules_are_taken_out_and_barred() -> None:
    """A namespace cannot unload modules: this is the edge, on Debian's real list of modules."""
    found: dict[str, Any] = {**good(), "modules": facts(modules=MODULES, tables="")["modules"]}
    check = BY_SLUG["netfilter_modules"]
    assert check.evaluate(found, RUN).state == "fails"
    fix = check.propose(found, RUN)
    assert fix is not None
    (unload,) = fix.commands
    assert unload[:2] == ("modprobe", "-r")
    assert {"nf_conntrack", "br_netfilter", "nft_compat"} <= set(unload)
    for module, users in found["modules"]["users"].items():
        for user in users:
            if module in unload:
                assert unload.index(user) < unload.index(module), "what uses a module goes before it"
    assert not {"bridge", "overlay", "ext4"} & set(unload)
    ((path, text),) = fix.files
    assert path == "/etc/modprobe.d/xqplatform.conf"
    assert "install nf_conntrack /bin/true" in text


def test_docker0_goes_only_when_the_engine_would_not_make_it_again() -> None:
    found = changed("links/docker0", {"flags": [], "kind": "bridge"})
    fix = BY_SLUG["docker0"].propose(found, RUN)
    assert fix is not None
    assert fix.commands == (("ip", "link", "delete", "docker0"),)
    assert not fix.by_hand
    found["links"]["veth1"] = {"master": "docker0"}
    assert BY_SLUG["docker0"].propose(found, RUN).by_hand  # type: ignore[union-attr]
    del found["links"]["veth1"]
    del found["daemon"]["bridge"]
    assert BY_SLUG["docker0"].propose(found, RUN).by_hand  # type: ignore[union-attr]


def test_moving_the_machines_address_is_shown_and_never_done() -> None:
    found = changed("addresses", {"eth0": ["10.213.3.11/24"]})
    found["routes"] = ["eth0"]
    fix = BY_SLUG["bridge_address"].propose(found, RUN)
    assert fix is not None
    assert fix.by_hand
    assert ("ip", "link", "set", "eth0", "master", "br0") in fix.commands


def test_daemon_settings_are_applied_by_their_own_operation() -> None:
    fix = BY_SLUG["daemon_bridge"].propose(changed("daemon/bridge", ...), RUN)
    assert fix is not None
    assert fix.operation == "daemon.apply"
    assert '"bridge": "none"' in fix.files[0][1]
    assert '"tlsverify": true' in fix.files[0][1]  # what is not ours stays


@pytest.mark.parametrize("name", OUTPUTS)
@pytest.mark.parametrize("role", ["run", "build", "registry"])
def test_real_outputs_are_judged_and_answered_without_a_fault(name: str, role: str) -> None:
    for check in CHECKS:
        check.evaluate(facts(name), built_in(role))
        check.propose(facts(name), built_in(role))


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40)
@given(st.data())
def test_no_facts_make_a_check_raise(data: st.DataObject) -> None:
    found = copy.deepcopy(good())
    for _ in range(data.draw(st.integers(1, 5))):
        here: Any = found
        while True:
            name = data.draw(st.sampled_from(sorted(here)))
            if isinstance(here[name], dict) and here[name] and data.draw(st.booleans()):
                here = here[name]
                continue
            if data.draw(st.booleans()):
                del here[name]
            else:
                here[name] = data.draw(junk)
            break
        if not found:
            break
    for check in CHECKS:
        assert check.evaluate(found, RUN).state in {"passes", "fails", "unknown"}
        check.propose(found, RUN)


@settings(max_examples=40)
@given(st.dictionaries(st.sampled_from(sorted(good())), junk, max_size=8))
def test_junk_never_passes_what_it_does_not_show(found: dict[str, Any]) -> None:
    for check in CHECKS:
        verdict = check.evaluate(found, RUN)
        check.propose(found, RUN)
        assert verdict.state != "passes" or found
