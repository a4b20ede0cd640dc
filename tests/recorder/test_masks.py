"""Nothing secret is in what is recorded of a call."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from containers.recorder.masks import HIDDEN, bare, facts_of, hidden_values, masked

VALUE = st.text("abcxyz-0189", min_size=3, max_size=12)


@given(st.lists(VALUE, min_size=1, max_size=5), st.text("abc xyz:", max_size=30))
def test_no_secret_is_left_in_the_words(secrets: list[str], words: str) -> None:
    text = masked(words + ": ".join(secrets) + words, hidden_values(secrets, []))
    assert not any(secret in text for secret in secrets)


def test_a_key_of_many_lines_is_hidden_line_by_line() -> None:
    assert masked("bad: MIIabc", hidden_values(["-----BEGIN\nMIIabc\n-----END"], [])) == f"bad: {HIDDEN}"


def test_short_plain_values_are_words_like_others() -> None:
    hidden = hidden_values(["x"], ["true", "8080", "postgres://db"])
    assert masked("true 8080 postgres://db x ax", hidden) == f"true 8080 {HIDDEN} {HIDDEN} ax"


def test_only_harmless_parameters_are_told() -> None:
    assert facts_of({"name": "snow-1", "filters": '{"label": ["x"]}', "buildargs": "k"}) == "name=snow-1"
    assert bare("/containers/x/logs?auth=1") == "/containers/x/logs"
