"""What real machines say is read; what is not there is left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosts.conformance.facts import counters, parse, sections, without_secrets
from tests.hosts.conformance.samples import MODULES, OUTPUTS, facts, output


@pytest.mark.parametrize("name", OUTPUTS)
def test_every_recorded_output_tells_of_network_kernel_and_space(name: str) -> None:
    read = facts(name)
    assert set(read) >= {
        "sysctl",
        "tcp",
        "links",
        "addresses",
        "routes",
        "modules",
        "swaps",
        "kernel",
        "cgroup",
        "space",
    }
    assert read["tcp"]["OutSegs"] > 0
    assert "lo" in read["links"]
    assert read["space"]["total"] > read["space"]["free"] > 0
    assert all({"flags", "packets", "drops"} <= set(link) for link in read["links"].values())


@pytest.mark.parametrize("name", ["gnu-cgroup1", "gnu-cgroup2", "busybox-cgroup1"])
def test_over_ssh_the_engines_own_settings_are_read(name: str) -> None:
    read = facts(name)
    assert read["daemon"]["live-restore"] is True
    assert read["arguments"][0] == "--config-file"
    assert read["daemon_path"].endswith("/daemon.json")
    assert read["certificates"]["server"] > 0
    assert read["machine_id"]
    assert read["files"] == {"/etc/sysctl.d/90-xqplatform.conf": None, "/etc/modprobe.d/xqplatform.conf": None}


def test_the_helper_tells_nothing_of_files_that_are_its_own() -> None:
    assert not {"daemon", "arguments", "machine_id", "blacklist", "files"} & set(facts("helper"))
    assert facts("helper")["space"]["type"] == "ext4"


def test_both_cgroup_versions_are_told_apart() -> None:
    assert facts("gnu-cgroup1")["cgroup"] == {"memory_enabled": True, "version": "1", "swap_accounting": True}
    # The recorded machine keeps memory in version 1: version 2 then has no controller for it.
    assert facts("gnu-cgroup2")["cgroup"] == {"memory_enabled": False, "version": "2", "swap_accounting": False}
    modern = facts(
        "gnu-cgroup2", controllers="cpuset cpu io memory pids", memsw="/sys/fs/cgroup/system.slice/memory.swap.max"
    )
    assert modern["cgroup"] == {"memory_enabled": True, "version": "2", "swap_accounting": True}


def test_a_bridges_port_is_known_with_and_without_details() -> None:
    assert facts("gnu-cgroup1")["links"]["eth0"] | {"packets": 0, "drops": 0} == {
        "flags": ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"], "promiscuity": 1, "master": "br0", "port": True, "kind": "veth",
        "packets": 0, "drops": 0,
    }  # fmt: skip
    assert facts("busybox-cgroup1")["links"]["eth0"]["port"] is True
    assert "promiscuity" not in facts("busybox-cgroup1")["links"]["eth0"]


def test_modules_are_read_where_the_kernel_has_them() -> None:
    assert facts()["modules"] == {"loaded": None, "built_in": ["ip_tables", "nf_conntrack"]}
    modules = facts(modules=MODULES, tables="")["modules"]
    assert {"nf_conntrack", "xt_conntrack", "br_netfilter"} <= set(modules["loaded"])
    assert modules["uses"]["nf_conntrack"] == 4
    assert modules["built_in"] == []


def test_a_blacklist_counts_both_ways_of_barring_a_module() -> None:
    text = (
        "read\nblacklist nf_conntrack\ninstall x-tables /bin/true\ninstall other /sbin/modprobe --ignore-install other"
    )
    assert facts(modprobe=text)["blacklist"] == ["nf_conntrack", "x_tables"]


def test_the_file_system_is_that_of_the_nearest_mount() -> None:
    mounts = "/dev/vda1 / ext4 rw 0 0\n/dev/vdb1 /var/lib/docker xfs rw 0 0\n/dev/vdc /var/lib/dockerish btrfs rw 0 0"
    space = parse(output("gnu-cgroup1", mounts=mounts), "ssh", root="/var/lib/docker")["space"]
    assert (space["type"], space["device"], space["mount"]) == ("xfs", "/dev/vdb1", "/var/lib/docker")
    assert parse(output("gnu-cgroup1", mounts=mounts), "ssh", root="/data/docker")["space"]["type"] == "ext4"


def test_a_broken_daemon_json_is_said_to_be_broken() -> None:
    read = facts(daemon='there\n{"bridge": "none",}')
    assert "daemon" not in read
    assert read["daemon_error"]
    assert facts(daemon="none")["daemon"] == {}
    assert "daemon" not in facts(daemon="closed")


@pytest.mark.parametrize(
    ("first", "last", "asked", "answered", "low", "high"),
    [
        ("1000000010.0", "1000000010.5", 1000000009.9, 1000000010.6, -0.1, 0.1),  # in step, within the round trip
        ("1000000013.0", "1000000013.5", 1000000009.9, 1000000010.6, 2.9, 3.1),  # three seconds ahead
        ("1000000010", "1000000010.%N", 1000000010.3, 1000000010.9, -0.9, 0.7),  # whole seconds tell less
    ],
)
def test_the_clock_is_bounded_by_the_round_trip(
    first: str, last: str, asked: float, answered: float, low: float, high: float
) -> None:
    clock = parse(output("gnu-cgroup1", date=first, end=last), "ssh", asked, answered)["clock"]
    assert (clock["low"], clock["high"]) == (pytest.approx(low, abs=0.01), pytest.approx(high, abs=0.01))


def test_passwords_in_urls_are_not_kept() -> None:
    file = {"proxies": {"http-proxy": "http://bob:secret@proxy:3128"}, "list": ["https://u:p@x/", 3]}
    assert without_secrets(file) == {"proxies": {"http-proxy": "http://***@proxy:3128"}, "list": ["https://***@x/", 3]}


def test_counters_are_what_rates_need() -> None:
    kept = counters(facts(), 5)
    assert kept["time"] == 5
    assert set(kept["links"]["br0"]) == {"packets", "drops"}


@given(st.text(alphabet="@xq \n=:0a1<>%{}[]\"'|-", max_size=400), st.sampled_from(["ssh", "engine"]))
def test_no_output_breaks_the_reader(text: str, source: str) -> None:
    assert parse(text, source)["source"] == source


@given(st.sampled_from(OUTPUTS), st.data())
def test_outputs_that_were_cut_off_or_garbled_break_nothing(name: str, data: st.DataObject) -> None:
    names = sorted(sections(output(name)))
    garbled = {
        one: data.draw(st.text(max_size=60))
        for one in data.draw(st.lists(st.sampled_from(names), max_size=4))
        if "/" not in one
    }
    text = output(name, **garbled)
    assert parse(text[: data.draw(st.integers(0, len(text)))], "ssh")["source"] == "ssh"
