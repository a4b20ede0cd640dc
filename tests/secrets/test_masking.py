"""No known value is seen, however it is spelled, wherever pieces are cut; and everything else stays."""

from __future__ import annotations

import base64
import html
import json
import time
from urllib.parse import quote, quote_plus

from hypothesis import assume, example, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from xqplatform.secrets.masking import HIDDEN, SHORTEST, Masker

values = st.text(st.characters(exclude_categories=["Cs"]), min_size=SHORTEST, max_size=40).filter(
    lambda v: len(v.strip()) >= SHORTEST and HIDDEN not in v
)
few = st.lists(values, min_size=1, max_size=4)
around = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
CASES = limits(max_examples=150, deadline=None)


@CASES
@given(known=few, before=around, after=around)
@example(known=["abcdef", "defghi"], before="", after="")
@example(known=["abcdefgh", "cdefgh"], before="ab", after="")
def test_a_value_is_hidden_wherever_it_stands(known: list[str], before: str, after: str) -> None:
    mask = Masker(known)
    for value in known:
        assert value not in mask(before + value + after)
    joined = "".join(known)
    assert all(value not in mask(joined) for value in known)


@CASES
@given(value=values)
def test_it_is_hidden_in_other_spellings(value: str) -> None:
    mask = Masker([value])
    spelled = [quote(value), quote(value, safe=""), quote_plus(value), html.escape(value)]
    spelled += [json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]]
    for text in spelled:
        assert mask(f"<{text}>") == f"<{HIDDEN}>"


@CASES
@given(value=values, before=st.binary(max_size=20), after=st.binary(max_size=20))
def test_base64_of_something_around_it_tells_nothing_of_it(value: str, before: bytes, after: bytes) -> None:
    data = value.encode()
    assume(data not in before + after)
    for encode, decode in ((base64.b64encode, base64.b64decode), (base64.urlsafe_b64encode, base64.urlsafe_b64decode)):
        said = Masker([value])(encode(before + data + after).decode())
        assert HIDDEN in said
        for piece in said.split(HIDDEN):
            for skipped in range(4):
                part = piece[skipped:]
                assert data not in decode(part[: len(part) // 4 * 4] or b"")


@CASES
@given(known=few, text=st.lists(st.one_of(around, values), max_size=6), cuts=st.lists(st.integers(0, 300), max_size=8))
def test_pieces_tell_what_the_whole_tells(known: list[str], text: list[str], cuts: list[int]) -> None:
    whole = "".join(part + known[n % len(known)] for n, part in enumerate(text))
    stream, told, at = Masker(known).stream(), "", 0
    for cut in [*sorted(min(cut, len(whole)) for cut in cuts), len(whole)]:
        told += stream.feed(whole[at:cut])
        assert all(value not in told for value in known)
        at = cut
    told += stream.feed("", last=True)
    assert told == Masker(known)(whole)
    assert not stream.waits


@CASES
@given(text=st.text())
def test_what_holds_no_value_stays_as_it_is(text: str) -> None:
    mask = Masker(["zebra-canary-1", "zebra-canary-2"])
    assume("zebra" not in text and "emVicmE" not in text)
    assert mask(text) == text
    assert Masker([])(text) == text
    assert Masker(["short", "", " \n \n "])(text) == text


def test_lines_of_a_value_are_hidden_by_themselves_but_not_what_frames_every_key() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG\r\n9w0BAQEFAASCBKcwggSj\n-----END PRIVATE KEY-----\n"
    mask = Masker([key])
    assert mask("log: 9w0BAQEFAASCBKcwggSj.") == f"log: {HIDDEN}."
    assert mask("-----BEGIN PRIVATE KEY-----") == "-----BEGIN PRIVATE KEY-----"
    wrapped = base64.encodebytes(key.encode()).decode()
    assert all(line not in mask(wrapped) for line in wrapped.splitlines() if len(line) >= SHORTEST)


def test_a_prompt_waits_only_while_it_may_be_a_value() -> None:
    stream = Masker(["secret-of-mine"]).stream()
    assert stream.feed("login: se") == "login: "
    assert stream.waits
    assert stream.feed("ven\n$ ") == "seven\n$ "
    assert not stream.waits


def test_five_thousand_lines_a_second_are_next_to_nothing() -> None:
    """A limit against what grows with the number of values; the bench measures."""
    mask = Masker([f"zebra-{n}-canary-{n * 7919}" for n in range(300)])
    lines = [
        f"2026-11-29 12:00:00 INFO request {n} took {n % 97} ms from 10.0.{n % 250}.7 path /a/b/{n}"
        for n in range(5000)
    ]
    began = time.thread_time()
    assert [mask(line) for line in lines] == lines
    took = time.thread_time() - began
    print(f"{sum(map(len, lines)) / took / 1e6:.1f} MB/s")
    assert took < 0.5
