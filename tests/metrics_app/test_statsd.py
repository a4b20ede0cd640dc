"""StatsD lines, and what a tick of them comes to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.told import tally
from containers.told.statsd import Told, read
from containers.told.tally import Sender, Tally


def flushed(*lines: str, seconds: float = 10) -> dict[str, float]:
    sender = Sender()
    told, bad = read("\n".join(lines).encode())
    assert not bad
    sender.take(told)
    return sender.flush(seconds)


def test_counters_become_rates() -> None:
    assert flushed("hits:3|c", "hits:1|c", "rare:1|c|@0.1") == {"app.hits.rate": 0.4, "app.rare.rate": 1.0}


def test_gauges_are_set_and_changed() -> None:
    assert flushed("g:5|g", "g:+3|g", "g:-1|g", "h:7|g", "h:2|g") == {"app.g": 7, "app.h": 2}


def test_a_gauge_that_is_not_told_is_not_there_but_can_be_changed() -> None:
    sender = Sender()
    sender.take(read(b"g:5|g")[0])
    assert sender.flush(10) == {"app.g": 5}
    assert sender.flush(10) == {}
    sender.take(read(b"g:+1|g")[0])
    assert sender.flush(10) == {"app.g": 6}


def test_timers_have_mean_p95_and_max_in_seconds() -> None:
    lines = [f"t:{n}|ms" for n in range(1, 101)]
    assert flushed(*lines) == pytest.approx(
        {
            "app.t_seconds.rate": 10,
            "app.t_seconds.mean": 0.0505,
            "app.t_seconds.p95": 0.095,
            "app.t_seconds.max": 0.1,
        }
    )


def test_sampled_timers_count_as_all() -> None:
    assert flushed("t:10|ms|@0.5")["app.t_seconds.rate"] == 0.2


def test_tags_and_values_of_dogstatsd_are_tolerated() -> None:
    told, bad = read(b"a.b:1:2|h|#env:prod,x|c:83c0|T1656581400\n_e{5,4}:title|text\n_sc|name|0\n")
    assert (told, bad) == ([Told("a.b", "values", 1), Told("a.b", "values", 2)], 0)


def test_names_are_made_storable() -> None:
    assert [one.name for one in read("a b<script>:1|c\nä.ö:1|c".encode())[0]] == ["a_b_script_", "_._"]


@pytest.mark.parametrize("line", ["", " "])
def test_nothing_is_nothing(line: str) -> None:
    assert read(line.encode()) == ([], 0)


@pytest.mark.parametrize(
    "line",
    ["x", "x:1", ":1|c", "x:|c", "x:a|c", "x:1|q", "x:nan|g", "x:1e999|g", "x:1|c|@0", "x:1|c|@2", "u:1|s", "x:1_0|c"],
)
def test_what_makes_no_sense_is_counted(line: str) -> None:
    assert read(line.encode()) == ([], 1)


@given(st.binary(max_size=2000))
def test_any_datagram_is_read(data: bytes) -> None:
    told, bad = read(data)
    sender = Sender()
    sender.take(told)
    assert all(name.startswith("app.") and value == value for name, value in sender.flush(10).items())
    assert bad >= 0


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=400))
def test_p95_is_exact_while_all_values_are_kept(values: list[int]) -> None:
    found = flushed_many(values)
    ordered = sorted(values)
    least = next(v for v in ordered if sum(w <= v for w in ordered) >= 0.95 * len(ordered))
    assert found["app.v.p95"] == least
    assert found["app.v.max"] == max(values)
    assert found["app.v.mean"] == pytest.approx(sum(values) / len(values))


def flushed_many(values: list[int]) -> dict[str, float]:
    sender = Sender()
    sender.take(Told("v", "values", float(value)) for value in values)
    return sender.flush(10)


def test_a_flood_of_names_is_dropped_and_counted() -> None:
    all_of_it = Tally()
    for n in range(1000):
        all_of_it.take("10.0.0.1", *read(f"n{n}:1|c\nt{n}:1|ms".encode()))
    assert all_of_it.dropped == 2000 - tally.NAMES
    assert len(all_of_it.flush(10)["10.0.0.1"]) <= 4 * tally.NAMES
    assert all_of_it.flush(10) == {}


def test_names_that_are_new_in_each_tick_do_not_go_on_for_ever() -> None:
    sender, kept = Sender(), set()
    for tick in range(50):
        sender.take(read("\n".join(f"user.{tick}.{n}:1|c" for n in range(40)).encode())[0])
        kept |= sender.flush(10).keys()
    assert len(kept) == tally.NAMES
    for _tick in range(tally.IDLE + 1):
        sender.flush(10)
    sender.take(read(b"other:1|c")[0])
    assert sender.flush(10) == {"app.other.rate": 0.1}


def test_a_flood_of_values_takes_no_more_memory() -> None:
    sender = Sender()
    for start in range(0, 100_000, 1000):
        sender.take(Told("v", "values", float(n)) for n in range(start, start + 1000))
    assert len(sender.timers["v"].kept) == tally.VALUES
    found = sender.flush(10)
    assert found["app.v.max"] == 99_999
    assert found["app.v.rate"] == 10_000
    assert found["app.v.p95"] == pytest.approx(95_000, rel=0.05)


def test_a_sender_that_is_silent_for_long_is_forgotten() -> None:
    all_of_it = Tally()
    all_of_it.take("10.0.0.1", *read(b"g:1|g"))
    for _tick in range(tally.IDLE + 1):
        all_of_it.flush(10)
    assert not all_of_it.senders
