"""A ticket, a reason, how many at a time, how many stay healthy: pure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.guardrails import limits
from containers.guardrails.verdict import Check, Verdict
from xqplatform.errors import Refused


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("OPS-12: faster", "OPS-12"),
        ("faster (INC-7)", "INC-7"),
        ("ops-12", ""),
        ("DEVOPS-12", ""),
        ("OPS-", ""),
        ("OPS-12a", ""),
        ("", ""),
    ],
)
def test_a_ticket_is_found_as_a_word_of_its_own(text: str, found: str) -> None:
    assert limits.ticket_in(text, "OPS-#, INC-#") == found


@pytest.mark.parametrize("pattern", ["OPS", "(a+)+#", "#" * 50, "a b", "^#"])
def test_what_is_no_pattern_is_refused_with_words(pattern: str) -> None:
    with pytest.raises(Refused, match="pattern"):
        limits.patterns(pattern)


@given(st.text(max_size=400))
def test_any_text_is_searched(text: str) -> None:
    found = limits.ticket_in(text, "OPS-#")
    assert not found or found in text


def test_a_batch_has_a_limit_in_instances_and_in_percent() -> None:
    assert [c.passes for c in limits.batch(3, 12, 2, None)] == [False]
    assert [c.passes for c in limits.batch(2, 12, 2, 10)] == [True, False]
    assert [c.passes for c in limits.batch(1, 3, None, 10)] == [True]  # one may always be changed
    assert [c.passes for c in limits.batch(5, 0, None, 10)] == [True]  # nothing runs yet


@given(st.integers(1, 50), st.integers(1, 50), st.integers(0, 50), st.integers(1, 100), st.booleans())
def test_what_passes_leaves_enough_healthy_ones(size: int, of: int, well: int, least: int, first: bool) -> None:
    well, size = min(well, of), min(size, of)
    check = limits.healthy(size, of, well, least, first)
    left = well if first else max(0, well - size)
    if well * 100 >= least * of:  # where there are enough now, there are enough during the batch
        assert check.passes == (left * 100 >= least * of)
    else:  # a release may be the cure
        assert check.passes


def test_a_verdict_knows_when_to_be_asked_again() -> None:
    fine, frozen = Check("a", True, "x"), Check("freeze", False, "Frozen.", 100.0)
    assert Verdict((fine,)).passes
    assert Verdict((fine, frozen)).until == 100.0
    assert Verdict((fine, frozen)).words == "Frozen."
    assert Verdict((frozen, Check("proof", False, "No proof."))).until is None
    assert Verdict((frozen, Check("freeze", False, "Again.", 200.0))).until == 200.0
