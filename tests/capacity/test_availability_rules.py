"""Minutes of availability and error budgets, as pure rules."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from containers.capacity.availability import Piece, Span, add_up, budget, clean, judge, mark

MARKS = st.lists(st.sampled_from([True, False, None]), max_size=12)
DAYS = st.builds(Span, st.floats(0, 86400), st.floats(0, 86400), st.floats(0, 86400))


def test_a_minute_of_an_instance() -> None:
    assert mark(Piece(1, 0.9), True, True) is True
    assert mark(Piece(1, 0.2), True, True) is False
    assert mark(Piece(1), checked=True, measured=True) is False  # its check has not answered yet
    assert mark(Piece(1), checked=False, measured=True) is True
    assert mark(None, False, measured=True) is False  # others were measured there: it does not run
    assert mark(None, False, measured=False) is None


def test_a_piece_is_clean_only_if_enough_were_well_throughout() -> None:
    well, shaky, bare = {0.0: Piece(1, 1, 1)}, {0.0: Piece(1, 0.98, 0)}, {0.0: Piece(0.95)}
    assert clean([well, shaky], 0.0, 1)
    assert not clean([well, shaky], 0.0, 2)
    assert clean([bare], 0.0, 1)
    assert not clean([{0.0: Piece(0.5)}], 0.0, 1)
    assert not clean([{0.0: Piece(1), 600.0: Piece(1, 1, 1)}], 0.0, 1)  # it has a check, which had not answered
    assert not clean([], 0.0, 1)


@given(MARKS, st.integers(1, 5))
def test_what_is_learnt_later_changes_only_what_was_unknown(marks: list[bool | None], least: int) -> None:
    found = judge(marks, least)
    for as_if in (True, False):
        learnt = judge([as_if if one is None else one for one in marks], least)
        assert learnt is not None
        assert found is None or learnt == found
    assert judge([*marks, True], least) is not False or found is False


@given(st.lists(st.sampled_from([True, False, None]), max_size=1440))
def test_all_time_is_somewhere(verdicts: list[bool | None]) -> None:
    span = add_up(verdicts, 60)
    assert span.good + span.bad + span.unknown == 60 * len(verdicts)
    assert span.share is None or 0 <= span.share <= 1
    assert (span.share is None) == all(one is None for one in verdicts)


def test_a_budget_is_of_the_whole_window() -> None:
    day = Span(86400 - 432, 432, 0)  # 0.5 % of a day, of a 99.9 % target: 16.7 % of thirty days' budget
    found = budget(Span(86400) + day, day, 99.9)
    assert found is not None
    assert round(found.left, 3) == 0.833
    assert round(found.seconds) == 2160
    assert found.burn is not None
    assert round(found.burn, 6) == 5.0
    assert budget(Span(), Span(), 99.9) is None
    assert budget(Span(unknown=86400), Span(unknown=86400), 99.9) is None


@given(DAYS, DAYS, st.floats(1, 99.999), st.floats(0, 86400))
def test_more_outage_leaves_less(window: Span, last: Span, target: float, more: float) -> None:
    before, after = (budget(window + last + worse, last + worse, target) for worse in (Span(), Span(bad=more)))
    if before is not None and after is not None:
        assert after.left <= before.left + 1e-9
        assert before.left <= 1
