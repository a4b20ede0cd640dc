"""The program itself, on recorded trees of both versions of cgroups."""

from __future__ import annotations

from pathlib import Path

import pytest

from hosts.collector import deltas
from hosts.collector.protocol import Disk, Parser, Traffic
from tests.bench import simulated
from tests.hosts.collector.trees import ONE, TWO, Tree
from xqplatform.metrics import catalogue

KNOWN = {metric.name for metric in catalogue.METRICS}
LAYOUTS = [(1, "/docker", False), (1, "/h1", False), (1, "/system.slice", True), (2, "/docker", False),
           (2, "/system.slice", True), (2, "/a/b", False), (2, "", False)]  # fmt: skip


@pytest.mark.parametrize(("version", "parent", "scopes"), LAYOUTS)
def test_a_container_is_read(tmp_path: Path, version: int, parent: str, scopes: bool) -> None:
    tree = Tree(tmp_path, version, parent, scopes)
    tree.container(ONE, 900)
    blocks, parser = tree.run()
    assert parser.bad == 0
    assert (blocks[0].layout, blocks[0].cpus, blocks[0].boot, blocks[0].uptime) == (version, 2, "68f02770", 1234.56)
    assert list(blocks[0].containers) == [ONE]
    one = blocks[0].containers[ONE]
    assert one.started == "4711"
    assert (one.cpu, one.throttled_periods, one.throttled_time) == (7e9, 40, 5e6)
    assert (one.quota, one.period) == (50000, 100000)
    assert (one.usage, one.cache, one.inactive, one.limit) == (50e6, 25e6, 9e6, 67108864)
    assert (one.failcnt, one.oom_kills, one.processes) == (12, 1, 4)
    assert one.network == Traffic(5000, 50, 1, 2, 6000, 60, 3, 4)
    assert (one.sockets, one.current, one.time_wait) == (3, 2, 9)
    assert one.disks == {"sda": Disk(4096, 8192, 1, 2), "dm-0": Disk(4096, 8192, 1, 2)}


@pytest.mark.parametrize("version", [1, 2])
def test_the_machine_is_read(tmp_path: Path, version: int) -> None:
    host = Tree(tmp_path, version).run()[0][0].host
    assert host.cpu_busy == 1000 + 20 + 300 + 6 + 7 + 8
    assert host.load == (0.5, 0.4, 0.3)
    assert host.processes == 2  # folders of processes: 77 and 500
    assert host.memory == (8e6, 5e6, 1e6, 1e5, 3e6, 2e5, 2e6, 1.5e6)
    assert host.pressure == (1.25, 1.25, 1.25)
    assert host.disks == {"sda": (Disk(2000, 4000, 100, 200), 500), "dm-0": (Disk(100, 400, 10, 20), 50)}
    assert host.cards == {"br0": Traffic(9e9, 90, 0, 7, 8e9, 80, 0, 0)}
    assert (host.retransmitted, host.segments, host.tracked, host.trackable) == (60, 5000, 31, 262144)
    assert (host.collector_cpu, host.collector_memory) == (4e9, 2e6)


@pytest.mark.parametrize("version", [1, 2])
def test_states_of_sockets_are_counted_after_the_first_tick(tmp_path: Path, version: int) -> None:
    tree = Tree(tmp_path, version)
    tree.container(ONE, 900)
    blocks, _parser = tree.run(ticks=2)
    first, second = (one.containers[ONE] for one in blocks)
    assert (first.listen, first.close_wait) == (None, None)
    assert (second.listen, second.close_wait) == (1, 1)
    assert blocks[1].seq == 2


@pytest.mark.parametrize("version", [1, 2])
def test_a_container_without_processes_is_not_there(tmp_path: Path, version: int) -> None:
    tree = Tree(tmp_path, version)
    tree.container(ONE, 900)
    tree.container(TWO, 950)
    at = tree.cgroup / ("docker" if version == 2 else "memory/docker")
    (at / TWO / "cgroup.procs").write_text("")
    assert list(tree.run()[0][0].containers) == [ONE]


def test_what_a_kernel_lacks_is_left_out(tmp_path: Path) -> None:
    tree = Tree(tmp_path, 2)
    tree.container(ONE, 900)
    at = tree.cgroup / "docker" / ONE
    for name in ("io.stat", "io.pressure", "memory.events", "cpu.max", "pids.current"):
        (at / name).unlink()
    (at / "memory.max").write_text("max\n")
    (tree.proc / "pressure/cpu").unlink()
    blocks, parser = tree.run()
    assert parser.bad == 0
    one = blocks[0].containers[ONE]
    assert (one.disks, one.oom_kills, one.quota, one.processes, one.limit) == (None,) * 5
    assert one.usage == 50e6
    assert blocks[0].host.pressure[0] is None


def test_before_the_first_direct_io_there_are_no_devices(tmp_path: Path) -> None:
    tree = Tree(tmp_path, 1)
    tree.container(ONE, 900)
    at = tree.cgroup / "blkio/docker" / ONE
    for name in ("io_service_bytes", "io_serviced"):
        (at / f"blkio.throttle.{name}").write_text("Total 0\n")
    assert tree.run()[0][0].containers[ONE].disks is None, "this kernel does not count at all"
    tree.write(tree.cgroup / "blkio/blkio.throttle.io_service_bytes", "8:0 Read 0\nTotal 0\n")
    assert tree.run()[0][0].containers[ONE].disks == {}


def test_without_swap_failures_count_at_the_limit_of_both(tmp_path: Path) -> None:
    tree = Tree(tmp_path, 1)
    tree.container(ONE, 900)
    tree.write(tree.cgroup / "memory/docker" / ONE / "memory.memsw.failcnt", "30\n")
    assert tree.run()[0][0].containers[ONE].failcnt == 42


def test_a_container_on_the_hosts_network_has_none_of_its_own(tmp_path: Path) -> None:
    tree = Tree(tmp_path, 2)
    tree.container(ONE, 900)
    (tree.proc / "900/net/dev").write_text((tree.proc / "77/net/dev").read_text())
    assert tree.run()[0][0].containers[ONE].network == Traffic(*[None] * 8)


@pytest.mark.parametrize("name", ["<b>x</b>", "$(touch hurt)", "1a" * 31, "docker-" + "zz" * 32 + ".scope"])
def test_other_groups_are_left_alone(tmp_path: Path, name: str) -> None:
    tree = Tree(tmp_path, 2)
    tree.container(ONE, 900)
    (tree.cgroup / "docker" / name.replace("/", "_")).mkdir()
    blocks, parser = tree.run()
    assert list(blocks[0].containers) == [ONE]
    assert parser.bad == 0
    assert not Path("hurt").exists()


def test_the_simulated_collectors_of_the_bench_speak_as_the_real_one_does(tmp_path: Path) -> None:
    tree = Tree(tmp_path, 2)
    tree.container(ONE, 900)
    real_lines = tree.lines(ticks=2)
    false_lines = [line for seq in (1, 2) for line in simulated.block(7, 10, seq, 1000.0 + seq, 10)]

    def shape(lines: list[str]) -> dict[str, set[int]]:
        found: dict[str, set[int]] = {}
        for line in lines:
            words = line.split(" ")
            found.setdefault(words[0], set()).add(28 if words[0] == "C" else len(words) - 1)  # (disks vary)
        return found

    # A simulated machine has file systems, too: the tree has no mounts.
    assert shape([line for line in false_lines if not line.startswith("F ")]) == shape(real_lines)
    for lines in (real_lines, false_lines):
        parser = Parser()
        blocks = list(parser.blocks(lines))
        assert (len(blocks), parser.bad) == (2, 0)
        ticked = deltas.tick(blocks[0], blocks[1])
        assert ticked.containers
        assert {name.partition("[")[0] for values in ticked.containers.values() for name in values} <= KNOWN
        assert {name.partition("[")[0] for name in ticked.host} <= KNOWN
    first = next(iter(blocks[0].containers.values()))
    assert [name for name, value in first._asdict().items() if value is None] == [
        "filesystems"
    ]  # (servers tell of them)
