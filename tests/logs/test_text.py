"""Times that can be compared as text, and texts without signs that would do something."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.logs.text import LONGEST, asked_stamp, engine_time, nanos, normal, of_nanos, plain, shown

NANOS = st.integers(0, 4_000_000_000 * 10**9)


@given(NANOS, NANOS)
def test_stamps_are_ordered_as_their_times_are(a: int, b: int) -> None:
    assert (of_nanos(a) < of_nanos(b)) == (a < b)
    assert nanos(of_nanos(a)) == a
    assert normal(of_nanos(a)) == of_nanos(a)


@given(NANOS, st.integers(-(10**12), 10**12))
def test_an_engine_is_asked_to_the_nanosecond(a: int, shift: int) -> None:
    seconds, _dot, fraction = engine_time(of_nanos(a), shift).partition(".")
    assert int(seconds) * 10**9 + int(fraction) == max(0, a + shift)
    assert len(fraction) == 9


@pytest.mark.parametrize(
    ("text", "stamp"),
    [
        ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.000000000Z"),
        ("2026-01-02T03:04:05.5Z", "2026-01-02T03:04:05.500000000Z"),
        ("2026-01-02T11:04:05.123456789+08:00", "2026-01-02T03:04:05.123456789Z"),
        ("1767323045.25", "2026-01-02T03:04:05.250000000Z"),
        ("2026-13-45T99:99:99Z", ""),
        ("0001-01-01T00:00:00+08:00", ""),
        ("yesterday", ""),
        ("", ""),
        ("٣", ""),
    ],
)
def test_what_counts_as_a_time(text: str, stamp: str) -> None:
    assert asked_stamp(text) == stamp


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07rest", "rest"),
        ("10%\r50%\r100%", "100%"),
        ("tab\tstays", "tab\tstays"),
        ("\x1b[2K\x1b[1Gdone", "done"),
        ("雪球\x00", "雪球"),
        ("user\u202etxt.exe", "usertxt.exe"),
        ("\x9b31mred", "31mred"),
        ("", ""),
    ],
)
def test_control_signs_are_taken_out(text: str, wanted: str) -> None:
    assert plain(text) == wanted


@given(st.text(max_size=300))
def test_nothing_is_left_that_does_something(text: str) -> None:
    found = plain(text)
    assert not any((ord(sign) < 32 and sign not in "\t\n\r") or 0x7F <= ord(sign) <= 0x9F for sign in found)
    assert plain(plain(found)) == plain(found)


def test_a_line_of_a_mebibyte_is_cut_and_its_length_told() -> None:
    assert shown("x" * (1 << 20)) == ("x" * LONGEST, 1 << 20)
    assert shown("short") == ("short", 0)
