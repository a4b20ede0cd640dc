from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosts.collector import deltas
from tests.hosts.collector.blocks import ID, OTHER, block, container_line, reading


def test_counters_become_rates_and_the_rest_stays() -> None:
    before = reading(100.0)
    now = reading(110.0, cpu=10**9 + 2_500_000_000, throttled_periods=20, rx_bytes=5000, failcnt=10, oom_kills=1)
    found = deltas.container(before, now)
    assert found["cpu.cores"] == pytest.approx(0.25)
    assert found["cpu.percent"] == pytest.approx(50)  # of half a core
    assert found["cpu.throttled_periods"] == 2
    assert found["net.rx_bytes"] == 500
    assert (found["memory.failcnt"], found["memory.oom_kills"]) == (1, 1)
    assert found["memory.working_set"] == 25 << 20
    assert found["memory.percent"] == pytest.approx(100 * 25 / 64)
    assert (found["tcp.established"], found["tcp.close_wait"], found["tcp.listen"], found["tcp.other"]) == (2, 1, 1, 1)
    assert found["tcp.time_wait"] == 7


def test_each_disk_and_their_sum_where_nothing_that_lies_upon_a_disk_counts_twice() -> None:
    before = reading(100.0, disks="sda,1000,0,1,0")
    now = reading(110.0, disks="sda,2000,4000,2,4 dm-0,1000,4000,1,4 253:7,9,9,9,9")
    found = deltas.container(before, now)
    assert found["blkio.read_bytes[sda]"] == 100
    assert found["blkio.write_bytes[dm-0]"] == 400
    assert (found["blkio.read_bytes"], found["blkio.write_bytes"]) == (100, 400)
    only = deltas.container(reading(100.0), reading(110.0, disks="dm-0,1000,0,1,0"))
    assert only["blkio.read_bytes"] == 100


def test_without_a_limit_there_is_no_percent_of_it() -> None:
    found = deltas.container(reading(100.0), reading(110.0, quota=-1, limit="max"))
    assert "cpu.percent" not in found
    assert "memory.percent" not in found
    assert "memory.limit" not in found
    assert found["cpu.cores"] == 0


def test_a_container_that_was_restarted_has_no_rates_and_a_restart() -> None:
    found = deltas.container(reading(100.0, cpu=9 * 10**9), reading(110.0, started=9999, cpu=10**10))
    assert found["restarts"] == 1
    assert "cpu.cores" not in found
    assert found["up"] == 1


def test_a_container_seen_for_the_first_time_has_no_rates() -> None:
    found = deltas.tick(block(uptime=100), block(container_line(at=110.0), uptime=110, seq=2))
    assert "cpu.cores" not in found.containers[ID]
    assert "restarts" not in found.containers[ID]
    assert "memory.usage" in found.containers[ID]


def test_after_lost_ticks_there_is_a_gap_and_no_average_over_it() -> None:
    before, late = (
        block("U 0 0", container_line(at=100.0)),
        block("U 900 0", container_line(at=160.0), seq=7, uptime=160),
    )
    found = deltas.tick(before, late)
    assert found.lost == 5
    assert "cpu.cores" not in found.host
    assert "cpu.cores" not in found.containers[ID]
    one_lost = deltas.tick(before, block("U 1000 0", container_line(at=120.0), seq=3, uptime=120))
    assert one_lost.lost == 1
    assert one_lost.host["cpu.cores"] == pytest.approx(0.5)


def test_a_new_boot_belongs_to_nothing_before_it() -> None:
    found = deltas.tick(block("U 900 0"), block("U 1000 0", uptime=110, boot="0new0000"))
    assert "cpu.cores" not in found.host
    assert found.lost == 0


def test_a_collector_that_began_anew_goes_on_where_the_kernel_counts_on() -> None:
    before = block("U 0 0", container_line(at=100.0), seq=500)
    found = deltas.tick(before, block("U 100 0", container_line(at=110.0), seq=1, uptime=110, begun=109))
    assert found.host["cpu.cores"] == pytest.approx(0.1)
    assert found.lost == 0


def test_who_ended_is_told() -> None:
    before = block(container_line(at=100.0), container_line(OTHER, at=100.0))
    found = deltas.tick(before, block(container_line(at=110.0, started=1), uptime=110, seq=2))
    assert found.ended == {ID, OTHER}


def test_the_machine() -> None:
    before = block("U 1000 0", "D vda 0 0 0 0 0", "N br0 0 0 0 0 0 0 0 0", "T 0 0 5 10", "P 0 1")
    now = block(
        "U 2500 0", "D vda 2 4 10 20 5000", "N br0 100 1 0 0 200 2 0 0", "T 10 1000 5 10", "P 40000000 3",
        "M 1000 600 500 10 200 5 100 40", "F 4096 1000 400 300 500 100 /", "Q 1.5 0.25 0",
        uptime=110, seq=2,
    )  # fmt: skip
    found = deltas.tick(before, now).host
    assert (found["cpu.cores"], found["cpu.percent"]) == (pytest.approx(1.5), pytest.approx(75))
    assert (found["disk.read_bytes[vda]"], found["disk.write_bytes[vda]"]) == (
        pytest.approx(102.4),
        pytest.approx(204.8),
    )
    assert (found["disk.read_ops[vda]"], found["disk.busy[vda]"]) == (1, 50)
    assert (found["net.rx_bytes[br0]"], found["net.tx_packets[br0]"]) == (10, pytest.approx(0.2))
    assert (found["tcp.retransmissions"], found["tcp.retransmit_ratio"]) == (1, pytest.approx(0.01))
    assert (found["conntrack.count"], found["conntrack.percent"]) == (5, 50)
    assert (found["memory.used"], found["memory.available"], found["swap.used"]) == (400 << 10, 600 << 10, 60 << 10)
    assert (found["fs.used[/]"], found["fs.size[/]"]) == (600 * 4096, 1000 * 4096)
    assert found["fs.percent[/]"] == pytest.approx(100 * 600 / 900)
    assert found["fs.inodes_percent[/]"] == 80
    assert found["pressure.memory"] == 0.25
    assert found["collector.cpu"] == pytest.approx(0.004)


numbers = st.none() | st.integers(0, 10**18).map(float)


@given(st.data())
def test_no_value_is_ever_below_nothing_and_none_is_endless(data: st.DataObject) -> None:
    fields = [name for name, value in reading()._asdict().items() if isinstance(value, float) and name != "at"]

    def one(at: float) -> object:
        chosen = {name: data.draw(numbers) for name in fields}
        return reading(at, started=data.draw(st.sampled_from("ab")))._replace(**chosen)

    seconds = data.draw(st.floats(0.5, 30))
    found = deltas.container(one(100.0), one(100.0 + seconds))  # type: ignore[arg-type]
    assert all(value >= 0 for value in found.values())
    assert all(value < 1e25 for value in found.values())


@given(st.integers(0, 10**15), st.integers(0, 10**15), st.floats(1, 100))
def test_a_rate_times_its_time_is_what_was_counted(before: int, more: int, seconds: float) -> None:
    found = deltas.container(reading(100.0, cpu=before), reading(100.0 + round(seconds, 2), cpu=before + more))
    assert found["cpu.cores"] * round(seconds, 2) * 1e9 == pytest.approx(more, rel=1e-6, abs=1)


def test_a_block_that_came_twice_gives_no_rates() -> None:
    one = block("U 100 0", container_line(at=100.0))
    assert "cpu.cores" not in deltas.tick(one, dataclasses.replace(one)).host
