"""A terminal in a real browser into a container of a real engine: typed, answered, lost, taken up again, watched."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from containers.models import Terminal
from hosts.engine import connect
from tests import factories
from tests.browser.conftest import errors_of, sign_in
from tests.engines.fleet import Fleet
from tests.engines.machine import wait_for
from tests.site import Site
from tests.terminal.test_on_engines import replace

pytestmark = [pytest.mark.engine, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def instance(clean_fleet: Fleet, team: Any) -> Any:
    """An instance of «snow» in production, with a container on a real engine."""
    instance = factories.make_running_place("snow", "production", 1, team=team).instances.get()
    one, host = clean_fleet.hosts[0], instance.host
    host.connection, host.address = "tcp", f"{one.address}:2376"
    host.ca, host.certificate, host.key, host.api_version = one.ca, one.cert, one.key, ""
    host.connection_version += 1
    host.save()
    replace(connect(host), instance)
    return instance


def screen(page: Page) -> str:
    """What the terminal shows."""
    lines = page.evaluate(
        "() => { const b = document.querySelector('#terminal-box, #player').terminal.buffer.active; const out = [];"
        " for (let i = 0; i < b.length; i++) out.push(b.getLine(i).translateToString(true)); return out; }"
    )
    return "\n".join(lines)


def shows(page: Page, text: str) -> None:
    page.wait_for_function(
        "(text) => { const b = document.querySelector('#terminal-box, #player').terminal.buffer.active;"
        " for (let i = 0; i < b.length; i++) if (b.getLine(i).translateToString(true).includes(text)) return true; }",
        arg=text,
    )


def test_it_is_typed_into_answered_and_watched_again(
    new_context: Callable[..., BrowserContext],
    live_server_with_worker: Site,
    instance: Any,
    developer: Any,
    manager: Any,
) -> None:
    context = new_context(base_url=live_server_with_worker.url)
    page = sign_in(context, live_server_with_worker, developer)
    wrong = errors_of(page)
    page.goto(f"/instances/{instance.pk}/")
    page.get_by_role("link", name="Terminal").click()
    expect(page.get_by_role("note")).to_contain_text("acts on the running service at once")
    page.get_by_label("Why").first.fill("the quotes are late")
    page.get_by_role("button", name="Open the terminal").click()
    page.locator("#terminal-box[data-open='1']").wait_for()
    shows(page, "~ #")
    page.keyboard.type("echo 雪球$((6*7))\n")
    shows(page, "雪球42")

    page.keyboard.type("yes flood\n")
    shows(page, "flood")
    page.keyboard.press("Control+c")
    shows(page, "^C")
    page.keyboard.type("echo calm\n")
    shows(page, "~ # echo calm")

    page.set_viewport_size({"width": 400, "height": 800})
    page.wait_for_function("() => document.documentElement.scrollWidth <= 400")
    page.wait_for_function("() => document.querySelector('#terminal-box').terminal.cols < 60")
    columns = page.evaluate("() => document.querySelector('#terminal-box').terminal.cols")
    wait_for("the shell knows", lambda: page.keyboard.type("busybox stty size\n") or f" {columns}\n" in screen(page))
    page.set_viewport_size({"width": 1360, "height": 900})

    page.reload()
    page.locator("#terminal-box[data-open='1']").wait_for()
    shows(page, "calm")
    page.keyboard.press("Control+Shift+l")
    expect(page.locator("#terminal-end")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("ended by button")).to_be_visible()
    assert not wrong, wrong
    row = Terminal.objects.get()
    assert row.why == "asked"

    watcher = sign_in(new_context(base_url=live_server_with_worker.url), live_server_with_worker, manager)
    trouble = errors_of(watcher)
    watcher.goto(f"/terminals/{row.pk}/")
    watcher.get_by_role("link", name="Watch").click()
    watcher.locator("#player[data-ready='1']").wait_for()
    watcher.keyboard.press("End")
    shows(watcher, "calm")
    watcher.keyboard.press("Home")
    expect(watcher.locator("#player")).to_have_attribute("data-at", "0.00")
    watcher.locator("#player").focus()
    watcher.keyboard.press("Space")
    shows(watcher, "雪球42")  # as fast as it was typed: soon after it the flood takes the screen
    watcher.locator("#speed").select_option("16")
    shows(watcher, "calm")
    expect(watcher.locator("#time")).to_have_text(re.compile(r"/ \d+:\d\d"))
    assert not trouble, trouble


def test_without_a_script_a_command_still_runs(
    new_context: Callable[..., BrowserContext], live_server_with_worker: Site, instance: Any, developer: Any
) -> None:
    context = new_context(base_url=live_server_with_worker.url, java_script_enabled=False)
    page = sign_in(context, live_server_with_worker, developer)
    page.goto(f"/instances/{instance.pk}/terminal/")
    form = page.locator("form[action$='/command/']")
    form.get_by_label("Command").fill("sh -c 'echo $((6*7)); sleep 0.2; exit 5'")
    form.get_by_label("Why").fill("counting")
    form.get_by_role("button", name="Run the command").click()
    for _ in range(600):
        if page.get_by_text("exit code").count():
            break
        page.reload()
    expect(page.get_by_label("Output")).to_have_text("42")
    expect(page.locator(".xq-term-foot")).to_contain_text("exit code 5")
