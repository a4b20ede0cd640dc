"""Which lines are wanted; patterns that would take for ever elsewhere take no time here."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.logs.filters import LONGEST, fields_of, filter_of, value_of
from containers.logs.levels import ERROR, INFO, WARN
from xqplatform.errors import Refused


def test_small_letters_find_all_capitals_only_themselves() -> None:
    assert filter_of("timeout").takes("a TimeOut of 3 s", INFO)
    assert not filter_of("Timeout").takes("a timeout of 3 s", INFO)
    assert filter_of("time(out|d)").takes("it timed out", INFO)
    assert filter_of("雪.").takes("雪球", INFO)


@pytest.mark.parametrize("pattern", ["(", "[a", "a{2000}", "(?=x)", "\\1", "*", "(?P<x", "\\", "x{1000}{1000}"])
def test_what_is_no_pattern_is_said_at_its_field(pattern: str) -> None:
    with pytest.raises(Refused) as caught:
        filter_of(pattern)
    assert caught.value.field == "q"
    assert caught.value.code == 400


def test_a_very_long_pattern_is_refused() -> None:
    with pytest.raises(Refused):
        filter_of("x" * (LONGEST + 1))


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(.*)*x", "(a?){50}a{50}$"])
def test_a_catastrophic_pattern_costs_no_more_than_others(pattern: str) -> None:
    # The sign at the end matters: where all of it fits, a search that tries all ways ends with the first of them.
    wanted, text = filter_of(pattern), "a" * 8000 + "!"
    began = time.process_time()
    for _n in range(20):
        wanted.takes(text, INFO)
    assert time.process_time() - began < 5


@given(st.text(max_size=60), st.text(max_size=200))
def test_any_pattern_is_taken_or_refused(pattern: str, text: str) -> None:
    try:
        wanted = filter_of(pattern)
    except Refused:
        return
    wanted.takes(text, INFO)


def test_levels_and_worse() -> None:
    wanted = filter_of(level=WARN)
    assert wanted.takes("x", ERROR)
    assert not wanted.takes("x", INFO)


def test_fields_of_json_and_pairs() -> None:
    line = '{"user":{"id":7},"path":"/a=b","ok":true,"a.b":1}'
    assert filter_of(fields=["user.id=7", "ok=true", "path=/a=b", "a.b=1"]).takes(line, INFO)
    assert not filter_of(fields=["user.id=8"]).takes(line, INFO)
    assert filter_of(fields=["user.id!=8", "nobody!=x"]).takes(line, INFO)
    pairs = 'level=info msg="two words" n=3'
    assert filter_of(fields=["msg=two words", "n=3"]).takes(pairs, INFO)
    assert fields_of(pairs) == {"level": "info", "msg": "two words", "n": "3"}
    assert not filter_of(fields=["n=3"]).takes("no fields here", INFO)


@pytest.mark.parametrize("text", ["", "x", "=", "=x", "!=x"])
def test_what_is_no_field_is_refused(text: str) -> None:
    with pytest.raises(Refused) as caught:
        filter_of(fields=[text])
    assert caught.value.field == "f"


def test_a_field_that_is_not_there() -> None:
    assert value_of({"a": {"b": 1}}, "a.c") is None
    assert value_of({"a": 1}, "a.b") is None
    assert value_of({"a": None}, "a") == "null"


def test_pairs_within_words_are_found_as_they_stand() -> None:
    assert fields_of("--flag=1 2x=3 (a.b/c=4) user@host=5 «雪=6 k=7»") == {
        "flag": "1", "x": "3", "a.b/c": "4)", "user@host": "5", "k": "7»",
    }  # fmt: skip


def test_a_long_word_costs_no_more_than_many_short_ones() -> None:
    wanted = filter_of(fields=["a=b"])
    began = time.process_time()
    for _n in range(100):
        assert not wanted.takes("aGVs/bG8" * 1000, INFO)
    assert time.process_time() - began < 3
