"""Charts in a real browser: drawn, zoomed, one cursor for all, dark, live, by keyboard, and without scripts."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests import factories
from tests.browser import metrics_seed
from tests.browser.conftest import errors_of, sign_in
from tests.site import Site
from xqplatform import metrics
from xqplatform.metrics import Sample, units

ALIVE = "figure[data-alive]"


@pytest.fixture
def instance(live_server_with_worker: Site) -> Any:
    """Half an hour of samples, a release and a kill in it."""
    one = factories.make_running_place("snow", "production", 1).instances.get()
    metrics_seed.happened(one, hours=0.5)
    metrics_seed.fill([one], [one.host], hours=0.5)
    return one


def open_charts(page: Page, instance: Any, query: str = "range=1h") -> None:
    page.goto(f"/instances/{instance.pk}/charts/?{query}")
    expect(page.locator("#chart-cpu[data-alive]")).to_be_visible()


def over(page: Page, chart: str) -> dict[str, float]:
    box = page.locator(f"#chart-{chart} .u-over").bounding_box()
    assert box is not None
    return dict(box)


def test_charts_are_drawn_and_nothing_goes_wrong(page: Page, instance: Any) -> None:
    errors = errors_of(page)
    open_charts(page, instance)
    expect(page.locator("#chart-cpu canvas")).to_be_visible()
    expect(page.locator("#chart-cpu .xqc-svg")).to_be_hidden()
    assert page.locator("#chart-cpu a.xqc-mark.release").get_attribute("href").startswith("/releases/")  # type: ignore[union-attr]
    assert page.locator("#chart-memory .xqc-mark.oom").count() >= 1
    inked = """f => { const c = f.querySelector('canvas'), d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
                      let n = 0; for (let i = 3; i < d.length; i += 4) if (d[i]) n++; return n; }"""
    assert page.locator("#chart-cpu").evaluate(inked) > 500
    assert errors == []


def test_dragging_zooms_and_the_address_says_so(page: Page, instance: Any) -> None:
    open_charts(page, instance)
    box = over(page, "cpu")
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 60, steps=5)
    page.mouse.up()
    page.wait_for_url(re.compile(r"from=\d+&to=\d+"))
    found = re.search(r"from=(\d+)&to=(\d+)", page.url)
    assert found is not None
    assert int(found[2]) - int(found[1]) == pytest.approx(0.3 * 3600, abs=60)
    expect(page.locator("#chart-cpu[data-alive]")).to_be_visible()
    expect(page.locator('[data-range][aria-current="true"]')).to_have_count(0)
    page.go_back()
    page.wait_for_url(re.compile("range=1h"))
    expect(page.locator('[data-range="1h"][aria-current="true"]')).to_be_visible()


def test_one_cursor_is_over_all_charts(page: Page, instance: Any) -> None:
    open_charts(page, instance)
    expect(page.locator("#chart-throttled[data-alive]")).to_be_visible()
    last = page.locator("#chart-cpu [data-now]").text_content()
    box = over(page, "cpu")
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 50)
    time_there = re.compile(r"\d\d:\d\d:\d\d$")
    expect(page.locator("#chart-cpu [data-now]")).to_have_text(time_there)
    expect(page.locator("#chart-throttled [data-now]")).to_have_text(
        page.locator("#chart-cpu [data-now]").text_content() or ""
    )
    page.mouse.move(5, 5)
    expect(page.locator("#chart-cpu [data-now]")).to_have_text(last or "")


def test_the_dark_has_its_own_colours(page: Page, instance: Any) -> None:
    open_charts(page, instance)
    colour = "() => [...window.xqCharts.alive.values()][0].u.series.at(-1).stroke()"
    light = page.evaluate(colour)
    page.locator("[data-theme-toggle]").first.click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    assert page.evaluate(colour) != light


def test_new_samples_come_without_a_reload(page: Page, instance: Any) -> None:
    open_charts(page, instance, "range=15m")
    page.evaluate("() => { window.stayed = true; }")
    values = {"cpu.cores": 1.875, "memory.working_set": 512.0 * (1 << 20)}
    metrics.write([Sample(f"instance:{instance.pk}", time.time(), values)])
    page.evaluate("() => window.xqCharts.look()")
    expect(page.locator("#chart-cpu [data-now]")).to_have_text("1.88 cores")
    expect(page.locator("#chart-memory .xqc-key").first).to_contain_text("512 MiB")
    assert page.evaluate("() => window.stayed")


def test_it_says_since_when_the_platform_does_not_answer(page: Page, instance: Any) -> None:
    open_charts(page, instance, "range=15m")
    page.route("**/charts/?*format=json*", lambda route: route.abort())
    page.evaluate("() => window.xqCharts.look()")
    expect(page.locator("[data-stale]")).to_contain_text("The platform does not answer: the charts stand still since")


def test_by_keyboard_alone(page: Page, instance: Any) -> None:
    open_charts(page, instance)
    page.locator('[data-range="15m"]').focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("range=15m"))
    expect(page.locator('[data-range="15m"]')).to_be_focused()
    expect(page.locator("#chart-cpu[data-alive]")).to_be_visible()
    page.locator("#chart-cpu .uplot").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#chart-cpu [data-now]")).to_have_text(re.compile(r"\d\d:\d\d:\d\d$"))
    key = page.locator("#chart-memory .xqc-key").first
    key.focus()
    page.keyboard.press("Enter")
    expect(key).to_have_attribute("aria-pressed", "false")


def test_an_image_can_be_saved(page: Page, instance: Any) -> None:
    open_charts(page, instance)
    with page.expect_download() as download:
        page.locator("#chart-cpu [data-png]").click()
    assert download.value.suggested_filename.endswith("-cpu.png")
    assert download.value.path().read_bytes()[:4] == b"\x89PNG"


def test_without_scripts_the_pictures_and_the_ranges_work(
    new_context: Callable[..., BrowserContext], live_server_with_worker: Site, sre: Any, instance: Any
) -> None:
    page = sign_in(
        new_context(base_url=live_server_with_worker.url, java_script_enabled=False), live_server_with_worker, sre
    )
    page.goto(f"/instances/{instance.pk}/charts/")
    expect(page.locator("#chart-cpu svg[role=img]")).to_be_visible()
    page.get_by_role("link", name="24 h").click()
    page.wait_for_url(re.compile("range=24h"))
    page.get_by_label("From").fill("2026-01-01T08:00")
    page.get_by_label("To").fill("2026-01-01T09:00")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url(re.compile("from=2026-01-01"))
    expect(page.get_by_text("No samples in this range")).to_be_visible()


def test_the_browser_writes_numbers_as_the_server_does(page: Page, instance: Any) -> None:
    open_charts(page, instance)
    values = [
        0,
        0.00012,
        0.034,
        0.35,
        1,
        2.5,
        17,
        99.95,
        100,
        1234.6,
        9_999,
        12_345,
        1.5e6,
        64.2 * (1 << 20),
        3 * (1 << 40),
    ]
    for unit in units.WORDS:
        theirs = page.evaluate(
            "([vs, u, w]) => vs.map((v) => window.xqCharts.shown(v, u, w))", [values, unit, str(units.WORDS[unit])]
        )
        assert theirs == [units.shown(value, unit) for value in values], unit
        tops = page.evaluate(
            "([vs, u, w]) => vs.map((v) => window.xqCharts.steps(u, w, v))", [values, unit, str(units.WORDS[unit])]
        )
        for value, steps in zip(values, tops, strict=True):
            assert steps == pytest.approx(units.steps(unit, value)), (unit, value)


def test_zooming_into_a_chart_far_down_keeps_the_place(page: Page, instance: Any) -> None:
    open_charts(page, instance)
    page.locator("#chart-processes").scroll_into_view_if_needed()
    expect(page.locator("#chart-processes[data-alive]")).to_be_visible()
    at = page.evaluate("() => scrollY")
    assert at > 300
    box = over(page, "processes")
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 60, steps=5)
    page.mouse.up()
    page.wait_for_url(re.compile(r"from=\d+&to=\d+"))
    expect(page.locator("#chart-processes[data-alive]")).to_be_visible()
    assert abs(page.evaluate("() => scrollY") - at) < 120


def test_after_another_range_all_charts_are_there_once(page: Page, instance: Any) -> None:
    open_charts(page, instance)
    keys = "() => [...document.querySelectorAll('[data-chart]')].map((f) => f.dataset.chart)"
    before = page.evaluate(keys)
    page.locator('[data-range="6h"]').click()
    page.wait_for_url(re.compile("range=6h"))
    expect(page.locator("figure[data-chart]")).to_have_count(len(before))
    assert page.evaluate(keys) == before
