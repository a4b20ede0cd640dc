"""The program as a process of the host: with busybox and without, on recorded trees."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from hosts.collector import process
from hosts.collector.protocol import Block, Parser, Traffic
from tests.hosts.collector.trees import HOST_DEV, ONE, SNMP, Tree

TOOLS = {
    "busybox": 'BUSYBOX=busybox AWK_TOOL="busybox awk"',
    "mawk": 'BUSYBOX= AWK_TOOL="mawk -W interactive" BY_LINES=1; export BY_LINES',
    "gawk": "BUSYBOX= AWK_TOOL=gawk",
    "chosen": process._TOOLS,
}


def run(tree: Tree, brother: str, tools: str, ticks: int = 2) -> tuple[list[Block], Parser]:
    """As `sh -s` gets it; the login has a network card and the time of two processes."""
    tree.write(tree.proc / "self/net/dev", HOST_DEV)
    tree.write(tree.proc / "self/net/snmp", SNMP.format(current=3))
    tree.write(tree.proc / "self/stat", "501 (a) S 1 1 1 0 -1 0 0 0 0 0 7 5 1 2 20 0 1 0 9 1 1\n")
    tree.write(tree.proc / "501/stat", "501 (sh) S 1 1 1 0 -1 0 0 0 0 0 1 2 3 4 20 0 1 0 9 1 1\n")
    for name in ("self", "501"):
        tree.write(tree.proc / name / "status", "Name:\tsh\nPid:\t501\nPPid:\t77\nVmRSS:\t    900 kB\n")
    trees = {"CGROUP": str(tree.cgroup), "PROC": str(tree.proc), "SYS": str(tree.sys), "INTERVAL": "1"}
    text = process.script(brother, tools, **trees, **({"TICKS": str(ticks)} if ticks else {}))
    done = subprocess.run(["sh", "-s"], input=text, capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    parser = Parser()
    return list(parser.blocks(done.stdout.splitlines())), parser


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize(("version", "parent", "scopes"), [(1, "/docker", False), (2, "/system.slice", True)])
def test_it_reads_what_the_container_reads(tmp_path: Path, tool: str, version: int, parent: str, scopes: bool) -> None:
    if tool != "chosen" and shutil.which(tool) is None:
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        missing(f"this machine has no {tool} (scripts/packages.sh installs it)")
    tree = Tree(tmp_path, version, parent, scopes)
    tree.container(ONE, 900)
    name = f"{parent}/{tree.name(ONE)}"
    tree.write(tree.proc / "900/cgroup", f"9:memory:{name}\n0::{name if version == 2 else '/x'}\n")
    own = (tree.proc / "self/cgroup").read_text()
    tree.write(tree.proc / "self/cgroup", own.replace(parent, "/user.slice"))
    blocks, parser = run(tree, "900", TOOLS[tool])
    assert parser.bad == 0
    assert [block.seq for block in blocks] == [1, 2]
    assert blocks[0].version == process.version()
    one = blocks[1].containers[ONE]
    assert (one.cpu, one.usage, one.limit, one.failcnt) == (7e9, 50e6, 67108864, 12)
    assert one.network == Traffic(5000, 50, 1, 2, 6000, 60, 3, 4)
    assert (one.sockets, one.listen, one.close_wait) == (3, 1, 1)
    host = blocks[1].host
    assert host.cards == {"br0": Traffic(9e9, 90, 0, 7, 8e9, 80, 0, 0)}, "of the login's own network"
    assert (host.collector_cpu, host.collector_memory) == (25e7, 1800 * 1024), "hundredths of seconds of both programs"


def test_without_a_container_the_machine_is_read_and_soon_it_is_asked_again(tmp_path: Path) -> None:
    tree = Tree(tmp_path, 2)
    tree.container(ONE, 900)
    blocks, parser = run(tree, process.NOBODY, TOOLS["chosen"], ticks=0)
    assert (len(blocks), parser.bad) == (6, 0), "it ends by itself"
    assert blocks[0].containers == {}
    assert blocks[0].host.load == (0.5, 0.4, 0.3)


def test_file_systems_are_those_of_the_machine(tmp_path: Path) -> None:
    tree = Tree(tmp_path, 2)
    tree.write(
        tree.proc / "self/mounts", "/dev/sda1 / ext4 rw 0 0\n/dev/sdb /tmp ext4 rw 0 0\nproc /proc proc rw 0 0\n"
    )
    blocks, _parser = run(tree, process.NOBODY, TOOLS["chosen"], ticks=1)
    assert set(blocks[0].host.filesystems) <= {"/", "/tmp"}
    assert "/" in blocks[0].host.filesystems


def test_another_interval_is_another_version(settings: object) -> None:
    before = process.version()
    settings.METRICS_INTERVAL = 3  # type: ignore[attr-defined]
    assert process.version() != before
