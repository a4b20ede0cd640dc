"""What somebody watches as it comes: no value is seen however it is cut, and nothing waits that need not."""

from __future__ import annotations

import time
from itertools import pairwise

from hypothesis import example, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from tests.secrets.test_masking import few, values
from xqplatform.secrets.masking import HIDDEN, Masker
from xqplatform.secrets.masking_live import Live

CASES = limits(max_examples=200, deadline=None)
SIGN = HIDDEN.encode()


def pieces(whole: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(whole), *(cut % (len(whole) + 1) for cut in cuts)})
    return [whole[begin:end] for begin, end in pairwise(edges)]


def masked(known: list[str], whole: bytes) -> bytes:
    """All of it at once, whatever bytes it is of."""
    mask = Masker(known)
    return mask.cut(whole, mask.spans(whole))


@CASES
@given(
    known=few,
    parts=st.lists(st.one_of(st.binary(max_size=30), values.map(str.encode)), max_size=6),
    cuts=st.lists(st.integers(0, 400), max_size=12),
    early=st.sets(st.integers(0, 12)),
)
@example(known=["abcdef", "defghi"], parts=[b"abc", b""], cuts=[3, 6], early={0, 1})
@example(known=["abcdef", "abcdefgh"], parts=[b"abcdefg"], cuts=[4, 6], early={1})
def test_however_it_is_cut_the_kept_is_the_whole_masked_and_no_value_is_seen(
    known: list[str], parts: list[bytes], cuts: list[int], early: set[int]
) -> None:
    whole = b"".join(part + known[n % len(known)].encode() for n, part in enumerate(parts))
    live, kept, seen, patient = Live(lambda: mask), b"", b"", Live(lambda: mask)
    mask, waited = Masker(known), b""
    for n, piece in enumerate(pieces(whole, cuts)):
        said = live.feed(piece)
        kept, seen = kept + said.kept, seen + said.seen
        waited += patient.feed(piece).seen
        if n in early:
            seen += live.early()
            assert not live.waits
        assert all(value.encode() not in seen for value in known)
    rest = live.feed(b"", last=True)
    assert kept + rest.kept == masked(known, whole)
    assert waited + patient.feed(b"", last=True).seen == masked(known, whole)
    assert all(value.encode() not in seen + rest.seen for value in known)


@CASES
@given(whole=st.binary(max_size=300), cuts=st.lists(st.integers(0, 300), max_size=9), early=st.booleans())
def test_bytes_without_a_value_come_as_they_are(whole: bytes, cuts: list[int], early: bool) -> None:
    mask = Masker(["zebra-canary-1", "b" * 6 + "ä€"])
    live, seen = Live(lambda: mask), b""
    for piece in pieces(whole, cuts):
        seen += live.feed(piece).seen + (live.early() if early else b"")
    assert seen + live.feed(b"", last=True).seen == masked(["zebra-canary-1", "b" * 6 + "ä€"], whole)


def test_what_was_told_early_is_not_told_again_and_the_rest_of_the_value_is_hidden() -> None:
    mask = Masker(["zebra-canary"])
    live = Live(lambda: mask)
    assert live.feed(b"DB=zebra-") == (b"DB=", b"DB=")
    assert live.early() == b"zebra-"
    assert live.feed(b"can") == (b"", b"")
    assert live.feed(b"ary\r\n$ ") == (SIGN + b"\r\n$ ", SIGN + b"\r\n$ ")


# Every letter begins one.
MANY = Masker([f"{letter}-value-of-{letter * 3}" for letter in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"])


@CASES
@given(typed=st.lists(st.text("abcdefgh -/.A", min_size=1, max_size=3), max_size=30))
def test_an_echo_never_waits(typed: list[str]) -> None:
    live = Live(lambda: MANY)
    for keys in typed:
        live.typed(keys.encode())
        assert live.feed(keys.encode()).seen == keys.encode()
        assert not live.waits


def test_an_echo_of_a_value_is_hidden_at_its_end_and_what_programs_say_is_no_echo() -> None:
    mask = Masker(["zebra-canary"])
    live, said = Live(lambda: mask), b""
    for key in "zebra-canary":
        live.typed(key.encode())
        said += live.feed(key.encode()).seen
    assert said == b"zebra-canar" + SIGN
    live.typed(b"z\r")
    assert live.feed(b"z").seen == b""
    assert live.feed(b"\r\n").seen == b"z\r\n"


def test_sequences_for_the_terminal_do_not_wait() -> None:
    live = Live(lambda: MANY)
    for words in (b"\x1b[?25h", b"\x1b[12;40H", b"~\x1b[K", b"\x1bM", b"text\x1b[1;31m"):
        assert live.feed(words).seen == words


def test_values_that_become_known_meanwhile_are_hidden_from_then_on() -> None:
    known = Masker(())
    live = Live(lambda: known)
    assert live.feed(b"zebra-canary ").seen == b"zebra-canary "
    known = Masker(["zebra-canary"])
    assert live.feed(b"zebra-").seen == b""
    assert live.feed(b"canary").seen == SIGN


def test_a_flood_is_not_slowed_down() -> None:
    """A floor far below what it does (250 MB/s with 300 values): the machine may be at other work."""
    mask = Masker([f"zebra-{n}-canary-{n * 7919}" for n in range(300)])
    live, piece = (
        Live(lambda: mask),
        (b"2026-11-29 12:00:00 INFO request took 17 ms from 10.0.3.7\r\n" * 1200)[: 64 << 10],
    )
    began = time.thread_time()
    for _ in range(160):
        live.feed(piece)
    took = time.thread_time() - began
    print(f"{160 * len(piece) / took / 1e6:.0f} MB/s")
    assert took < 160 * len(piece) / 50e6
