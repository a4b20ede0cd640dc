"""Tiles: as large as their numbers, side by side, and told in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.capacity.treemap import HEIGHT, WIDTH, Part, drawn, tiles

sizes = st.lists(st.one_of(st.just(0.0), st.floats(0.5, 1e5)), max_size=60)


def parts(of: list[float]) -> list[Part]:
    return [Part(f"part {n}", size, f"{size:.0f}") for n, size in enumerate(of)]


@given(sizes)
def test_tiles_fill_the_picture_each_as_large_as_its_number(of: list[float]) -> None:
    found = tiles(parts(of))
    assert sorted(tile.part.size for tile in found) == sorted(size for size in of if size)
    total = sum(of)
    for tile in found:
        assert tile.width * tile.height == pytest.approx(WIDTH * HEIGHT * tile.part.size / total, rel=1e-6)
        assert -1e-6 <= tile.x <= tile.x + tile.width <= WIDTH + 1e-3
        assert -1e-6 <= tile.y <= tile.y + tile.height <= HEIGHT + 1e-3


@given(st.lists(st.floats(0.5, 1e3), min_size=2, max_size=25))
def test_no_tile_lies_over_another(of: list[float]) -> None:
    found = tiles(parts(of))
    for n, one in enumerate(found):
        for other in found[n + 1 :]:
            wide = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
            high = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
            assert min(wide, high) < 1e-3


def test_what_people_call_things_is_text_and_nothing_is_drawn_of_nothing() -> None:
    text = drawn([Part("<script>", 3, "3", 0.5, "/x/?a=1&b=2")], "CPU")
    assert "<script>" not in text
    assert "50 % of it used" in text
    assert drawn([], "CPU") == drawn(parts([0.0, 0.0]), "CPU") == ""
