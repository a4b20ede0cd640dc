"""What an application's endpoint says, and what is kept of it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from containers.told import rates
from containers.told.exposition import read
from containers.told.names import Wanted, labels_of, wanted
from xqplatform.metrics import catalogue


def names(*entries: str) -> list[Wanted]:
    found = [wanted(entry) for entry in entries]
    assert None not in found
    return found  # type: ignore[return-value]


def said(text: str, *entries: str) -> dict[str, object]:
    return {one.name: raw for one, raw in read(text, names(*entries)).found.items()}


class Application:
    """One that uses the real client."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("http_requests", "Requests.", ["code"], registry=self.registry)
        self.depth = Gauge("queue_depth", 'With "quotes" and \\ in it', ["queue"], registry=self.registry)
        self.seconds = Histogram(
            "http_request_seconds", "Time.", ["path"], buckets=(0.1, 0.2, 0.5, 1), registry=self.registry
        )
        self.size = Summary("answer_bytes", "Size.", registry=self.registry)

    def text(self) -> str:
        return generate_latest(self.registry).decode()


WANTED = (
    "http_requests_total",
    'http_requests_total{code="500"}',
    "queue_depth",
    "http_request_seconds",
    "answer_bytes",
)


def test_counters_become_rates_and_histograms_rate_mean_and_quantiles() -> None:
    app = Application()
    app.requests.labels("200").inc(1000)
    app.requests.labels("500").inc(7)
    app.depth.labels('with "quotes", {braces} and \n lines').set(3)
    app.depth.labels("b").set(4)
    app.seconds.labels("/").observe(30)
    app.size.observe(10)
    before = read(app.text(), names(*WANTED)).found
    app.requests.labels("200").inc(90)
    app.requests.labels("500").inc(10)
    for value in [0.05] * 50 + [0.15] * 45 + [0.4] * 5:
        app.seconds.labels("/").observe(value)
    app.size.observe(100)
    app.size.observe(300)
    found = rates.values(before, read(app.text(), names(*WANTED)).found, 10)
    assert found == pytest.approx(
        {
            "app.http_requests.rate": 10,
            "app.http_requests.rate[code=500]": 1,
            "app.queue_depth": 7,
            "app.http_request_seconds.rate": 10,
            "app.http_request_seconds.mean": (50 * 0.05 + 45 * 0.15 + 5 * 0.4) / 100,
            "app.http_request_seconds.p50": 0.1,
            "app.http_request_seconds.p95": 0.2,
            "app.http_request_seconds.p99": 0.2 + 0.3 * 4 / 5,
            "app.answer_bytes.rate": 0.2,
            "app.answer_bytes.mean": 200,
        }
    )


def test_a_first_reading_has_gauges_only() -> None:
    app = Application()
    app.requests.labels("200").inc()
    app.depth.labels("a").set(2)
    assert rates.values({}, read(app.text(), names(*WANTED)).found, 10) == {"app.queue_depth": 2}


def test_a_counter_that_began_anew_leaves_a_gap() -> None:
    old, new = "requests_total 100\n", "requests_total 3\n"
    before, now = (read(text, names("requests_total")).found for text in (old, new))
    assert rates.values(before, now, 10) == {}


def test_quantiles_of_a_summary_are_kept_as_they_are() -> None:
    text = '# TYPE rpc_seconds summary\nrpc_seconds{quantile="0.5"} 0.2\nrpc_seconds{quantile="0.99"} 0.9\nrpc_seconds_sum 5\nrpc_seconds_count 10\n'
    found = rates.values({}, read(text, names("rpc_seconds")).found, 10)
    assert found == {"app.rpc_seconds.p50": 0.2, "app.rpc_seconds.p99": 0.9}


def test_without_types_the_name_tells() -> None:
    found = said(
        'jobs_total 3\njobs_running{a="b",} 2 1700000000000\nx_bucket{le="+Inf"} 2\n', "jobs_total", "jobs_running", "x"
    )
    assert {name: raw.kind for name, raw in found.items()} == {  # type: ignore[attr-defined]
        "jobs_total": "counter",
        "jobs_running": "gauge",
        "x": "histogram",
    }


def test_a_count_that_is_wanted_by_itself_is_a_counter() -> None:
    text = "# TYPE x summary\nx_sum 4\nx_count 10\n"
    assert said(text, "x_count")["x_count"].kind == "counter"  # type: ignore[attr-defined]


def test_openmetrics_is_read_too() -> None:
    text = '# TYPE http_requests counter\nhttp_requests_total{a="b"} 3 # {trace_id="1"} 0.5\nhttp_requests_created 1.7e9\n# EOF\n'
    raw = said(text, "http_requests")["http_requests"]
    assert (raw.kind, raw.value) == ("counter", 3)  # type: ignore[attr-defined]


def test_what_is_not_finite_is_not_there() -> None:
    found = read("a NaN\nb +Inf\nc 1e99\nd 5\n", names("a", "b", "c", "d")).found
    assert rates.values({}, found, 10) == {"app.d": 5}


def test_more_series_than_are_read_are_said() -> None:
    text = "".join(f'x{{n="{n}"}} 1\n' for n in range(5000))
    assert read(text, names("x")).cut
    assert not read(text, names("y")).cut


@given(st.text(max_size=300))
def test_any_text_is_read(text: str) -> None:
    read(text, names("a", "b_total", 'c{d="e"}'))
    read(f"a{text}", names("a"))
    read(f'a{{b="{text}"}} 1', names("a"))


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8"), max_size=20), st.floats(allow_nan=False, width=32), max_size=6
    )
)
def test_gauges_are_read_as_the_client_of_prometheus_reads_them(series: dict[str, float]) -> None:
    registry = CollectorRegistry()
    gauge = Gauge("g", "A gauge.", ["label"], registry=registry)
    for label, value in series.items():
        gauge.labels(label).set(value)
    text = generate_latest(registry).decode()
    theirs = [s for family in text_string_to_metric_families(text) for s in family.samples]
    assert len(theirs) == len(series)
    for label in series:
        one = Wanted("g", (("label", label),))
        same = [s.value for s in theirs if s.labels == {"label": label}]
        assert read(text, [one]).found[one].value == same[0]
    total = read(text, names("g")).found
    if series and all(map(math.isfinite, series.values())):
        assert total[Wanted("g")].value == pytest.approx(sum(series.values()), rel=1e-6, abs=1e-3)


@given(
    st.lists(st.integers(0, 50), min_size=1, max_size=6),
    st.floats(0.01, 0.99),
    st.lists(st.floats(0.001, 1e6), min_size=1, max_size=6, unique=True),
)
def test_quantiles_lie_within_their_bucket(counts: list[int], quantile: float, bounds: list[float]) -> None:
    bounds = sorted(bounds)[: len(counts)]
    cumulated = [(bound, float(sum(counts[: n + 1]))) for n, bound in enumerate(bounds)]
    rows = [*cumulated, (math.inf, float(sum(counts)))]
    value = rates.quantile_of(quantile, rows)
    if not sum(counts):
        assert value is None
        return
    rank = quantile * sum(counts)
    bucket = next((n for n, (_bound, count) in enumerate(rows) if count >= rank and count), len(rows) - 1)
    low = bounds[bucket - 1] if bucket else 0
    high = bounds[bucket] if bucket < len(bounds) else bounds[-1]
    assert value is not None
    assert low * 0.999999 <= value <= high * 1.000001


@pytest.mark.parametrize("entry", ["", "1a", "a b", "a{", "a{b=c}", 'a{b="c"', "a" * 81, 'a{b="c" d="e"}', "ä", "a\nb"])
def test_what_is_no_name_is_refused(entry: str) -> None:
    assert wanted(entry) is None


def test_labels_are_read_with_their_escapes() -> None:
    assert labels_of(r'a="x\"y\\z\n", b=""') == {"a": 'x"y\\z\n', "b": ""}
    assert labels_of("a=1") is None


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("app.http_requests.rate", "per s"),
        ("app.http_requests.rate[code=500]", "per s"),
        ("app.sent_bytes.rate", "bytes/s"),
        ("app.http_request_seconds.mean", "seconds"),
        ("app.http_request_seconds.p99", "seconds"),
        ("app.heap_bytes", "bytes"),
        ("app.queue", "count"),
        ("app.my.proxy", "count"),
    ],
)
def test_the_unit_follows_from_the_name(name: str, unit: str) -> None:
    assert catalogue.find(name).unit == unit
