"""Entries: what repeats is folded, the first and the last stay, nothing else is lost, and a death changes nothing."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from containers.recorder.book import Book, Entry, in_order, packed, unpacked


def entry(step: int, n: int, path: str, status: int = 200) -> Entry:
    return Entry(step, "h1", float(n), "GET", path, "", status, 2, 2)


ASKED = st.lists(st.tuples(st.integers(0, 2), st.sampled_from("ab"), st.sampled_from([200, 404])), max_size=60)


def told(asked: list[tuple[int, str, int]]) -> list[Entry]:
    return [entry(step, n, path, status) for n, (step, path, status) in enumerate(asked)]


@given(ASKED, st.integers(1, 5), st.integers(1, 5), st.sets(st.integers(0, 60)), st.sets(st.integers(0, 60)))
def test_every_call_is_counted_whenever_it_is_stored_and_whoever_dies(
    asked: list[tuple[int, str, int]], first: int, most: int, stores: set[int], deaths: set[int]
) -> None:
    book, stored, rest = Book(first, most), [], ([], Counter())
    for n, one in enumerate(told(asked)):
        book.add(one)
        if n in stores | deaths:
            closed, last = book.take()
            stored += unpacked(packed(closed))[0]
            rest = unpacked(packed(last, book.left_out))
        if n in deaths:
            book = Book(first, most)
            book.go_on(stored, *rest)
    closed, last = book.take()
    everything = in_order([*stored, *closed, *last])
    assert sum(e.count for e in everything) + book.left_out.total() == len(asked)
    assert sum(e.total for e in everything) == 2 * sum(e.count for e in everything)
    for step in range(3):
        mine = [e for e in [*stored, *closed, *last] if e.step == step]
        assert len(mine) <= first + most + 1


def test_polls_are_one_line_and_others_are_not() -> None:
    book = Book()
    calls = [entry(1, n, "/x/json") for n in range(14)] + [entry(1, 14, "/x/json", 404)]
    for one in calls:
        book.add(one)
    closed, last = book.take()
    assert [(e.count, e.status) for e in closed + last] == [(14, 200), (1, 404)]
    assert closed[0].last == 13.0


def test_what_is_not_there_is_an_answer_and_no_refusal() -> None:
    assert not entry(1, 0, "/images/x/json", 404).failed
    assert entry(1, 0, "/images/x/json", 500).failed
    assert entry(1, 0, "/images/x/json", 0).failed


def test_the_first_and_the_last_stay() -> None:
    book = Book(2, 3)
    for n in range(10):
        book.add(entry(1, n, f"/{n}"))
    closed, last = book.take()
    assert [e.path for e in closed + last] == ["/0", "/1", "/6", "/7", "/8", "/9"]
    assert book.left_out == {(1, "h1"): 4}
