"""What the search box understands."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xqplatform.audit.search import asked, language
from xqplatform.audit.search.language import Query, Term, parse

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")


def test_words_phrases_and_fields() -> None:
    found = parse('snow "rolled back" who:wangfang -via:system reason:"more memory" action:service.* 内存')
    assert found.problems == ()
    assert found.terms == (
        Term("", "snow"),
        Term("", "rolled back", whole=True),
        Term("who", "wangfang"),
        Term("via", "system", negated=True),
        Term("reason", "more memory", whole=True),
        Term("action", "service.*"),
        Term("", "内存"),
    )


def test_other_names_of_fields_and_quotation_marks_of_other_keyboards() -> None:
    assert parse("environment:grey").terms == (Term("env", "grey"),)
    assert parse("reason:“内存 不足”").terms == (Term("reason", "内存 不足", whole=True),)
    assert parse("who：dan").terms == (Term("who", "dan"),)


def test_an_unknown_name_is_a_word() -> None:
    found = parse("snow:1445589786_fd63ea39_prod -a-b")
    assert found == Query((Term("", "snow:1445589786_fd63ea39_prod"), Term("", "a-b", negated=True)))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("who:", "who"),
        ('"open', "closed"),
        ("denied:perhaps", "denied"),
        ("whom:dan", "whom"),
        ("a" * 1001, "1000"),
        (" ".join(f"w{n}" for n in range(25)), "24"),
    ],
)
def test_what_is_wrong_is_told(text: str, told: str) -> None:
    assert any(told in problem for problem in parse(text).problems)


@given(st.text(max_size=200))
def test_anything_can_be_typed(text: str) -> None:
    found = parse(text)
    assert all(term.text.strip() for term in found.terms)
    assert "\x00" not in str(found)


WORD = st.text(st.sampled_from("abz09.-_内存:é"), min_size=1, max_size=8).filter(lambda t: not t.startswith("-"))
TERM = st.builds(
    Term,
    st.sampled_from(["", *(name for name in language.FIELDS if name != "denied")]),
    st.one_of(WORD, st.lists(WORD, min_size=2, max_size=3).map(" ".join)),
    st.just(True),
    st.booleans(),
)


@given(st.lists(TERM, max_size=8, unique=True))
def test_a_search_written_out_reads_the_same(terms: list[Term]) -> None:
    assert parse(str(Query(tuple(terms)))) == Query(tuple(terms))


def test_a_condition_is_put_in_place_of_another_and_taken_out() -> None:
    query = parse("snow who:dan -via:system")
    assert language.replaced(query, "who", "sara lee") == 'snow -via:system who:"sara lee"'
    assert language.without(query, Term("who", "dan")) == "snow -via:system"


def test_times_are_in_the_viewers_zone() -> None:
    found = asked.read({"since": "2026-03-01", "until": "2026-03-01T14:30"}, SHANGHAI, NOW)
    assert found.since == datetime(2026, 2, 28, 16, tzinfo=UTC)
    assert found.until == datetime(2026, 3, 1, 6, 30, tzinfo=UTC)
    assert asked.read({"until": "2026-03-01"}, SHANGHAI, NOW).until == datetime(2026, 3, 1, 16, tzinfo=UTC)
    assert asked.read({"range": "24h"}, SHANGHAI, NOW).since == datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("text", ["yesterday", "9999-99-99", "9" * 4300, "9999-12-31"])
def test_times_that_are_none(text: str) -> None:
    found = asked.read({"until": text}, SHANGHAI, NOW)
    assert found.until is None
    assert found.problems
    assert "until" in found.problems


def test_an_end_before_the_beginning_is_told() -> None:
    found = asked.read({"since": "2026-03-02", "until": "2026-03-01"}, SHANGHAI, NOW)
    assert found.problems
    assert "until" in found.problems
    assert found.since


def test_fields_are_conditions_beside_the_box() -> None:
    found = asked.read({"q": "snow", "who": "dan", "denied": "1", "via": ""}, SHANGHAI, NOW)
    assert found.query.terms == (Term("", "snow"), Term("who", "dan", whole=True), Term("denied", "yes", whole=True))
