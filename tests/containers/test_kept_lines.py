"""The last lines of a log stay within their limits, and come back from their row as they were."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from containers.kept_lines import BYTES, LINE_BYTES, LINES, Last, packed, shortened, texts, unpacked, weight
from hosts.engine import LogLine

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
TIME = st.sampled_from(["", "2026-01-01T00:00:00Z"])
LINE = st.builds(LogLine, st.sampled_from(["stdout", "stderr"]), TIME, TEXT, goes_on=st.just(False))


@given(st.lists(LINE, max_size=40))
def test_what_is_packed_comes_back(lines: list[LogLine]) -> None:
    assert unpacked(packed(lines)) == lines


def test_nothing_is_nothing() -> None:
    assert unpacked(b"") == []
    assert unpacked(packed([])) == []


@given(st.lists(st.integers(0, 40_000), max_size=60), st.integers(0, 700))
def test_the_last_lines_stay_within_the_limits(sizes: list[int], short: int) -> None:
    last = Last()
    given = [LogLine("stdout", "", "x" * n) for n in sizes] + [LogLine("stdout", "", str(n)) for n in range(short)]
    for line in given:
        last.add(line)
    assert len(last.lines) <= LINES
    assert last.size == sum(weight(one.text) for one in last.lines) <= BYTES
    kept = list(last.lines)
    # They are the last ones, in their order; whatever is missing is said.
    assert [one.text[:100] for one in kept] == [one.text[:100] for one in given[len(given) - len(kept) :]]
    assert last.cut == (len(kept) < len(given) or any(n > LINE_BYTES for n in sizes))


@given(TEXT, st.integers(1, 300))
def test_a_long_line_is_cut_and_says_how_much_is_missing(text: str, limit: int) -> None:
    shown, cut = shortened(text, limit)
    data = text.encode()
    assert cut == (len(data) > limit)
    if cut:
        assert shown.endswith(f"… (+{len(data) - limit} bytes)")
        assert data.startswith(shown[: shown.rindex("…")].encode())
    else:
        assert shown == text


def test_a_glance() -> None:
    lines = [LogLine("stdout", "", str(n)) for n in range(10)]
    assert texts(lines, 2, 100) == "8\n9"
    assert texts(lines, 10, 3) == "8\n9"
    assert texts([LogLine("stdout", "", "a\x00b")], 1, 100) == "ab", "PostgreSQL takes no NUL"
