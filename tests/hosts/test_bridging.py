"""The machine's address moves to the bridge: the texts for it, and a live move in a namespace of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from hosts import bridging
from hosts.bridging import Nic
from tests.engines.machine import wait_for

NIC = Nic(
    "ens3", "02:00:00:00:00:07", ("10.1.2.3/24", "10.1.2.9/24"),
    ("default via 10.1.2.1 proto static", "10.1.2.0/24 proto kernel scope link src 10.1.2.3", "10.9.0.0/16 via 10.1.2.254"),
)  # fmt: skip
INTERFACES = """\
source /etc/network/interfaces.d/*
auto lo
iface lo inet loopback
# the office's network
allow-hotplug ens3
iface ens3 inet static
    address 10.1.2.3/24
    gateway 10.1.2.1
    # by the provider
iface ens3 inet6 auto
"""


def test_the_nic_is_found_by_the_address() -> None:
    links = [
        {"ifname": "lo", "addr_info": [{"family": "inet", "local": "127.0.0.1", "prefixlen": 8}]},
        {"ifname": "ens3", "address": "02:00:00:00:00:07", "addr_info": [{"family": "inet", "local": "10.1.2.3", "prefixlen": 24}]},
    ]  # fmt: skip
    nic = bridging.nic_of("10.1.2.3", links, {"ens3": ["default via 10.1.2.1"]})
    assert nic == Nic("ens3", "02:00:00:00:00:07", ("10.1.2.3/24",), ("default via 10.1.2.1",))
    assert nic.gateway == "10.1.2.1"
    assert bridging.nic_of("10.1.2.4", links, {}) is None


def test_networkd_gets_the_whole_of_it() -> None:
    files = bridging.networkd(NIC, "br0", ["10.1.2.53"])
    text = "\n".join(files.values())
    assert sorted(Path(path).suffix for path in files) == [".netdev", ".network", ".network"]
    for part in (
        "Address=10.1.2.3/24",
        "Address=10.1.2.9/24",
        "Gateway=10.1.2.1",
        "DNS=10.1.2.53",
        "Bridge=br0",
        "MACAddress=02:00:00:00:00:07",
    ):
        assert part in text


def test_ifupdown_keeps_every_other_line() -> None:
    new = bridging.ifupdown(INTERFACES, NIC, "br0")
    assert "iface ens3 inet manual\n" in new
    assert "auto br0\niface br0 inet static\n    address 10.1.2.3/24\n    gateway 10.1.2.1\n" in new
    assert "bridge_ports ens3" in new
    for line in (
        "source /etc/network/interfaces.d/*",
        "iface lo inet loopback",
        "# the office's network",
        "iface ens3 inet6 auto",
    ):
        assert line in new
    with pytest.raises(ValueError, match="ens9"):
        bridging.ifupdown(INTERFACES, Nic("ens9", "", (), ()), "br0")


@pytest.fixture
def space() -> Iterator[str]:
    """A namespace with a NIC that holds 10.1.2.3/24, as a bare machine has it."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("needs root and ip")
    name = f"xqb-{uuid.uuid4().hex[:8]}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False)
    if made.returncode:
        pytest.skip("this machine lets nobody make network namespaces")
    try:
        inside(name, "ip", "link", "add", "ens3", "type", "veth", "peer", "name", "far")
        inside(name, "ip", "link", "set", "far", "up")
        inside(name, "ip", "link", "set", "ens3", "up")
        inside(name, "ip", "address", "add", "10.1.2.3/24", "dev", "ens3")
        inside(name, "ip", "route", "add", "default", "via", "10.1.2.1")
        yield name
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=False)


def inside(name: str, *words: str) -> str:
    done = subprocess.run(
        ["nsenter", f"--net=/run/netns/{name}", *words], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def holder(name: str) -> str:
    lines = inside(name, "ip", "-o", "-4", "address", "show").splitlines()
    return next((line.split()[1] for line in lines if "10.1.2.3/" in line), "")


def begin(name: str, folder: Path, wait: int) -> subprocess.Popen[bytes]:
    nic = Nic("ens3", "", ("10.1.2.3/24",), ("default via 10.1.2.1",))
    script = bridging.live_script(nic, "br0", str(folder), wait)
    return subprocess.Popen(["nsenter", f"--net=/run/netns/{name}", "sh", "-c", script])


def state(folder: Path) -> str:
    path = folder / "state"
    return path.read_text().strip() if path.exists() else ""


def test_the_address_stays_on_the_bridge_when_the_platform_comes_back(space: str, tmp_path: Path) -> None:
    running = begin(space, tmp_path, 60)
    wait_for("it moved", lambda: state(tmp_path) == "moved")
    assert holder(space) == "br0"
    assert "default via 10.1.2.1 dev br0" in inside(space, "ip", "route")
    (tmp_path / "ok").touch()
    assert running.wait(60) == 0
    assert holder(space) == "br0"


def test_the_machine_puts_its_network_back_when_nobody_comes(space: str, tmp_path: Path) -> None:
    running = begin(space, tmp_path, 1)
    wait_for("it is undone", lambda: state(tmp_path) == "undone")
    running.wait(60)
    assert holder(space) == "ens3"
    assert "default via 10.1.2.1 dev ens3" in inside(space, "ip", "route")
    assert "br0" not in inside(space, "ip", "link")
