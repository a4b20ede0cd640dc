"""Before and after, made readable."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from xqplatform.audit.differences import Line, rows


def keys(before: object, after: object) -> list[tuple[str, object, object]]:
    return [(row.key, row.before, row.after) for row in rows(before, after)]


def test_nested_values_are_told_by_their_path_and_equal_ones_not_at_all() -> None:
    before = {"limits": {"memory": "4g", "cpus": 4}, "wanted": 3}
    after = {"limits": {"memory": "8g", "cpus": 4}, "wanted": 4}
    assert keys(before, after) == [("limits.memory", "4g", "8g"), ("wanted", 3, 4)]


def test_what_is_new_is_told_with_all_its_parts() -> None:
    assert keys(None, {"limits": {"memory": "8g", "cpus": 4}}) == [
        ("limits.memory", None, "8g"),
        ("limits.cpus", None, 4),
    ]
    assert keys({"a": 1}, {}) == [("a", 1, None)]


def test_lists_say_what_came_and_went() -> None:
    (row,) = rows({"hosts": ["a", "b", "c"]}, {"hosts": ["a", "c", "d"]})
    assert row.lines == (Line(" ", "a"), Line("-", "b"), Line(" ", "c"), Line("+", "d"))


def test_texts_are_compared_line_by_line_with_some_lines_around() -> None:
    before = "\n".join(f"line {n}" for n in range(20))
    (row,) = rows({"script": before}, {"script": before.replace("line 10\n", "line ten\n")})
    assert [line.sign for line in row.lines] == ["…", " ", " ", "-", "+", " ", " ", "…"]


def test_other_kinds_of_a_value_stand_side_by_side() -> None:
    assert keys({"a": {"b": 1}}, {"a": "x"}) == [("a", {"b": 1}, "x")]
    assert keys("x", ["y"]) == [("", "x", ["y"])]
    assert rows({"a": "x\ny"}, {"a": "z\ny"}, lines=False)[0].lines == ()


VALUE = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=8,
)


@given(VALUE, VALUE)
def test_every_stored_value_can_be_shown(before: object, after: object) -> None:
    for row in rows(before, after):
        assert row.has_before or row.has_after


@given(st.dictionaries(st.text("ab", max_size=2), VALUE, max_size=3))
def test_equal_structures_inside_do_not_differ(value: dict[str, object]) -> None:
    for row in rows({"x": value, "y": 1}, {"x": value, "y": 2}):
        assert row.key == "y" or not value or row.before == row.after
