"""A plan that changed since somebody looked: each change has its words."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.planned import stale

MARK: dict[str, Any] = {
    "config": 3,
    "current": "v1",
    "current_config": 2,
    "image": ["v2", "sha256:a"],
    "wanted": 2,
    "size": 1,
    "entries": {"1": ["replace", "h1", "10.0.0.1", "v1"], "2": ["replace", "h2", "10.0.0.2", "v1"]},
    "batches": {"1": 1, "2": 2},
    "guards": {"freeze": True},
}
CHANGES: list[tuple[list[str], Any, str]] = [
    (["config"], 4, "v4"),
    (["current"], "v9", "v9 runs now"),
    (["current_config"], 3, "what runs has the settings v3"),
    (["image"], ["v2", "sha256:b"], "another image now"),
    (["image"], ["v3", "sha256:b"], "the image is v3"),
    (["wanted"], 5, "5 instances are wanted, not 2"),
    (["size"], 2, "2 go at a time"),
    (["entries", "2", "1"], "h3", "#2: h2 → h3"),
    (["entries", "2", "0"], "add", "#2: replace → add"),
    (["batches", "2"], 1, "#2: 2 → 1"),
    (["guards"], {"freeze": False}, "«freeze» stands in the way now"),
    (["guards"], {"freeze": True, "approvals": False}, "«approvals» stands in the way now"),
]


def changed(path: list[str], value: Any) -> dict[str, Any]:
    mark = copy.deepcopy(MARK)
    at: Any = mark
    for name in path[:-1]:
        at = at[name]
    at[int(path[-1]) if isinstance(at, list) else path[-1]] = value
    return mark


@pytest.mark.parametrize(("path", "value", "words"), CHANGES)
def test_a_change_is_named(path: list[str], value: Any, words: str) -> None:
    found = stale(MARK, changed(path, value))
    assert len(found) == 1
    assert words in found[0]


@given(st.sets(st.sampled_from(["current_config", "image", "wanted", "size", "batches", "guards"])))
def test_a_mark_of_an_older_version_is_compared_by_what_it_says(unknown: set[str]) -> None:
    old = {name: value for name, value in MARK.items() if name not in unknown}
    assert stale(old, MARK) == []
    assert stale(MARK, old) == []
    assert len(stale(old, changed(["config"], 9))) == 1


def test_a_guardrail_that_has_gone_away_is_no_reason_to_look_again() -> None:
    assert stale(changed(["guards"], {"freeze": False}), MARK) == []
