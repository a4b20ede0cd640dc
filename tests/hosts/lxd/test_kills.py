"""Kills for lack of memory: what is new of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosts.lxd import kills
from hosts.lxd.kills import Counted


@pytest.mark.parametrize(
    ("said", "count"),
    [
        ("low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n", 2),  # memory.events
        ("oom_kill_disable 0\nunder_oom 0\noom_kill 7\n", 7),  # memory.oom_control
        ("cat: can't open '/sys/fs/cgroup/memory.events': No such file or directory\n", None),
        ("oom_kill 99999999999999999999\n", None),
        ("", None),
    ],
)
def test_what_the_kernel_says(said: str, count: int | None) -> None:
    assert kills.counted(said) == count


@given(st.lists(st.tuples(st.sampled_from("kr-"), st.integers(1, 3)), max_size=20))
def test_each_kill_is_told_once(deeds: list[tuple[str, int]]) -> None:
    """Whatever is between two looks: kills (k), restarts (r, whose own kills before the look are lost), looks (-)."""
    run, count, wanted, told, pending = 0, 0, 0, 0, 0
    before: dict[str, Counted] | None = {"a": Counted("0", 0)}
    for deed, number in [*deeds, ("-", 1)]:
        if deed == "k":
            count, pending = count + number, pending + number
        elif deed == "r":
            run, count, pending = run + 1, 0, 0
        else:
            now = {"a": Counted(str(run), count)}
            told += kills.rose(before, now).get("a", 0)
            before, wanted, pending = now, wanted + pending, 0
    assert told == wanted


def test_the_first_look_tells_nothing_and_a_new_one_all() -> None:
    now = {"a": Counted("1", 3)}
    assert kills.rose(None, now) == {}
    assert kills.rose({}, now) == {"a": 3}
