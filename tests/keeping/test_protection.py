"""Which findings rows and a moment make: in words of the pages, and purely."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from containers.keeping.backup_rules import Rules
from containers.keeping.protection import LATE, Data, Kind, Promise, Protection, Risk, State, judge
from containers.keeping.protection_words import said
from containers.keeping.shape import Policy

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=400)
DAILY = Promise(Rules(), LONG_AGO)
EVERY = st.sampled_from([0, 1, 4, 24])
AGES = st.none() | st.integers(0, 60 * 24 * 30).map(lambda minutes: NOW - timedelta(minutes=minutes))
DATA = st.builds(
    Data, st.integers(1, 4), st.just(LONG_AGO), st.booleans(), AGES, AGES, st.text(max_size=20),
    st.sampled_from(["", "starts", "fails", "broken"]), AGES, st.text(max_size=20), AGES, AGES,
)  # fmt: skip
RULES = st.builds(Rules, every=EVERY, drill_days=st.integers(0, 30), instances=st.sampled_from([(), (1,), (1, 2)]))
PROMISES = st.builds(
    Promise, st.none() | RULES, st.none() | AGES, st.builds(Policy, every=EVERY), st.none() | AGES
)  # fmt: skip
LISTS = st.lists(DATA, min_size=1, max_size=4, unique_by=lambda one: one.number)


def hours(n: float) -> datetime:
    return NOW - timedelta(hours=n)


def kinds(found: Protection) -> list[Kind]:
    return [risk.kind for risk in found.risks]


def well(number: int = 1) -> Data:
    """All of it is of a moment ago."""
    return Data(
        number, LONG_AGO, good=hours(0.5), drill="starts", drilled=hours(1), passed=hours(1), snapshot=hours(0.5)
    )


def test_what_is_said_of_a_daily_backup() -> None:
    found = judge(DAILY, [well()], NOW)
    assert (found.state, found.risks, found.good, found.drilled) == (State.GOOD, (), hours(0.5), hours(1))
    late = judge(DAILY, [replace(well(), good=hours(37))], NOW)
    assert late.state == State.RISK
    assert said(late.risks[0]) == "#1: The last good backup is of 2026-11-28 23:00 UTC; one is wanted every day."
    assert late.risks[0].since == hours(1)
    failed = judge(DAILY, [replace(well(), good=hours(30), failed=hours(6), words="No space left.")], NOW)
    assert [said(risk) for risk in failed.risks] == ["#1: The last scheduled backup failed: No space left."]
    for drill in ("fails", "broken"):
        assert kinds(judge(DAILY, [replace(well(), drill=drill)], NOW)) == [Kind.DRILL_FAILED]
    assert kinds(judge(DAILY, [replace(well(), passed=hours(24 * 11), drilled=hours(24 * 11))], NOW)) == [
        Kind.DRILL_OVERDUE
    ]
    behind = replace(DAILY, snapshots=Policy(every=4))
    assert kinds(judge(behind, [replace(well(), snapshot=hours(7))], NOW)) == [Kind.SNAPSHOTS]
    assert judge(behind, [replace(well(), snapshot=hours(5))], NOW).state == State.GOOD


def test_whoever_has_no_rules_is_not_protected() -> None:
    by_hand = replace(DAILY, backups=Rules(every=0))
    for promise in (Promise(), by_hand):
        found = judge(promise, [well()], NOW)
        assert (found.state, kinds(found)) == (State.NONE, [Kind.UNPROTECTED])
    # The rules name a replica that has gone.
    named = replace(DAILY, backups=Rules(instances=(2,)))
    assert (judge(named, [well()], NOW).state, kinds(judge(named, [well()], NOW))) == (State.NONE, [Kind.NOBODY])
    # One replica is enough where the rules say so; one that cannot be backed up is not.
    assert judge(named, [Data(1, LONG_AGO), well(2)], NOW).state == State.GOOD
    nowhere = Data(1, LONG_AGO, keeps=False)
    assert judge(DAILY, [nowhere], NOW).state == State.NONE
    assert judge(DAILY, [nowhere, well(2)], NOW).state == State.RISK


def test_what_is_new_has_its_time() -> None:
    new = Data(1, hours(20))
    promise = replace(DAILY, since=hours(10), snapshots=Policy(every=24), snapshots_since=hours(1))
    assert judge(promise, [new], NOW).state == State.NEW
    # Old backups of before the rules are not measured by these.
    assert judge(promise, [replace(new, good=hours(300))], NOW).state == State.GOOD
    late = judge(replace(promise, since=hours(36)), [replace(new, created=hours(36))], NOW)
    assert said(late.risks[0]) == "#1: There is no good backup yet; one is wanted every day."


@given(PROMISES, LISTS, st.randoms())
def test_the_order_of_instances_is_no_matter(promise: Promise, data: list[Data], random: object) -> None:
    assert judge(promise, data, NOW) == judge(promise, data[::-1], NOW)


@given(PROMISES, LISTS, st.integers(0, 100_000))
def test_time_alone_mends_nothing(promise: Promise, data: list[Data], minutes: int) -> None:
    def keys(found: Protection) -> set[tuple[Kind, int, datetime]]:
        return {(risk.kind, risk.number, risk.since) for risk in found.risks}

    later = judge(promise, data, NOW + timedelta(minutes=minutes))
    assert keys(judge(promise, data, NOW)) <= keys(later)


@given(PROMISES, LISTS)
def test_what_was_just_done_is_not_at_risk(promise: Promise, data: list[Data]) -> None:
    """And nothing is said of it but that nobody asked for it, or it cannot be."""
    fresh = [replace(well(one.number), keeps=one.keeps) for one in data]
    found = judge(promise, fresh, NOW)
    assert set(kinds(found)) <= {Kind.UNPROTECTED, Kind.NOBODY, Kind.CANNOT}
    assert (found.state == State.GOOD) == (not found.risks)


@given(PROMISES, LISTS)
def test_overdue_is_said_from_one_and_a_half_intervals_on(promise: Promise, data: list[Data]) -> None:
    found = judge(promise, data, NOW)
    late = {risk.number for risk in found.risks if risk.kind == Kind.OVERDUE}
    rules = promise.backups
    for one in data:
        if rules is None or not rules.every or not one.keeps or (rules.instances and one.number not in rules.instances):
            assert one.number not in late
            continue
        start = max(moment for moment in (one.good, promise.since, one.created) if moment is not None)
        assert (one.number in late) == (NOW - start >= LATE * timedelta(hours=rules.every))


@given(PROMISES, LISTS)
def test_every_finding_has_words_and_a_time(promise: Promise, data: list[Data]) -> None:
    found = judge(promise, data, NOW)
    assert (found.state in {State.GOOD, State.NEW}) == (not found.risks)
    for risk in found.risks:
        assert risk.since <= NOW
        assert said(risk).strip()
        assert said(risk).startswith(f"#{risk.number}: ") == bool(risk.number)


def test_all_kinds_have_words() -> None:
    assert all(said(Risk(kind, NOW)) and said(Risk(kind, NOW, 1, NOW, 24, "x")) for kind in Kind)
