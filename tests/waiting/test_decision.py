"""What waits for what: strictly in order, not before its time, never beside another, and always in the end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from containers.waiting import Held, Waiter, moved, next_one, place_for, waits

times = st.one_of(st.none(), st.floats(0, 1000))


@st.composite
def queues(draw: st.DrawFn) -> list[Waiter]:
    return [Waiter(pk, draw(times)) for pk in draw(st.permutations(range(1, draw(st.integers(1, 7)) + 1)))]


@given(queues(), st.floats(-100, 2000), st.one_of(st.none(), st.just(99)))
def test_only_the_first_begins_never_early_and_never_beside_another(
    queue: list[Waiter], now: float, active: int | None
) -> None:
    found = next_one(queue, now, active)
    if found is not None:
        first = queue[0]
        assert found == first.pk
        assert active is None
        assert first.not_before is None or first.not_before <= now
    for one in queue:
        assert (not waits(one.pk, queue, now, active)) == (one.pk == found)


@given(queues())
def test_the_queue_always_empties(queue: list[Waiter]) -> None:
    begun = []
    rest, now = list(queue), 1000.0
    while rest:
        pk = next_one(rest, now, None)
        assert pk is not None
        begun.append(pk)
        rest = [one for one in rest if one.pk != pk]
    assert begun == [one.pk for one in queue]


@given(queues(), st.floats(0, 1000), st.floats(0, 1000), st.one_of(st.none(), st.just(99)))
def test_a_clock_that_goes_back_begins_nothing_that_would_not_begin_later(
    queue: list[Waiter], a: float, b: float, active: int | None
) -> None:
    early, late = sorted([a, b])
    if next_one(queue, early, active) is not None:
        assert next_one(queue, late, active) is not None


@given(queues(), times, st.floats(0, 1000))
def test_a_new_one_overtakes_nobody_who_is_due_no_later(queue: list[Waiter], at: float | None, now: float) -> None:
    place = place_for(queue, at, now)
    mine = max(now, at) if at is not None else now
    assert all(one.not_before is not None and one.not_before > mine for one in queue[place:])


@given(queues(), st.integers(-9, 9), st.data())
def test_a_move_keeps_everybody_and_the_order_of_the_others(queue: list[Waiter], by: int, data: st.DataObject) -> None:
    order = [one.pk for one in queue]
    pk = data.draw(st.sampled_from(order))
    after = moved(order, pk, by)
    assert [one for one in after if one != pk] == [one for one in order if one != pk]
    assert after.index(pk) == min(len(order) - 1, max(0, order.index(pk) + by))


def test_each_reason_is_told_the_nearest_first() -> None:
    queue = [Waiter(1, 500), Waiter(2)]
    held = Held("frozen", 600)
    assert [one.kind for one in waits(1, queue, 100, 99, held)] == ["time", "release", "guardrails"]
    assert [one.kind for one in waits(1, queue, 700, None, held)] == []
    assert [one.kind for one in waits(1, queue, 700, None, Held("blind", None))] == ["guardrails"]
    (behind,) = waits(2, queue, 700, None)
    assert (behind.kind, behind.pk) == ("behind", 1)
