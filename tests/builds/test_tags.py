from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from builds import tags

REVISION = "fd63ea39c0ffee00fd63ea39c0ffee00fd63ea39"
BRANCHES = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1, max_size=80)
BASES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,18}", fullmatch=True)


def test_the_tag_of_the_practice() -> None:
    assert tags.make("snow", 1445589786, REVISION, "prod", "java8V16") == "snow:1445589786_fd63ea39_prod_java8V16"
    assert tags.parse("snow:1445589786_fd63ea39_prod_java8V16") == tags.Tag(
        1445589786, "fd63ea39", "prod", "java8V16", "snow"
    )


def test_a_slash_reads_well() -> None:
    assert tags.make_tag(1, REVISION, "feature/new-page", "b") == "1_fd63ea39_feature--new-page_b"


@settings(deadline=None)
@given(BRANCHES, BASES, st.integers(0, 10**11))
def test_what_is_made_is_read_back(branch: str, base: str, epoch: int) -> None:
    tag = tags.make_tag(epoch, REVISION, branch, base)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", tag)
    found = tags.parse(tag)
    assert found is not None
    assert (found.epoch, found.hash, found.base) == (epoch, "fd63ea39", base)
    if found.branch.endswith("…") and found.branch != branch:
        assert branch.startswith(found.branch[:-1])
    else:
        assert found.branch == branch


def test_two_long_branches_have_two_tags() -> None:
    one, two = (tags.make_tag(1, REVISION, "x" * 150 + end, "b") for end in "ab")
    assert one != two
    assert len(one) == tags.LONGEST


@pytest.mark.parametrize("text", ["", "latest", "1_2_3", "snow:1_fd63ea3_prod_b", "x_fd63ea39_prod_b"])
def test_other_tags_are_not_ours(text: str) -> None:
    assert tags.parse(text) is None


def test_no_hash_no_tag() -> None:
    with pytest.raises(ValueError, match="hash"):
        tags.make_tag(1, "zz", "main", "b")
