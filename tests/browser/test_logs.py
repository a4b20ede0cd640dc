"""The log page: live lines of many instances by time, filter and find, pause, a moment of the past, nasty lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from hosts.models import Host
from tests import factories
from tests.browser.conftest import errors_of
from tests.log_engine import LogEngine
from tests.site import Site
from xqplatform.audit.models import Event

LOGS = "/services/snow/production/logs/"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[LogEngine]:
    made = LogEngine(tmp_path / "e.sock")
    yield made
    made.close()


@pytest.fixture
def place(live_server_with_worker: Site, engine: LogEngine) -> Any:
    """Three instances on the stand-in; nobody takes its inventory."""
    made = factories.make_running_place("snow", "production", 3)
    Host.objects.update(connection="local", address=f"unix://{engine.path}", state=Host.State.RETIRED)
    for one in made.instances.all():
        engine.say(id_of(one), f"started number {one.number}")
    return made


def id_of(instance: Any) -> str:
    return str(instance.containers.latest("id").engine_id)


def row(page: Page, text: str) -> Any:
    return page.locator(".xq-row:not([hidden])").filter(has_text=text)


def test_lines_of_all_instances_come_in_live_and_by_time(page: Page, place: Any, engine: LogEngine) -> None:
    problems = errors_of(page)
    page.goto(LOGS)
    for number in (1, 2, 3):
        expect(row(page, f"started number {number}")).to_contain_text(f"#{number}")
    first, second, _third = [id_of(one) for one in place.instances.order_by("number")]
    at = 1_900_000_000 * 10**9
    engine.say(second, "the later one", at=at + 5000)
    expect(row(page, "the later one")).to_be_visible()
    engine.say(first, "ERROR the earlier one", at=at)
    expect(row(page, "the earlier one")).to_contain_text("ERR")
    texts = page.locator(".xq-row:not([hidden]) .text").all_text_contents()
    assert texts.index("ERROR the earlier one") < texts.index("the later one")
    assert problems == []
    assert Event.objects.filter(action="service.logs.read").count() == 1


def test_filter_and_find(page: Page, place: Any, engine: LogEngine) -> None:
    one = id_of(place.instances.get(number=1))
    engine.say(one, "INFO price of SH600519", "WARN slow answer", "ERROR no answer", "INFO price of SZ000001")
    page.goto(LOGS)
    expect(row(page, "no answer")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("price")
    expect(page.locator(".xq-row mark")).to_have_count(2)
    page.keyboard.press("Enter")
    expect(page.locator("[data-logs-hits]")).to_contain_text("of 2")
    page.keyboard.press("Escape")
    page.get_by_label("Lowest level").select_option("warn")
    expect(row(page, "price")).to_have_count(0)
    expect(row(page, "slow answer")).to_be_visible()
    page.get_by_label("Lowest level").select_option("")
    box = page.get_by_label("Filter lines by a word or a pattern")
    box.fill("price of S[HZ]6")
    expect(row(page, "SZ000001")).to_have_count(0)
    expect(row(page, "SH600519")).to_be_visible()
    assert "q=price" in page.url
    box.fill("price (")
    expect(page.get_by_role("alert").filter(has_text="no pattern")).to_be_visible()
    box.fill("(a+)+$")
    expect(page.locator("[data-logs-error]")).to_be_empty()


def test_nasty_lines_are_text(page: Page, place: Any, engine: LogEngine) -> None:
    problems = errors_of(page)
    one = id_of(place.instances.get(number=1))
    engine.say(
        one, "<script>document.title='taken'</script><img src=x onerror=alert(1)>", b"\xff\xfe\x00\x01 binary",
        "\x1b[31mred\x1b[0m \x1b]0;title\x07words", "x" * (1 << 20), "last of all",
    )  # fmt: skip
    page.goto(LOGS)
    expect(row(page, "last of all")).to_be_visible()
    expect(row(page, "<script>")).to_be_visible()
    expect(row(page, "red words")).to_be_visible()
    assert "taken" not in page.title()
    long = row(page, "xxxxxxxxxx")
    assert long.count() == 1
    long.click()
    expect(page.locator("[data-logs-detail]")).to_contain_text("1,048,576 characters")
    assert problems == []


def test_a_paused_page_stays_where_it_is(page: Page, place: Any, engine: LogEngine) -> None:
    one = id_of(place.instances.get(number=1))
    engine.say(one, *(f"line {n}" for n in range(300)))
    page.goto(LOGS)
    expect(row(page, "line 299")).to_be_visible()
    page.keyboard.press("Space")
    expect(page.locator("[data-logs-pause]")).to_have_attribute("aria-pressed", "true")
    engine.say(one, *(f"more {n}" for n in range(200)))
    expect(page.locator("[data-logs-state]")).to_contain_text("200 new below")
    expect(row(page, "line 299")).to_be_visible()
    expect(row(page, "more 199")).to_have_count(0)
    page.keyboard.press("Shift+G")
    expect(row(page, "more 199")).to_be_visible()


def test_a_line_has_a_link_that_opens_what_is_around_it(page: Page, place: Any, engine: LogEngine) -> None:
    one = id_of(place.instances.get(number=2))
    engine.say(one, *(f"before {n}" for n in range(900)), '{"level":"error","msg":"here","http":{"status":502}}',
               *(f"after {n}" for n in range(900)))  # fmt: skip
    page.goto(LOGS + "?level=error")
    row(page, "here").click()
    detail = page.locator("[data-logs-detail]")
    expect(detail.get_by_role("row").filter(has_text="http.status")).to_contain_text("502")
    detail.get_by_role("link", name="Show around it").click()
    expect(page.locator("[data-logs-state]")).to_contain_text("Around")
    expect(row(page, "here")).to_have_class("xq-row l5 chosen wrapped")
    expect(row(page, "before 899")).to_be_visible()
    expect(row(page, "after 0")).to_be_visible()
    page.get_by_role("button", name="Older").click()
    expect(page.locator("[data-logs-state]")).to_contain_text("900 lines")
    page.keyboard.press("g")
    expect(row(page, "before 200")).to_be_visible()
    page.get_by_role("button", name="Go live").click()
    expect(row(page, "after 899")).to_be_visible()


def test_fields_of_a_line_filter(page: Page, place: Any, engine: LogEngine) -> None:
    one = id_of(place.instances.get(number=1))
    engine.say(one, '{"msg":"good","user":{"id":7}}', '{"msg":"bad","user":{"id":8}}', "plain words")
    page.goto(LOGS)
    row(page, "good").click()
    field = page.locator("[data-logs-detail]").get_by_role("row").filter(has_text="user.id")
    field.get_by_role("button", name="only this").click()
    expect(row(page, "bad")).to_have_count(0)
    expect(row(page, "good")).to_be_visible()
    chip = page.get_by_label("user.id=7")
    expect(chip).to_be_checked()
    chip.uncheck()
    expect(row(page, "bad")).to_be_visible()


def test_a_connection_that_breaks_off_makes_neither_doubles_nor_gaps(page: Page, place: Any, engine: LogEngine) -> None:
    one = id_of(place.instances.get(number=1))
    page.goto(LOGS + "?instance=1")
    expect(row(page, "started number 1")).to_be_visible()
    for part in range(4):
        engine.say(one, *(f"line {part * 50 + n}" for n in range(50)))
        expect(row(page, f"line {part * 50 + 49}")).to_be_visible()
        page.evaluate("window.xqLogs.source.es.dispatchEvent(new Event('error'))")
        engine.say(one, f"between {part}")
        expect(row(page, f"between {part}")).to_be_visible()
    texts = page.evaluate("window.xqLogs.lines.list.filter((l) => l.c < 2).map((l) => l.t)")
    wanted = ["started number 1"]
    for part in range(4):
        wanted += [*(f"line {part * 50 + n}" for n in range(50)), f"between {part}"]
    assert texts == wanted


def test_without_scripts_the_last_lines_are_there(
    place: Any, engine: LogEngine, new_context: Any, live_server_with_worker: Site, sre: Any
) -> None:
    from tests.browser.conftest import sign_in

    one = id_of(place.instances.get(number=1))
    engine.say(one, "INFO calm", "ERROR <b>wild</b>")
    context = new_context(base_url=live_server_with_worker.url, java_script_enabled=False)
    page = sign_in(context, live_server_with_worker, sre)
    page.goto(LOGS)
    expect(page.locator(".xq-log")).to_contain_text("ERROR <b>wild</b>")
    page.get_by_label("Lowest level").select_option("error")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator(".xq-log")).not_to_contain_text("calm")
    assert Event.objects.filter(action="service.logs.read").count() == 1
