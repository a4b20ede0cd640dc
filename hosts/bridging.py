"""The machine's address moves from its NIC to a bridge: what is done, what undoes it, what keeps it. Pure texts.

The live change is one script that runs detached on the machine: it waits for a sign that the platform reached the machine
again, and puts everything back by itself if none comes.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

WAIT = 60  # seconds in which the platform has to come back
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,14}")


@dataclass(frozen=True)
class Nic:
    """What stands on a NIC: `10.1.2.3/24`s, and its routes as `ip route` prints them without the device."""

    name: str
    mac: str
    addresses: tuple[str, ...]
    routes: tuple[str, ...]

    @property
    def gateway(self) -> str:
        """Of its default route; empty without one."""
        for route in self.routes:
            words = route.split()
            if words[:2] == ["default", "via"]:
                return words[2]
        return ""


def nic_of(address: str, links: Sequence[Mapping[str, Any]], routes_of: Mapping[str, Sequence[str]]) -> Nic | None:
    """The interface that holds the address, from `ip -j -4 address` and the lines of `ip -4 route show dev`."""
    for link in links:
        info = [one for one in link.get("addr_info", []) if one.get("family") == "inet"]
        if address in {one.get("local") for one in info}:
            name = str(link["ifname"])
            every = tuple(f"{one['local']}/{one['prefixlen']}" for one in info)
            return Nic(name, str(link.get("address", "")), every, tuple(routes_of.get(name, ())))
    return None


def live_script(nic: Nic, bridge: str, folder: str, wait: int = WAIT) -> str:
    """Moves the addresses, waits for FOLDER/ok, and moves them back if it does not come. Says in FOLDER/state how it went."""
    kept = [route for route in nic.routes if " proto kernel " not in f" {route} "]
    name, bridge, folder = shlex.quote(nic.name), shlex.quote(bridge), shlex.quote(folder)

    def moved(source: str, target: str) -> list[str]:
        return [
            *(f"ip address del {one} dev {source} 2>/dev/null" for one in nic.addresses),
            *(f"ip address add {one} dev {target} 2>/dev/null" for one in nic.addresses),
            # Later: taking the address away took its routes with it.
            *(f"ip route replace {_onlink(route)} dev {target}" for route in kept),
        ]

    undo = [
        f"ip link set {name} nomaster",
        *moved(bridge, name),
        f"ip link set {bridge} down",
        f"ip link delete {bridge}",
        f"echo undone >{folder}/state",
    ]
    mac = f" address {shlex.quote(nic.mac)}" if nic.mac else ""
    return "\n".join(
        [
            "exec </dev/null >>" + folder + "/log 2>&1",
            "set -x",
            "undo() {",
            *(f"  {line}" for line in undo),
            "}",
            # With the NIC's MAC, neighbours find the address where it was.
            f"ip link add {bridge}{mac} type bridge forward_delay 0 || {{ echo failed >{folder}/state; exit 1; }}",
            f"ip link set {bridge} up && ip link set {name} master {bridge} || {{ undo; exit 1; }}",
            *moved(name, bridge),
            f"ip link set {name} up",
            f"echo moved >{folder}/state",
            f"n=0; while [ $n -lt {wait} ]; do [ -e {folder}/ok ] && exit 0; sleep 1; n=$((n + 1)); done",
            "undo",
            "",
        ]
    )


def _onlink(route: str) -> str:
    words = [word for word in route.split() if word not in {"linkdown", "dead"}]
    return " ".join(words)


def networkd(nic: Nic, bridge: str, dns: Sequence[str] = ()) -> dict[str, str]:
    """systemd-networkd's files: path → text. They sort before what is there."""
    folder = "/etc/systemd/network"
    gateway = [f"Gateway={nic.gateway}"] if nic.gateway else []
    lines = [*(f"Address={one}" for one in nic.addresses), *gateway, *(f"DNS={one}" for one in dns)]
    mac = f"MACAddress={nic.mac}\n" if nic.mac else ""
    head = "# Written by xqplatform: the machine's address is on the bridge.\n"
    return {
        f"{folder}/05-xqplatform-{bridge}.netdev": f"{head}[NetDev]\nName={bridge}\nKind=bridge\n{mac}\n[Bridge]\nForwardDelaySec=0\n",
        f"{folder}/05-xqplatform-{bridge}.network": f"{head}[Match]\nName={bridge}\n\n[Network]\n" + "\n".join(lines) + "\n",
        f"{folder}/05-xqplatform-{nic.name}.network": f"{head}[Match]\nName={nic.name}\n\n[Network]\nBridge={bridge}\nLinkLocalAddressing=no\n",
    }  # fmt: skip


def ifupdown(text: str, nic: Nic, bridge: str) -> str:
    """/etc/network/interfaces with the NIC's IPv4 stanza given to the bridge. Raises ValueError if it has none."""
    out: list[str] = []
    ours: list[str] = []
    inside = found = False
    for line in text.splitlines():
        words = line.split()
        starts = bool(words) and words[0] in {"iface", "auto", "mapping", "source", "source-directory", "rename"}
        starts = starts or (bool(words) and words[0].startswith("allow-"))
        if starts:
            inside = words[0] == "iface" and words[1:3] == [nic.name, "inet"]
            if inside:
                found = True
                out.append(f"iface {nic.name} inet manual")
                ours.append(f"auto {bridge}")
                ours.append(f"iface {bridge} inet {' '.join(words[3:]) or 'static'}")
                continue
        if inside and words and not words[0].startswith("#"):
            ours.append(line)
        else:
            out.append(line)
    if not found:
        raise ValueError(_("/etc/network/interfaces says nothing of %(nic)s.") % {"nic": nic.name})
    more = [f"    bridge_ports {nic.name}", "    bridge_fd 0", "    bridge_stp off"]
    if nic.mac:
        more.append(f"    bridge_hw {nic.mac}")
    return (
        "\n".join([*out, "", "# Written by xqplatform: the machine's address is on the bridge.", *ours, *more]) + "\n"
    )
