"""What an application tells stands beside what the system measures of the same instance."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from containers.told.shape import LATELY, Shape
from xqplatform import metrics
from xqplatform.metrics import Sample
from xqplatform.metrics.models import Layout
from xqplatform.metrics.moments import COLLECTOR, SCRAPER, STATSD, own_moment


@given(st.floats(1.5e9, 3e9), st.sampled_from([COLLECTOR, SCRAPER, STATSD]))
def test_writers_never_meet(moment: float, writer: int) -> None:
    at = own_moment(moment, writer)
    assert round(at * 100) % 4 == writer
    assert abs(at - moment) <= 0.021
    assert own_moment(at, writer) == at


@pytest.mark.django_db
def test_the_latest_has_both() -> None:
    now = time.time()
    metrics.write(
        [
            Sample("instance:1", now - 12, {"cpu.cores": 1.0, "health": 1.0}, "abc"),
            Sample("instance:1", now - 9, {"app.a": 1.0}),
            Sample("instance:1", now - 8, {"app.b": 2.0, "app.c": 3.0}),
            Sample("instance:1", now - 5, {"app.a": 4.0}),
            Sample("instance:1", now - 3, {"cpu.cores": 2.0}, "abc"),
            Sample("instance:1", now - 1, {"app.b": 5.0, "app.c": 6.0}),
            Sample("instance:2", now - 2, {"app.a": 7.0}),
        ]
    )
    found = metrics.latest()
    assert found["instance:1"] == (
        pytest.approx(now - 3, abs=0.01),
        {"cpu.cores": 2.0, "app.a": 4.0, "app.b": 5.0, "app.c": 6.0},
    )
    assert found["instance:2"] == (pytest.approx(now - 2, abs=0.01), {"app.a": 7.0})
    assert metrics.latest(["instance:1"]) == {"instance:1": found["instance:1"]}


@pytest.mark.django_db
def test_each_has_its_own_series() -> None:
    now = time.time()
    metrics.write([Sample("instance:1", own_moment(now - 10 * n, COLLECTOR), {"cpu.cores": 1.0}) for n in range(6)])
    metrics.write([Sample("instance:1", own_moment(now - 10 * n, SCRAPER), {"app.a": 1.0}) for n in range(6)])
    found = metrics.series(["instance:1"], ["cpu.cores", "app.a"], now - 70, now + 1)
    assert {one.metric: len(one.points) for one in found} == {"cpu.cores": 6, "app.a": 6}


@pytest.mark.django_db
def test_names_that_are_told_now_and_then_share_one_layout() -> None:
    now = time.time()
    shape = Shape()
    for n, told in enumerate([{"app.a": 1.0, "app.b": 2.0}, {"app.b": 3.0}, {"app.a": 4.0}, {"app.b": 5.0}]):
        metrics.write([Sample("instance:1", now - 40 + 10 * n, shape.row(told))])
    assert Layout.objects.count() == 1
    assert metrics.latest(["instance:1"])["instance:1"][1] == {"app.a": 4.0, "app.b": 5.0}
    found = metrics.series(["instance:1"], ["app.a", "app.b"], now - 60, now)
    assert {one.metric: [p.avg for p in one.points] for one in found} == {"app.a": [1, 4], "app.b": [2, 3, 5]}


def test_a_name_that_is_told_no_more_leaves_the_shape() -> None:
    shape = Shape()
    assert shape.row({"app.a": 1.0}).keys() == {"app.a"}
    rows = [shape.row({"app.b": 1.0}) for _n in range(LATELY + 1)]
    assert (rows[0].keys(), rows[-1]) == ({"app.a", "app.b"}, {"app.b": 1.0})
