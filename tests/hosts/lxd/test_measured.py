"""What an LXD server tells of its instances, as the collector's readings."""

from __future__ import annotations

from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosts.collector import by_server, deltas, process
from hosts.collector.protocol import Block, Disk, Reading, Traffic
from hosts.engine import EngineError
from hosts.inventory import Space
from hosts.lxd import measured
from hosts.meter_types import Measured
from hosts.models import Host
from xqplatform.metrics import catalogue

# As LXD 5.0.2 writes it; disks and kills as servers with cgroups of version 2 do.
TEXT = """# HELP lxd_cpu_seconds_total The total number of CPU time used in seconds.
# TYPE lxd_cpu_seconds_total counter
lxd_cpu_seconds_total{cpu="0",mode="system",name="db-1",project="default",type="container"} 0.5
lxd_cpu_seconds_total{cpu="1",mode="user",name="db-1",project="default",type="container"} 1.25
lxd_cpu_seconds_total{cpu="1",mode="idle",name="db-1",project="default",type="container"} 99
lxd_cpu_seconds_total{cpu="1",mode="user",name="db-2",project="default",type="container"} 7
# TYPE lxd_disk_read_bytes_total counter
lxd_disk_read_bytes_total{device="vda",name="db-1",project="default",type="container"} 4096
lxd_disk_writes_completed_total{device="vda",name="db-1",project="default",type="container"} 3
lxd_filesystem_avail_bytes{device="",fstype="ext4",mountpoint="/data",name="db-1",project="default"} 8.0e+10
lxd_filesystem_free_bytes{device="",fstype="ext4",mountpoint="/data",name="db-1",project="default"} 9.0e+10
lxd_filesystem_size_bytes{device="",fstype="ext4",mountpoint="/data",name="db-1",project="default"} 1.0e+11
lxd_filesystem_size_bytes{device="",fstype="ext4",mountpoint="/half",name="db-1",project="default"} 1.0e+11
lxd_memory_Cached_bytes{name="db-1",project="default",type="container"} 4096
lxd_memory_Inactive_file_bytes{name="db-1",project="default",type="container"} 1000
lxd_memory_MemFree_bytes{name="db-1",project="default",type="container"} 60000
lxd_memory_MemTotal_bytes{name="db-1",project="default",type="container"} 64000
lxd_memory_OOM_kills_total{name="db-1",project="default",type="container"} 2
lxd_network_receive_bytes_total{device="eth0",name="db-1",project="default",type="container"} 4322
lxd_network_receive_bytes_total{device="eth1",name="db-1",project="default",type="container"} 8
lxd_network_receive_bytes_total{device="lo",name="db-1",project="default",type="container"} 1e9
lxd_network_transmit_drop_total{device="eth0",name="db-1",project="default",type="container"} 1
lxd_procs_total{name="db-1",project="default",type="container"} 2
# EOF
"""
INSTANCE = {
    "name": "db-1", "last_used_at": "2026-11-30T11:00:09Z", "status": "Running",
    "config": {"limits.memory": "64MiB", "limits.cpu.allowance": "50ms/100ms", "volatile.uuid": "id-1"},
}  # fmt: skip
STATE = {
    "memory": {"usage": 4000}, "processes": 2, "cpu": {"usage": 1_750_000_000},
    "network": {
        "eth0": {"counters": {"bytes_received": 4322, "packets_dropped_outbound": 1}},
        "lo": {"counters": {"bytes_received": 10**9}},
    },
}  # fmt: skip


def reading(text: str = TEXT, at: float = 5.0) -> Reading:
    return measured.of_metrics(INSTANCE, measured.samples_of(text)["db-1"], at)


@pytest.mark.parametrize("brand", ["lxd_", "incus_"])
def test_metrics_of_a_server(brand: str) -> None:
    found = reading(TEXT.replace("lxd_", brand))
    assert (found.at, found.started, found.cpu) == (5.0, "2026-11-30T11:00:09Z", 1.75e9)
    assert (found.quota, found.period, found.limit) == (50_000, 100_000, 64 << 20)
    assert (found.usage, found.cache, found.inactive, found.oom_kills, found.processes) == (4000, 4096, 1000, 2, 2)
    assert found.network == Traffic(4330, None, None, None, None, None, None, 1)
    assert found.disks == {"vda": Disk(4096, 0, 0, 3)}
    assert found.filesystems == {"/data": (1.0, 1e11, 9e10, 8e10, 0.0, 0.0)}


def test_states_of_a_server_without_metrics() -> None:
    found, better = measured.of_state({**INSTANCE, "state": STATE}, 5.0), reading()
    same = ("at", "started", "cpu", "quota", "period", "limit", "usage", "processes")
    assert [getattr(found, name) for name in same] == [getattr(better, name) for name in same]
    assert (found.network.rx_bytes, found.network.tx_dropped, found.disks) == (4322, 1, None)
    assert measured.of_state({"name": "a"}, 1).cpu is None


def test_the_series_have_the_collector_s_names() -> None:
    later = TEXT.replace("} 1.25", "} 2.25").replace("} 4322", "} 5322")
    machine = measured.machine({"memory": {"total": 1 << 30, "used": 1 << 28}}, "default (zfs)", Space(1000, 250))
    blocks = [
        Block(0, at, "server", 0, 10, "server", 0, 2, machine, {"id-1": reading(text, at)})
        for at, text in ((100.0, TEXT), (110.0, later))
    ]
    ticked = deltas.tick(*blocks)
    own = ticked.containers["id-1"]
    assert (own["cpu.cores"], own["cpu.percent"], own["net.rx_bytes"], own["restarts"]) == (0.1, 20.0, 100.0, 0.0)
    assert (own["memory.working_set"], own["memory.oom_kills"]) == (3000.0, 0.0)
    assert own["fs.percent[/data]"] == pytest.approx(100 * 1e10 / 9e10)
    assert ticked.host["fs.percent[default (zfs)]"] == 75.0
    assert (ticked.host["memory.total"], ticked.host["memory.used"]) == (1 << 30, 1 << 28)
    assert {catalogue.split(name)[0] for name in [*own, *ticked.host]} <= {one.name for one in catalogue.METRICS}


@given(
    st.text()
    | st.lists(st.sampled_from(TEXT.splitlines()), max_size=9).map("\n".join)
    | st.binary().map(lambda b: b.decode("latin1"))
)
def test_whatever_a_server_says(text: str) -> None:
    try:
        found = measured.samples_of(text)
    except measured.Nonsense:
        return
    for samples in found.values():
        block = Block(
            0, 1, "server", 0, 10, "server", 0, 2, containers={"a": measured.of_metrics(INSTANCE, samples, 1)}
        )
        values = deltas.tick(None, block).containers["a"]
        assert all(value == value and value >= 0 for value in values.values())  # no NaN


@given(st.floats(1, 120), st.floats(0, 1000))
def test_what_costs_much_is_asked_seldom(interval: float, cost: float) -> None:
    every = by_server.pace(interval, cost)
    assert every >= interval
    assert every >= 20 * cost or every >= 60
    assert by_server.pace(10, 0.2) == 10


def test_a_process_of_the_machine_knows_no_instances(monkeypatch: pytest.MonkeyPatch) -> None:
    """So the server tells of them, put into the process's time."""

    class Meter:
        broken = False

        def read(self, at: float) -> Measured:
            if self.broken:
                raise EngineError("unreachable", "gone")
            pool = measured.machine({}, "fast (zfs)", Space(1000, 250))
            return Measured(pool, {"id-1": reading(at=at)})

    meter = Meter()
    monkeypatch.setattr(by_server.edge, "connect", lambda _host: Mock(meter=meter))
    host = Host(name="db-1", runtime="lxd")
    block = Block(3, 77.0, "boot", 1, 10, "v", 2, 2)
    found = by_server.complete(host, block)
    assert (found.seq, found.boot, found.containers["id-1"].at) == (3, "boot", 77.0)
    assert "fast (zfs)" in found.host.filesystems
    meter.broken = True
    assert by_server.complete(host, Block(4, 87.0, "boot", 1, 10, "v", 2, 2)).containers == {}
    assert process.brother_of(host) == process.MACHINE
