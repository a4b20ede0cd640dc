"""Facts for tests: recorded real outputs of the script, and facts of a host on which every check passes.

`recorded/` holds what real machines said: `gnu-cgroup1`, `gnu-cgroup2` and `busybox-cgroup1` in the network namespaces of test
hosts (Debian 12 and busybox 1.35 tools), `plain-machine` beside them, `helper` from a helper container. Their kernel has no
loadable modules, and a namespace cannot have any: MODULES is /proc/modules as Debian 12 with Docker prints it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hosts.conformance.checks import CHECKS
from hosts.conformance.checks.netfilter_modules import BARRED
from hosts.conformance.facts import Facts, parse
from hosts.runtimes import ENGINE

FOLDER = Path(__file__).parent / "recorded"
OUTPUTS = tuple(sorted(path.stem for path in FOLDER.glob("*.txt")))
NOW = 1_795_919_000.0
MODULES = """loaded
xt_conntrack 1 -
nft_chain_nat 3 -
xt_MASQUERADE 1 -
nf_nat 2 nft_chain_nat,xt_MASQUERADE,
nf_conntrack_netlink 0 -
nf_conntrack 4 xt_conntrack,nf_nat,xt_MASQUERADE,nf_conntrack_netlink,
nf_defrag_ipv6 1 nf_conntrack,
nf_defrag_ipv4 1 nf_conntrack,
xfrm_user 1 -
xt_addrtype 2 -
nft_compat 4 -
nf_tables 57 nft_compat,nft_chain_nat,
x_tables 4 xt_conntrack,nft_compat,xt_MASQUERADE,xt_addrtype,
br_netfilter 0 -
bridge 1 br_netfilter,
stp 1 bridge,
overlay 0 -
ext4 1 -
virtio_net 0 -"""


def output(name: str, **replaced: str) -> str:
    """A recorded output, sections replaced by other texts."""
    text = (FOLDER / f"{name}.txt").read_text()
    for section, content in replaced.items():
        text = re.sub(
            rf"(?ms)^@@xq {section}\n.*?(?=^@@xq |\Z)", lambda _m, s=section, c=content: f"@@xq {s}\n{c}\n\n", text
        )
    return text


def facts(name: str = "gnu-cgroup1", **replaced: str) -> Facts:
    source = "engine" if name == "helper" else "ssh"
    found = parse(output(name, **replaced), source, root="/var/tmp/xq-fleet/3/h1/data")
    found["taken"] = NOW
    return found


def good() -> dict[str, Any]:
    """A run host in proper shape."""
    found: dict[str, Any] = dict(facts())
    found["sysctl"] = {"net.ipv4.ip_forward": "0"}
    found |= {
        "clock": {"low": -0.01, "high": 0.02},
        "bridge_filter": False,
        "modules": {"loaded": ["ext4", "overlay", "bridge"], "uses": {}, "built_in": []},
        "blacklist": sorted(BARRED),
        "tcp": {"OutSegs": 2_000_000, "RetransSegs": 1500},
        "engine": {
            "ID": "AAAA:BBBB", "ServerVersion": "20.10.24+dfsg1", "Driver": "overlay2", "DockerRootDir": "/var/lib/docker",
            "LiveRestoreEnabled": True, "CgroupVersion": "1", "MemoryLimit": True, "SwapLimit": True,
            "DriverStatus": [["Backing Filesystem", "extfs"], ["Supports d_type", "true"]],
        },
        "certificates": {"server": NOW + 90 * 86400, "client": NOW + 80 * 86400},
        "host": {"name": "h1", "ip": "10.213.3.11", "connection": "tcp", "clock_skew": 0.0},
        "fleet": {"engine_ids": {}, "machine_ids": {}},
    }  # fmt: skip
    found["daemon"] |= {
        "log-opts": {"max-size": "50m"},
        "default-ulimits": {"nofile": {"Name": "nofile", "Soft": 65536, "Hard": 65536}},
    }
    found["before"] = {
        "time": NOW - 300, "tcp": {"OutSegs": 1_000_000, "RetransSegs": 500},
        "links": {name: {"packets": 0, "drops": 0} for name in found["links"]},
    }  # fmt: skip
    return found


SLUGS = [check.slug for check in CHECKS if ENGINE in check.families]
