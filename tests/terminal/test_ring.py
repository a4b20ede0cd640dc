"""What a page has to catch up with after it lost its socket."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from containers.terminal.ring import Ring

PIECES = st.lists(st.binary(min_size=1, max_size=40), max_size=40)


@given(PIECES, st.integers(0, 2000))
def test_a_page_that_resumes_has_all_bytes_once_and_in_order(pieces: list[bytes], place: int) -> None:
    ring, whole = Ring(100), b"".join(pieces)
    for piece in pieces:
        ring.add(piece)
    place = min(place, len(whole) + 3)
    begin, clear = ring.resumes(place)
    seen = b"" if clear else whole[:place]
    got = ring.since(begin, 10_000)
    assert whole.endswith(got)
    assert begin + len(got) == len(whole) == ring.end
    if not clear:
        assert seen + got == whole


@given(PIECES)
def test_the_last_part_is_always_there_and_memory_has_a_bound(pieces: list[bytes]) -> None:
    ring, whole = Ring(50), b""
    for piece in pieces:
        ring.add(piece)
        whole += piece
        assert ring.since(max(0, ring.end - 50), 50) == whole[-50:]
        assert ring.end - ring.start <= 140


def test_who_comes_new_begins_at_a_line() -> None:
    ring = Ring(10)
    ring.add(b"0123456789\nabcdefgh\n$ ")
    begin, clear = ring.resumes(0)
    assert clear
    assert ring.since(begin, 99) == b"$ "
    assert ring.resumes(10**9)[1], "a place that never was clears the screen"
