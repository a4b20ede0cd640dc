"""Scores of releases: what counts as a change, as its failure, as lead time and as time to restore."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.capacity.scoring import (
    ALARMED,
    COUNTS,
    FOLLOWED,
    Alarm,
    Cause,
    Release,
    Tally,
    Verdict,
    by_week,
    judge,
    week_of,
)

HOUR = 3600.0


def release(number: int, end: float, state: str = "succeeded", **more: Any) -> Release:
    more.setdefault("image", number)
    more.setdefault("old_image", number - 1)
    more.setdefault("code", f"r{more['image']}")
    more.setdefault("commit", end - 10 * HOUR)
    return Release(number, state, more.pop("start", end - 60), end, **more)


def one(verdicts: list[Verdict], number: int) -> Verdict:
    return next(v for v in verdicts if v.release.number == number)


def tally(verdicts: list[Verdict]) -> Tally:
    found = Tally()
    for verdict in verdicts:
        found.add(verdict)
    return found


def test_lead_time_is_of_the_release_that_first_brought_the_revision() -> None:
    rows = [
        release(1, 1e6, commit=1e6 - 5 * HOUR),
        release(2, 2e6, image=1, code="r1"),
        release(3, 3e6, commit=3e6 + 9),
    ]
    found = judge(rows, [])
    assert [v.lead for v in found] == [
        5 * HOUR,
        None,
        0.0,
    ]  # the last one: a clock that is ahead makes nothing negative
    assert judge(rows[:1], [], {"r1"})[0].lead is None
    assert judge([release(1, 1e6, commit=None)], [])[0].lead is None


def test_a_failed_one_brings_nothing_and_the_next_success_restores() -> None:
    rows = [release(1, 1e6), release(2, 2e6, "failed", start=2e6 - 100), release(3, 2e6 + 400, image=2, old_image=1)]
    found = judge(rows, [])
    bad = one(found, 2)
    assert bad.causes == (Cause.FAILED,)
    assert bad.restore == 500
    assert bad.lead is None
    assert one(found, 3).lead is not None
    assert one(found, 3).is_change
    assert judge(rows[:2], [])[1].open


def test_its_own_rollback_restores() -> None:
    found = judge([release(2, 2e6, "rolled_back", start=2e6 - 90)], [])[0]
    assert (found.causes, found.restore, found.open) == ((Cause.ROLLED_BACK,), 90, False)


def test_a_way_back_is_no_change_and_makes_the_one_before_it_a_failure() -> None:
    rows = [release(1, 1e6), release(2, 2e6), release(3, 2e6 + 600, image=1, old_image=2)]
    found = judge(rows, [])
    assert one(found, 3).back
    assert not one(found, 3).is_change
    assert one(found, 2).by == {Cause.BACK: 3}
    assert one(found, 2).restore == 600
    counted = tally(found)
    assert (counted.changes, counted.bad, counted.followed, counted.backs) == (2, 1, 1, 1)
    # Later than a day it is a decision like any other; and the same image once more is a change.
    assert judge([*rows[:2], release(3, 2e6 + FOLLOWED + 1, image=1, old_image=2)], [])[2].is_change
    assert judge([*rows, release(4, 2e6 + 900, image=2, old_image=1)], [])[3].is_change


def test_a_release_left_halfway_may_be_brought_back_by_hand() -> None:
    found = judge([release(2, 2e6, "failed"), release(3, 2e6 + 60, image=1, old_image=1)], [])
    assert one(found, 2).causes == (Cause.FAILED, Cause.BACK)
    assert one(found, 3).back


@pytest.mark.parametrize(
    ("begin", "fired", "end", "counts"),
    [
        (10.0, 70.0, 500.0, True),
        (-30.0, 20.0, 500.0, True),  # begun while it rolled, and it stayed
        (-30.0, -5.0, -1.0, False),  # what passes while it rolls is the release itself
        (-120.0, 20.0, 500.0, False),  # bad before it began
        (10.0, ALARMED + 1, 9e3, False),
    ],
)
def test_an_alert_counts_when_it_began_with_the_release(begin: float, fired: float, end: float, counts: bool) -> None:
    end_of = 1e6
    alarm = Alarm(7, end_of + begin, end_of + fired, end_of + end)
    found = judge([release(1, end_of)], [alarm])[0]
    assert found.by == ({Cause.ALARM: 7} if counts else {})
    assert found.restore == (end - begin if counts else None)


def test_an_alert_is_the_newest_releases_and_goes_on() -> None:
    found = judge([release(1, 1e6), release(2, 1e6 + 600)], [Alarm(7, 1e6 + 610, 1e6 + 700, None)])
    assert not one(found, 1).causes
    assert one(found, 2).open
    assert one(found, 2).restore is None


def test_a_cancelled_one_is_counted_apart() -> None:
    found = judge([release(1, 1e6, "cancelled")], [Alarm(7, 1e6, 1e6 + 9, None)])
    counted = tally(found)
    assert (counted.cancelled, counted.changes, counted.failure_rate, counted.empty) == (1, 0, None, False)


def test_no_releases_are_no_zero() -> None:
    nothing = Tally()
    assert nothing.empty
    assert {nothing.failure_rate, nothing.success_rate, nothing.lead_median, nothing.restore_median} == {None}


def test_weeks_begin_on_monday_by_utc() -> None:
    sunday = datetime(2026, 11, 29, 23, 59, 59, tzinfo=UTC).timestamp()
    assert week_of(sunday) == date(2026, 11, 23)
    assert week_of(sunday + 1) == date(2026, 11, 30)
    assert week_of(datetime(2027, 1, 1, tzinfo=UTC).timestamp()) == date(2026, 12, 28)


STATES = ("succeeded", "failed", "rolled_back", "cancelled")
TIMES = st.integers(0, 20 * 86400).map(float)


@st.composite
def releases(draw: st.DrawFn) -> list[Release]:
    rows = []
    for number in range(draw(st.integers(0, 12))):
        start = draw(TIMES)
        image, old = draw(st.integers(1, 3)), draw(st.none() | st.integers(1, 3))
        commit = draw(st.none() | TIMES)
        end = start + draw(st.integers(0, 7200))
        rows.append(Release(number, draw(st.sampled_from(STATES)), start, end, image, old, f"r{image}", commit))
    return rows


@st.composite
def alarms(draw: st.DrawFn) -> list[Alarm]:
    rows = []
    for number in range(draw(st.integers(0, 5))):
        begin = draw(TIMES)
        fired = begin + draw(st.integers(0, 600))
        end = draw(st.none() | st.integers(0, 86400).map(lambda more, at=fired: at + more))
        rows.append(Alarm(number, begin, fired, end))
    return rows


@given(releases(), alarms(), st.randoms())
def test_judgements_hold_together(rows: list[Release], fired: list[Alarm], chance: random.Random) -> None:
    found = judge(rows, fired)
    assert len(found) == len(rows)
    for verdict in found:
        assert bool(verdict.causes) == (verdict.restore is not None or verdict.open)
        assert verdict.restore is None or (verdict.restore >= 0 and not verdict.open)
        assert not verdict.causes or verdict.is_change
        assert verdict.lead is None or (verdict.lead >= 0 and verdict.release.state == "succeeded")
    leads = [v.release.code for v in found if v.lead is not None]
    assert len(leads) == len(set(leads))  # a revision is brought once
    given_to = [v.by[Cause.ALARM] for v in found if Cause.ALARM in v.by]
    assert len(given_to) == len(set(given_to))  # an alert is one release's
    mixed, again = [*rows], [*fired]
    chance.shuffle(mixed)
    chance.shuffle(again)
    assert judge(mixed, again) == found


@given(releases(), alarms())
def test_an_alert_never_makes_a_score_better(rows: list[Release], fired: list[Alarm]) -> None:
    assert tally(judge(rows, fired)).bad >= tally(judge(rows, [])).bad


@given(releases(), alarms())
def test_weeks_add_up_and_rates_are_shares(rows: list[Release], fired: list[Alarm]) -> None:
    found = judge(rows, fired)
    whole, parts = tally(found), Tally()
    for week in by_week(found).values():
        parts.merge(week)
    assert [getattr(parts, name) for name in COUNTS] == [getattr(whole, name) for name in COUNTS]
    assert sorted(parts.leads) == sorted(whole.leads)
    assert sorted(parts.restores) == sorted(whole.restores)
    assert whole.changes + whole.cancelled + whole.backs == len(rows)
    for rate in (whole.failure_rate, whole.success_rate, whole.rollback_rate):
        assert (rate is None) == (whole.changes == 0)
        assert rate is None or 0 <= rate <= 1
    if whole.failure_rate is not None and whole.success_rate is not None:
        assert whole.failure_rate >= 1 - whole.success_rate - 1e-9  # what did not succeed is a failure
