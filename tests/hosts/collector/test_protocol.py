from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hosts.collector.protocol import Disk, Parser
from tests.hosts.collector.blocks import ID, block, block_lines, container_line, reading


def test_a_block_is_read_to_its_last_value() -> None:
    found = block(
        "U 1234 4321",
        "L 0.5 0.4 0.3 211",
        "M 1000 600 500 10 200 5 100 40",
        "Q 1.5 0.00 -",
        "D vda 100 200 3 4 55",
        "N br0 1 2 3 4 5 6 7 8",
        "T 9 1000 17 262144",
        "F 4096 1000 400 300 500 100 /data/b c",
        "P 5000000 2000000",
        container_line(disks="vda,1,2,3,4 dm-0,5,6,7,8"),
        seq=42,
        uptime=123.45,
    )
    assert (found.seq, found.uptime, found.boot, found.interval, found.cpus) == (42, 123.45, "68f02770", 10.0, 2)
    assert found.host.cpu_busy == 1234
    assert found.host.load == (0.5, 0.4, 0.3)
    assert found.host.memory[7] == 40
    assert found.host.pressure == (1.5, 0.0, None)
    assert found.host.disks == {"vda": (Disk(100, 200, 3, 4), 55)}
    assert found.host.cards["br0"].tx_dropped == 8
    assert (found.host.tracked, found.host.trackable) == (17, 262144)
    assert found.host.filesystems == {"/data/b c": (4096, 1000, 400, 300, 500, 100)}
    assert found.host.collector_memory == 2000000
    one = found.containers[ID]
    assert (one.started, one.quota, one.limit, one.network.rx_bytes, one.close_wait) == ("4711", 50000, 64 << 20, 0, 1)
    assert one.disks == {"vda": Disk(1, 2, 3, 4), "dm-0": Disk(5, 6, 7, 8)}


def test_what_is_not_known_is_nothing_and_no_limit_is_none() -> None:
    found = reading(cpu="-", quota=-1, limit="max", rx_bytes="-", disks="-")
    assert (found.cpu, found.quota, found.limit, found.network.rx_bytes, found.disks) == (None,) * 5
    assert reading(limit=9223372036854771712).limit is None
    assert reading(disks="0").disks == {}


def test_nonsense_is_counted_and_the_rest_of_its_block_counts() -> None:
    parser = Parser()
    lines = block_lines("U 1 2", "U x y", "? what", container_line("<b>not an id</b>"), container_line())
    found = list(parser.blocks(lines))
    assert parser.bad == 3
    assert found[0].host.cpu_busy == 1
    assert list(found[0].containers) == [ID]


def test_a_block_without_its_beginning_or_end_is_not_used() -> None:
    parser = Parser()
    whole = block_lines(container_line(), seq=2, uptime=110)
    cut = [*block_lines(container_line())[1:], *whole[:-1], *block_lines("U 1 2", seq=3, uptime=120)]
    assert [one.seq for one in parser.blocks(cut)] == [3]
    assert parser.bad == 4


def test_a_line_that_went_missing_within_a_block_gives_the_block_up() -> None:
    parser = Parser()
    lines = block_lines("U 1 2", container_line())
    assert list(parser.blocks([lines[0], *lines[2:]])) == []
    assert parser.bad == 3


@given(
    st.lists(st.text(max_size=60) | st.sampled_from([*block_lines("U 1 2", container_line()), "E 1 nan", "C a", "B"]))
)
def test_no_line_hurts(lines: list[str]) -> None:
    parser = Parser()
    for found in parser.blocks(lines):
        assert found.interval > 0
    assert parser.bad <= 2 * len(lines)


@given(st.sampled_from(["nan", "inf", "-inf", "-5", "1_000", "١٢", "", "0x10"]))
def test_no_number_that_is_none(word: str) -> None:
    parser = Parser()
    assert next(parser.blocks(block_lines(container_line(cpu=word)))).containers == {}
    assert parser.bad == 1
