"""After how many failures who waits, for any numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from xqplatform.accounts.signin.limits import ADDRESS, COOL_OFF, NAME, PAIR, SLOW, Failures, lock

failures = st.builds(Failures, st.integers(0, 10_000), st.floats(0, 2 * COOL_OFF))


@given(failures, failures, failures, st.booleans())
def test_a_lock_ends_and_says_when(pair: Failures, address: Failures, name: Failures, known: bool) -> None:
    found = lock(pair, address, name, known)
    if found is None:
        return
    assert 0 < found.wait <= COOL_OFF
    later = [Failures(f.count, f.ago + found.wait) for f in (pair, address, name)]
    assert lock(*later, known) is None


@given(st.integers(0, 10_000), st.floats(0, COOL_OFF))
def test_nobody_locks_somebody_elses_name(count: int, ago: float) -> None:
    """However often a name is guessed from elsewhere, its person comes in from where they came before, and waits at
    most half a minute from anywhere else."""
    name = Failures(count, ago)
    assert lock(Failures(), Failures(), name, known=True) is None
    slowed = lock(Failures(), Failures(), name, known=False)
    assert slowed is None or (slowed.what == "name" and slowed.wait <= SLOW and count >= NAME)


@given(st.integers(0, 200), st.integers(0, 200))
def test_the_limits_are_where_they_are_said_to_be(pair: int, address: int) -> None:
    held = lock(Failures(pair, 0), Failures(address, 0), Failures(), known=True) is not None
    assert held == (pair >= PAIR or address >= ADDRESS)
