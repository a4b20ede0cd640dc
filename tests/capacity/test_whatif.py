"""Scenarios on made-up fleets: nothing is lost or made up, limits hold, and what makes no sense is said beside its change."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.capacity.whatif.model import Fleet
from containers.capacity.whatif.scenario import MOST, Change, forms, parse, parse_all
from containers.capacity.whatif.simulate import Outcome, simulate
from containers.placement import words
from tests.capacity.fleets import fleet
from xqplatform.errors import Refused

names = st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True)
places = st.builds("{}/{}".format, names, names)
sizes = st.builds(lambda n: n / 4, st.integers(1, 400))
changes = st.one_of(
    st.builds(Change, st.just("hosts"), where=st.one_of(names, st.just("")), count=st.integers(1, 2000), cpus=sizes, gib=sizes),
    st.builds(Change, st.just("lose"), name=names),
    st.builds(Change, st.just("room"), name=names),
    st.builds(Change, st.just("grow"), name=places, count=st.integers(1, 10_000)),
    st.builds(Change, st.just("times"), name=st.one_of(names, places), factor=st.builds(lambda n: 1 + n / 4, st.integers(0, 300))),
    st.builds(Change, st.just("new"), name=names, where=names, count=st.integers(1, 10_000), cpus=sizes, gib=sizes),
)  # fmt: skip


def run(of: Fleet, *texts: str) -> Outcome:
    return simulate(of, parse_all(texts))


@given(changes)
def test_a_change_reads_as_it_was_written(change: Change) -> None:
    assert parse(str(change)) == change
    assert change.words


@given(st.text(max_size=300))
def test_nonsense_is_refused_in_words(text: str) -> None:
    if not text.startswith(("hosts:", "lose:", "room:", "grow:", "times:", "new:")):
        with pytest.raises(Refused) as caught:
            parse(text)
        assert (caught.value.code, caught.value.field) == (400, "changes")


@pytest.mark.parametrize(
    "text",
    ["", "hosts", "hosts:0:32:128:a", "hosts:" + "9" * 4300 + ":1:1:a", "hosts:1:nan:1:a", "hosts:1:1:inf:a", "grow:s1:5",
     "grow:s1/production:-5", "times:s1:0.5", "times:s1:1e9", "new:a b:1:1:1:production", "lose:", "lose:<b>", "lose:a:b",
     "room:\x00", "new:x:1:1:1:", "١:hosts"],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        parse(text)


def test_there_are_not_too_many_and_forms_are_named() -> None:
    with pytest.raises(Refused, match="20"):
        parse_all(["lose:h1"] * (MOST + 1))
    assert "grow:PLACE:COUNT" in forms()


ops = st.lists(
    st.sampled_from(
        ["hosts:3:32:128:room-1", "hosts:1:8:16:", "lose:h1", "lose:h2", "room:room-2", "grow:s1/production:7", "times:s2:3",
         "new:quotes:9:4:8:production", "grow:s3/production:200"]
    ),
    max_size=6,
)  # fmt: skip


@given(ops, st.integers(0, 50))
def test_nothing_is_lost_or_made_up_and_limits_hold(texts: list[str], seed: int) -> None:
    of = fleet(hosts=6, places=3, instances=40, seed=seed)
    found = run(of, *texts)
    total_now, total_then = found.total.now, found.total.then
    assert total_now is not None
    assert total_then is not None
    gone = {parse(t).name for t in texts if t.startswith("lose")}
    left = [host for host in of.hosts if host.name not in gone and not ("room:room-2" in texts and host.room == 2)]
    assert total_then.instances == sum(host.instances for host in left) + found.placed
    moved = sum(part.asked for part in found.parts if part.change is None)
    assert moved == total_now.instances - sum(host.instances for host in left)
    for part in found.parts:
        assert part.placed == len(part.hosts) == sum(n for _room, n in part.rooms) <= part.asked
        assert bool(part.missing) == (part.refusal is not None)
        if part.refusal is not None:
            assert words(part.refusal)
        assert not {of.hosts[pk - 1].name for pk in part.hosts if pk > 0} & gone
    assert total_then.used_cpus <= max(total_then.may_cpus, sum(host.used_cpus for host in left)) + 1e-6


def test_without_a_change_nothing_differs() -> None:
    found = run(fleet())
    assert all(row.now == row.then for row in found.rows)
    assert found.parts == ()
    assert found.fits


def test_a_lost_room_comes_to_stand_in_the_other_one() -> None:
    found = run(fleet(instances=24), "room:room-1")
    assert found.fits
    assert {room for part in found.parts for room, _n in part.rooms} == {"Room 2"}
    row = next(row for row in found.rows if row.name == "Room 1")
    assert row.then is None


def test_what_does_not_fit_says_what_would_make_it_fit() -> None:
    """Six hosts of 128 GiB: sixteen of 8 GiB each."""
    found = run(fleet(instances=90), "grow:s1/production:10")
    assert found.missing == 4
    part = found.misfits[0]
    assert part.refusal is not None
    assert "GiB more memory" in words(part.refusal)
    assert run(fleet(instances=90), "hosts:1:32:128:room-1", "grow:s1/production:10").fits


def test_times_counts_what_an_earlier_change_added() -> None:
    found = run(fleet(places=1, instances=4), "grow:s1/production:2", "times:s1:2")
    assert [part.asked for part in sorted(found.parts, key=lambda p: p.change or 0)] == [2, 6]


def test_times_after_times_does_not_grow_without_end() -> None:
    found = run(fleet(places=1, instances=4), *["times:s1:100"] * MOST)
    assert sorted(found.problems) == list(range(1, MOST))
    assert "10000" in found.problems[1]
    assert sum(part.asked for part in found.parts) == 4 * 99


def test_what_is_not_there_is_a_problem_of_its_change_alone() -> None:
    found = run(
        fleet(),
        "lose:h99",
        "grow:s1/production:1",
        "room:nowhere",
        "times:nobody:2",
        "new:x:1:1:1:nowhere",
        "hosts:1:1:1:moon",
    )
    assert sorted(found.problems) == [0, 2, 3, 4, 5]
    assert "h99" in found.problems[0]
    assert found.placed == 1
    assert not found.fits


def test_no_host_left_is_no_crash() -> None:
    found = run(fleet(), "room:room-1", "room:room-2", "new:x:3:1:1:production")
    assert found.placed == 0
    assert found.total.then is not None
    assert found.total.then.hosts == 0
    assert all(words(part.refusal) for part in found.misfits if part.refusal)


def test_addresses_run_out() -> None:
    of = replace(fleet(), addresses={1: 2})
    found = run(of, "grow:s1/production:5")
    assert found.missing == 3
    assert "address" in words(found.misfits[0].refusal)  # type: ignore[arg-type]
    assert run(of, "room:room-1").fits  # they bring theirs
