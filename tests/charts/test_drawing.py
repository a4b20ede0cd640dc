"""From points to a picture: grids, gaps, bands, limits, marks, tables."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

from django.template.loader import render_to_string
from hypothesis import given
from hypothesis import strategies as st

from xqplatform.metrics import Point, charts, figure, svg
from xqplatform.metrics.charts import Chart, Life, Limit, Line, Mark, Spec, Wanted
from xqplatform.metrics.ranges import Range
from xqplatform.shares import share

SPAN = Range(1000.0, 1100.0)


def point(time: float, value: float, low: float | None = None, high: float | None = None) -> Point:
    return Point(time, value, value if low is None else low, value if high is None else high, 1)


def chart(*lines: Line, **more: object) -> Chart:
    return Chart("cpu", "CPU", "cores", charts.grid_of(1000, 1100, 10), SPAN, list(lines), **more)  # type: ignore[arg-type]


def test_a_place_without_a_sample_is_a_gap() -> None:
    grid = charts.grid_of(1000, 1050, 10)
    assert charts.column([point(1000, 1), point(1010, 2), point(1040, 5)], grid) == [1, 2, None, None, 5, None]


def test_ticks_that_jitter_leave_no_hole() -> None:
    grid = charts.grid_of(1000, 1040, 10)
    assert charts.column([point(1009.9, 1), point(1020.1, 3)], grid) == [1, 2, 3, None, None]


def test_a_tick_that_was_lost_is_a_hole() -> None:
    grid = charts.grid_of(1000, 1040, 10)
    assert charts.column([point(1000.1, 1), point(1020.1, 3)], grid) == [1, None, 3, None, None]


def test_what_each_tick_counts_is_summed_up() -> None:
    """A minute of six ticks with one restart in all has one, not a sixth of one."""
    grid = charts.grid_of(0, 180, 60)
    points = [Point(30, 1 / 6, 0, 1, 6), Point(90, 0, 0, 0, 6), Point(125, 1, 1, 1, 1), Point(130, 1, 1, 1, 1)]
    assert charts.column(points, grid, "total") == [1, 0, 2, None]


@given(st.lists(st.floats(0, 1e6), max_size=60), st.floats(1, 100_000), st.floats(1, 7200))
def test_no_value_is_made_up(times: list[float], length: float, step: float) -> None:
    grid = charts.grid_of(0, length, step)
    values = charts.column([point(t, t) for t in sorted(times)], grid)
    assert len(values) == grid.count <= charts.MOST_PLACES + 2
    known = [v for v in values if v is not None]
    assert all(min(times) <= v <= max(times) for v in known)


def test_a_line_begins_anew_after_a_gap_and_a_lone_value_is_seen() -> None:
    xs = ["0", "10", "20", "30", "40"]
    assert svg.path([1, 1, None, 1, None], xs, 2, 100) == "M0 50L10 50M30 50h1"
    assert svg.path([None] * 5, xs, 2, 100) == ""


def test_a_picture_shows_limits_bands_and_words() -> None:
    line = Line("cpu.cores", "in use", "cpu", [1.0] * 11, low=[0.5] * 11, high=[1.5] * 11)
    found = str(svg.chart(chart(line, limits=[Limit("limit", 2.0)])))
    assert 'class="xqc-limit"' in found
    assert 'class="xqc-band c-cpu"' in found
    assert "in use last 1 cores, highest 1.5 cores" in found
    assert ">2.5 cores<" in found  # the top of the axis has the unit
    assert ">0<" in found


def test_a_limit_far_away_does_not_flatten_the_line() -> None:
    one = chart(Line("m", "x", "cpu", [1.0] * 11), limits=[Limit("limit", 40.0)])
    assert one.top == 1.0
    assert 'class="xqc-limit"' not in str(svg.chart(one))
    assert svg.limit_words(one.limits[0], one.unit) == "limit 40 cores"


def test_marks_and_lives_outside_the_range_are_left_out() -> None:
    marks = [Mark(900, "release", "before"), Mark(1050, "oom", "inside", "/x/")]
    lives = [Life(0, 1050, "old"), Life(1050, None, "new"), Life(1200, None, "later")]
    one = chart(Line("m", "x", "cpu", [1.0] * 11), marks=marks, lives=lives)
    assert [(at, m.label) for at, m in one.shown_marks] == [(50.0, "inside")]
    assert [(left, width, life.label) for left, width, life in one.shown_lives] == [
        (0.0, 50.0, "old"),
        (50.0, 50.0, "new"),
    ]


class Markup(HTMLParser):
    """What a browser makes of it: elements with the names of their attributes, and all words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.shape: list[tuple[str, list[str]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.shape.append((tag, [name for name, _value in attrs]))
        self.words += [value or "" for _name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def figure_of(name: str) -> Markup:
    """A figure, and a small line, in which everything that has a name has this one."""
    values = [1.0] * 11
    one = Chart(
        name, name, name, charts.grid_of(1000, 1100, 10), SPAN,
        [Line(name, name, name, values, values, values), Line(name, name, name, values, fill=True)],
        [Limit(name, 1.0)], [Mark(1050, name, name, name), Mark(1060, name, name)], [Life(0, None, name, name)], name,
    )  # fmt: skip
    spark = svg.sparkline(svg.Spark(name, name, values, colour=name, limit=1.0))
    return Markup(render_to_string("metrics/_chart.html", figure.context_of(one)) + spark)


@given(st.text("<>&\"'/=x", min_size=1, max_size=12))
def test_no_name_becomes_markup(name: str) -> None:
    found = figure_of(name)
    assert found.shape == figure_of("x").shape
    for words in (
        name,
        f"{name} [{name}]",
        f"xqc-curve c-{name}",
        f"xqc-band c-{name}",
        f"xqc-mark {name} {share('l', 50)}",
    ):
        assert words in found.words
    [data] = [json.loads(words) for words in found.words if words.startswith("{")]
    assert (data["title"], data["lines"][0]["label"], data["marks"][0]["url"]) == (name, name, name)


def test_the_table_is_short_and_keeps_gaps() -> None:
    one = chart(Line("m", "x", "cpu", [1.0, 3.0, None, None, 5.0, 5.0, None, None, None, None, 2.0]))
    rows = one.rows(most=5)
    assert [values[0] for _time, values in rows] == [2.0, 5.0, None, 2.0]


def test_the_band_of_many_has_gaps_where_nobody_was_measured() -> None:
    low, mean, high = charts.together([[1.0, None, 3.0], [3.0, None, None]])
    assert (low, mean, high) == ([1.0, None, 3.0], [2.0, None, 3.0], [3.0, None, 3.0])


def test_an_optional_chart_shows_only_what_happened() -> None:
    spec = Spec("drops", "Drops", "packets/s", (Wanted("net.rx_dropped", "in", "in"),), optional=True)
    grid = charts.grid_of(1000, 1100, 10)
    assert charts.draw(spec, {"net.rx_dropped": [point(1000, 0.0)]}, grid, SPAN) is None
    assert charts.draw(spec, {"net.rx_dropped": [point(1000, 2.0)]}, grid, SPAN) is not None


def test_json_since_has_only_the_new_places() -> None:
    one = chart(Line("m", "x", "cpu", [float(n) for n in range(11)]))
    whole, new = one.as_json(), one.as_json(1080)
    assert (whole["start"], whole["count"]) == (1000, 11)
    assert (new["start"], new["lines"][0]["values"]) == (1080, [8.0, 9.0, 10.0])


def test_a_sparkline_without_samples_says_so() -> None:
    assert "no samples" in str(svg.sparkline(None))
    assert "<svg" not in str(svg.sparkline(svg.Spark("CPU", "cores", [None, None])))
    assert re.search(
        r'aria-label="CPU: 2 cores now, 3 cores at most', str(svg.sparkline(svg.Spark("CPU", "cores", [3.0, 2.0])))
    )
