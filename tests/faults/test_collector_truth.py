"""What is measured against what is known: a share of CPU, sizes, bytes, kills. The other side is never the collector's own files."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from hosts import hooks
from tests.faults.collecting import Collecting, client_of, collecting, truth  # noqa: F401
from tests.faults.conftest import Site, wait_for

MIB = 1 << 20
TICK = os.sysconf("SC_CLK_TCK")
QUOTA = 0.05  # of a core: so little that it is reached also where many others compute


def cpu_time(pid: int) -> float:
    """Seconds that a process itself has computed, as the scheduler counts it for the process."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def test_cpu_under_a_quota_and_its_throttling(site: Site, truth: Collecting) -> None:  # noqa: F811
    burning = truth.run(1, "burns", "sh", "-c", "while :; do :; done", cpu_quota=5_000, cpu_period=100_000)
    truth.run(2, "idles", "sleep", "1000")
    truth.begin(site.hosts[0])
    pid = truth.pid(burning)
    first, _values = truth.sample_after("instance:1", time.time() + 1, has="cpu.cores")
    began, before = time.time(), cpu_time(pid)
    wait_for("ten ticks", lambda: len(truth.points("instance:1", "cpu.cores", first)) > 10)
    seconds, used = time.time() - began, cpu_time(pid) - before
    points = truth.points("instance:1", "cpu.cores", first)
    measured = truth.total(1, "cpu.cores", first) / (points[-1].time - points[0].time)
    assert measured == pytest.approx(used / seconds, rel=0.08), "what the process itself has used"
    assert measured <= QUOTA * 1.05, "never more than the quota"
    percent = truth.points("instance:1", "cpu.percent", first)
    assert percent[-1].avg == pytest.approx(points[-1].avg / QUOTA * 100, rel=0.001)
    throttled = truth.points("instance:1", "cpu.throttled_periods", first)
    assert 0 < max(point.avg for point in throttled) <= 11, "ten periods a second"
    assert max(point.avg for point in truth.points("instance:1", "cpu.throttled_time", first)) > 0.1
    idle = truth.points("instance:2", "cpu.cores", first)
    assert all(point.avg < 0.005 for point in idle)
    assert max(point.avg for point in truth.points("instance:2", "cpu.throttled_periods", first)) == 0


def test_memory_by_what_it_is_used_for(site: Site, truth: Collecting) -> None:  # noqa: F811
    one = truth.run(1, "takes", "sleep", "1000")
    truth.begin(site.hosts[0])
    _at, before = truth.sample_after("instance:1", time.time(), has="memory.working_set")
    truth.say(one, "sh", "-c", "head -c 20971520 /dev/zero > /dev/shm/taken")  # memory that nothing can take away
    _at, taken = truth.sample_after("instance:1", time.time() + 0.5, has="memory.working_set")
    assert taken["memory.working_set"] - before["memory.working_set"] == pytest.approx(20 * MIB, abs=MIB)
    assert taken["memory.percent"] == pytest.approx(100 * taken["memory.working_set"] / (64 * MIB), rel=0.001)
    truth.say(one, "dd", "if=/dev/zero", "of=/file", "bs=1M", "count=15", "conv=fsync")  # a file, which is only cached
    _at, cached = truth.sample_after("instance:1", time.time() + 0.5, has="memory.working_set")
    assert cached["memory.cache"] - taken["memory.cache"] == pytest.approx(15 * MIB, abs=MIB)
    assert cached["memory.usage"] - taken["memory.usage"] == pytest.approx(15 * MIB, abs=2 * MIB)
    assert cached["memory.working_set"] - taken["memory.working_set"] < 2 * MIB
    assert cached["memory.limit"] == 64 * MIB


def test_bytes_written_past_the_cache(site: Site, truth: Collecting) -> None:  # noqa: F811
    one = truth.run(1, "writes", "sleep", "1000")
    truth.begin(site.hosts[0])
    for _try in range(4):
        first, _values = truth.sample_after("instance:1", time.time(), has="blkio.write_bytes")
        truth.say(one, "dd", "if=/dev/zero", "of=/file", "bs=1M", "count=24", "oflag=direct")
        truth.say(one, "dd", "if=/file", "of=/dev/null", "bs=1M", "count=8", "iflag=direct")
        truth.sample_after("instance:1", time.time() + 1.5, has="blkio.write_bytes")
        if not truth.holes(1, "blkio.write_bytes", first):
            break  # what is done within a gap is in no rate: then it is done again
    assert truth.total(1, "blkio.write_bytes", first) == pytest.approx(24 * MIB, rel=0.05)
    assert truth.total(1, "blkio.read_bytes", first) == pytest.approx(8 * MIB, rel=0.05)
    assert truth.total(1, "blkio.write_ops", first) >= 24
    disk = os.stat(truth.site.fleet.folder).st_dev
    name = Path(os.readlink(f"/sys/dev/block/{os.major(disk)}:{os.minor(disk)}")).name
    assert truth.total(1, f"blkio.write_bytes[{name}]", first) == pytest.approx(24 * MIB, rel=0.05)


def test_what_is_written_within_a_gap_is_in_no_rate(site: Site, truth: Collecting) -> None:  # noqa: F811
    """Nothing is made up of it, and it can be seen that something is missing."""
    one = truth.run(1, "writes", "sleep", "1000")
    truth.begin(site.hosts[0])
    first, _values = truth.sample_after("instance:1", time.time(), has="blkio.write_bytes")
    with client_of(site, site.hosts[0]) as client:
        client.pause(truth.row(site.hosts[0]).container)
        truth.say(one, "dd", "if=/dev/zero", "of=/file", "bs=1M", "count=24", "oflag=direct")
        time.sleep(4)  # time itself is the matter: what is paused ticks no more
        client.unpause(truth.row(site.hosts[0]).container)
    truth.sample_after("instance:1", time.time() + 1.5, has="blkio.write_bytes")
    assert truth.total(1, "blkio.write_bytes", first) == 0
    assert truth.holes(1, "blkio.write_bytes", first)
    assert truth.row(site.hosts[0]).lost_ticks > 0


def test_bytes_sent_to_a_neighbour_and_its_connections(site: Site, truth: Collecting) -> None:  # noqa: F811
    for number in (0, 1):
        site.fleet.network(site.fleet.hosts[number])
    address = site.fleet.segment.address(21)
    listen = "sleep 1000 | nc -l -p 9000 > /dev/null"
    truth.run(2, "hears", "sh", "-c", listen, host=1, network="segment", ip=address)
    sends = truth.run(1, "sends", "sleep", "1000", network="segment", ip=site.fleet.segment.address(20))
    truth.begin(*site.hosts[:2])
    first, _values = truth.sample_after("instance:1", time.time(), has="net.tx_bytes")
    other, before = truth.sample_after("instance:2", time.time(), has="net.rx_bytes")
    # (The engine's own resolver listens in there, too.)
    wait_for("a listener", lambda: truth.latest("instance:2").get("tcp.listen") == 2)
    # Over some ticks: one begins a few milliseconds early or late, by which all of a burst within it would be off.
    parts = "for _ in 1 2 3 4 5 6 7 8 9 10; do dd if=/dev/zero bs=1M count=2; sleep 0.6; done"
    said = truth.say(sends, "sh", "-c", f"({parts}) | nc {address} 9000; echo ended $?")
    assert "ended 0" in said
    truth.sample_after("instance:1", time.time() + 1.5, has="net.tx_bytes")
    truth.sample_after("instance:2", time.time() + 1.5, has="net.rx_bytes")
    for total in (truth.total(1, "net.tx_bytes", first), truth.total(2, "net.rx_bytes", other)):
        assert 20 * MIB * 0.98 <= total <= 20 * MIB * 1.06, "and the heads of its packets"
    assert truth.total(2, "net.rx_packets", other) > 300
    assert truth.total(1, "net.tx_dropped", first) == 0
    assert before["tcp.established"] == 0


def test_kills_for_lack_of_memory(site: Site, truth: Collecting) -> None:  # noqa: F811
    script = "sleep 6; for _ in 1 2 3; do tail /dev/zero; echo killed; sleep 2; done; sleep 1000"
    one = truth.run(1, "kills", "sh", "-c", script, mem_limit="16m", memswap_limit="16m")
    truth.begin(site.hosts[0])
    first, _values = truth.sample_after("instance:1", time.time() - 5, has="memory.oom_kills")

    def killed() -> int:
        with client_of(site, site.hosts[0]) as client:
            return int(client.logs(one).count(b"killed"))

    wait_for("three kills", lambda: killed() == 3, 120)
    truth.sample_after("instance:1", time.time() + 1, has="memory.oom_kills")
    points = truth.points("instance:1", "memory.oom_kills", first)
    assert sum(point.avg for point in points) == 3
    group = Path(f"/sys/fs/cgroup/memory/{site.fleet.hosts[0].cgroup.strip('/')}/{one}")
    if group.exists():  # (some kernels do not count in the limit of memory and swap together)
        met = sum(int((group / name).read_text()) for name in ("memory.failcnt", "memory.memsw.failcnt"))
        assert truth.total(1, "memory.failcnt", first) == pytest.approx(met, rel=0.05)


def test_a_container_that_the_kernel_kills_as_a_whole_is_counted_once(
    site: Site,
    truth: Collecting,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its own counter goes with it: the engine's event is the only witness."""

    def killed(since: Mapping[str, float]) -> dict[str, list[float]]:
        with client_of(site, site.hosts[0]) as client:
            span = {"since": int(min(since.values())) - 1, "until": int(time.time()) + 1}
            events = list(client.events(**span, filters={"event": "oom"}, decode=True))
        found: dict[str, list[float]] = {}
        for one in events:
            if one["id"] in since and one["timeNano"] / 1e9 > since[one["id"]]:
                found.setdefault(one["id"], []).append(one["timeNano"] / 1e9)
        return found

    monkeypatch.setattr(hooks, "METRIC_OOMS", [killed])
    script = "[ -e /second ] && exec sleep 1000; touch /second; sleep 8; exec tail /dev/zero"
    again = {"Name": "on-failure", "MaximumRetryCount": 3}
    limits = {"mem_limit": "16m", "memswap_limit": "16m", "restart_policy": again}
    one = truth.run(1, "dies", "sh", "-c", script, **limits)
    truth.begin(site.hosts[0])
    first, _values = truth.sample_after("instance:1", time.time() - 5, has="memory.oom_kills")

    def second_life() -> bool:
        with client_of(site, site.hosts[0]) as client:
            seen = client.inspect_container(one)
        return bool(seen["RestartCount"] == 1 and seen["State"]["Running"])

    wait_for("its second life", second_life, 120)
    truth.sample_after("instance:1", time.time() + 3, has="memory.oom_kills")
    assert sum(point.avg for point in truth.points("instance:1", "memory.oom_kills", first)) == 1
    assert sum(point.avg for point in truth.points("instance:1", "restarts", first)) == 1
