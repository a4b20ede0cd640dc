"""When a terminal ends by itself, and when that is told before."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from containers.terminal.limits import WARN, Clocks, Limits, over, warning

LIMITS = Limits(idle=900, total=3600)
TIMES = st.floats(0, 10_000)


def test_each_limit_ends_it() -> None:
    assert over(Clocks(0, 0), LIMITS, 899) is None
    assert over(Clocks(0, 0), LIMITS, 900) == "idle"
    assert over(Clocks(0, 3599), LIMITS, 3600) == "total"
    assert over(Clocks(0, 50, away_since=100), LIMITS, 159) is None
    assert over(Clocks(0, 50, away_since=100), LIMITS, 160) == "away"


@given(TIMES, TIMES, st.none() | TIMES, TIMES)
def test_no_end_comes_without_a_warning_before(opened: float, typed: float, away: float | None, now: float) -> None:
    clocks = Clocks(opened, typed, away)
    told = warning(clocks, LIMITS, now)
    if over(clocks, LIMITS, now):
        assert told is not None
        assert told[1] == 0
    elif told is not None:
        assert 0 < told[1] <= WARN
        assert over(clocks, LIMITS, now + told[1] + 0.001) == told[0]
