"""When a snapshot is due, and which ones stay."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from containers.keeping.retention import Kept, is_due, last_slot, spared
from containers.keeping.shape import EVERY, Policy

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
counts = st.integers(0, 6)
policies = st.builds(
    Policy, every=st.sampled_from(EVERY), at=st.times().map(lambda t: f"{t:%H:%M}"), keep_last=st.integers(1, 6),
    keep_hourly=counts, keep_daily=counts, keep_weekly=counts,
)  # fmt: skip
moments = st.datetimes(datetime(2026, 9, 1), datetime(2026, 11, 30), timezones=st.just(UTC))
histories = st.lists(st.tuples(moments, st.booleans(), st.booleans()), max_size=40).map(
    lambda rows: [Kept(pk, *row) for pk, row in enumerate(rows)]
)


@given(policies, histories)
def test_what_stays(policy: Policy, rows: list[Kept]) -> None:
    stay = spared(policy, rows)
    assert {one.pk for one in rows if one.pinned or not one.mine} <= stay
    mine = sorted((one for one in rows if one.mine and not one.pinned), key=lambda one: (one.taken, one.pk))
    assert {one.pk for one in mine[-policy.keep_last :]} <= stay
    most = policy.keep_last + policy.keep_hourly + policy.keep_daily + policy.keep_weekly
    assert len({one.pk for one in mine} & stay) <= most
    # What went would go again, and what stayed stays: a second look changes nothing.
    assert spared(policy, [one for one in rows if one.pk in stay]) == stay


@given(policies, histories, moments)
def test_to_keep_more_never_loses_one(policy: Policy, rows: list[Kept], at: datetime) -> None:
    more = Policy(
        policy.every,
        policy.at,
        policy.keep_last + 1,
        policy.keep_hourly + 1,
        policy.keep_daily + 1,
        policy.keep_weekly + 1,
    )
    assert spared(policy, rows) <= spared(more, rows)


def test_a_day_a_week() -> None:
    rows = [Kept(n, NOW - timedelta(hours=6 * n)) for n in range(60)]  # four a day for two weeks
    stay = spared(Policy(keep_last=2, keep_hourly=0, keep_daily=3, keep_weekly=2), rows)
    # The newest two; of the last three days the newest each (12:00, 18:00, 18:00); of the last two weeks the newest each.
    assert stay == {0, 1, 3, 7}


@given(policies, moments)
def test_slots(policy: Policy, now: datetime) -> None:
    slot = last_slot(policy, now)
    if not policy.every:
        assert slot is None
        assert not is_due(policy, None, NOW - timedelta(days=900), now)
        return
    assert slot is not None
    assert timedelta(0) <= now - slot < timedelta(hours=policy.every)
    assert last_slot(policy, slot) == slot
    assert is_due(policy, None, slot, now)
    assert not is_due(policy, slot, slot, now)  # it was taken
    assert is_due(policy, slot - timedelta(days=3), slot - timedelta(days=9), now)  # many were missed: one
    assert not is_due(policy, None, slot + timedelta(seconds=1), now)  # the instance is younger
