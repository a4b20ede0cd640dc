"""Without a mouse, on a phone, in the dark, without scripts: the pages work; and none of them has an error."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from containers.models import Deployment
from tests import factories
from tests.browser import seed
from tests.browser.conftest import errors_of, sign_in
from tests.site import Site

RUN = "/services/snow/production/"


@pytest.fixture
def place(live_server_with_worker: Site) -> Any:
    """«snow» in production, where a newer version waits to be released."""
    place = factories.make_running_place("snow", "production", 3)
    factories.make_image(place.service.project)
    return place


@pytest.fixture
def company(live_server_with_worker: Site) -> dict[str, int]:
    return seed.run()


def main_pages(company: dict[str, int]) -> list[str]:
    run = "/services/snow/production/"
    return [
        "/", "/services/", "/services/snow/", run, f"{run}deploy/", f"{run}deploy/?step=2&image={company['image']}",
        f"{run}deploy/?step=3&image={company['image']}", f"{run}logs/", f"{run}settings/", f"{run}scale/?wanted=14",
        "/services/new/", "/releases/", f"/releases/{company['active']}/", f"/releases/{company['failed']}/",
        f"/instances/{company['instance']}/", f"/instances/{company['drifted']}/", f"{run}charts/", "/hosts/run-a1/charts/",
        f"/instances/{company['instance']}/charts/", f"/instances/{company['instance']}/slow/", "/monitoring/", "/builds/", "/images/",
        f"/images/{company['image']}/", "/hosts/", "/hosts/run-a1/", "/hosts/new/", "/network/", "/network/seg-a/",
        "/audit/", "/settings/", "/settings/people/", "/settings/teams/", "/settings/tokens/", "/settings/environments/",
        "/settings/registries/", "/account/", "/search/?q=snow",
    ]  # fmt: skip


def tab_to(page: Page, target: Any, limit: int = 120) -> None:
    """Presses Tab until the element has the focus."""
    for _ in range(limit):
        if target.evaluate("e => e === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {target}")


def test_the_wizard_goes_by_keyboard_alone(page: Page, place: Any) -> None:
    page.goto(f"{RUN}deploy/")
    tab_to(page, page.get_by_role("radio", checked=True))
    page.keyboard.press("Enter")  # a form's Enter is its «next»
    why = page.get_by_label("Why")
    expect(why).to_be_focused()
    page.keyboard.type("by keyboard")
    tab_to(page, page.get_by_role("button", name="Next: nodes and plan"))
    page.keyboard.press("Enter")
    deploy = page.get_by_role("button", name=re.compile("^Deploy:"))
    expect(deploy).to_be_enabled()
    tab_to(page, deploy)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/releases/\d+/$"))
    assert Deployment.objects.get().reason == "by keyboard"


@pytest.mark.parametrize("scripts", [True, False])
def test_an_instance_is_left_out_by_keyboard_with_scripts_and_without(
    new_context: Callable[..., BrowserContext],
    place: Any,
    live_server_with_worker: Site,
    sre: Any,
    scripts: bool,
) -> None:
    context = new_context(base_url=live_server_with_worker.url, java_script_enabled=True)
    cookies = sign_in(context, live_server_with_worker, sre).context.cookies()
    plain = new_context(base_url=live_server_with_worker.url, java_script_enabled=scripts)
    plain.add_cookies(cookies)  # type: ignore[arg-type]
    release = factories.make_deployment(place, "paused")
    step = factories.make_step(release, place.instances.get(number=2), "waiting")
    page = plain.new_page()
    page.goto(f"/releases/{release.pk}/")
    summary = page.locator("details.xq-leave summary")
    summary.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("its disk is bad")
    page.keyboard.press("Enter")
    expect(page.locator(f"#st-{step.pk}")).to_contain_text("its disk is bad")
    step.refresh_from_db()
    assert (step.state, step.asked_why) == ("skipped", "its disk is bad")


def test_the_skip_link_is_first(page: Page, place: Any) -> None:
    page.goto("/services/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('#main').contains(document.activeElement)")


def test_ctrl_k_finds_an_address_and_goes_there(page: Page, place: Any) -> None:
    instance = place.instances.get(number=2)
    page.goto("/hosts/")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.type(instance.address.ip)
    expect(page.locator("#palette-hits .xq-hit").first).to_contain_text("snow")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/instances/{instance.pk}/")


def test_escape_closes_what_ctrl_k_opened(page: Page, place: Any) -> None:
    page.goto("/")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_the_theme_toggles_and_stays(page: Page, place: Any) -> None:
    page.goto("/")
    html = page.locator("html")
    before = html.get_attribute("data-bs-theme")
    with page.expect_response("**/account/theme/"):
        page.get_by_role("button", name="Light or dark").first.click()
    after = "light" if before == "dark" else "dark"
    expect(html).to_have_attribute("data-bs-theme", after)
    page.goto("/services/")
    expect(html).to_have_attribute("data-bs-theme", after)


@pytest.mark.timeout(900)
def test_no_page_has_an_error_or_is_wider_than_a_phone(page: Page, company: dict[str, int]) -> None:
    """One walk for both: opening a page is what costs."""
    found = errors_of(page)
    wrong = []
    page.set_viewport_size({"width": 400, "height": 800})
    for path in main_pages(company):
        answer = page.goto(path)
        assert answer is not None
        if answer.status != 200:
            wrong.append(f"{path}: {answer.status}")
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > 400:
            wrong.append(f"{path}: {width} px wide, by {page.evaluate(WIDEST)}")
        wrong += [f"{path}: {text}" for text in found]
        found.clear()
    assert wrong == []


# Names the innermost elements that stick out.
WIDEST = """() => [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > 401
  && getComputedStyle(e).visibility !== 'hidden').slice(-3).map(e => e.outerHTML.slice(0, 120)).join(' … ')"""


def test_the_wizard_works_without_scripts(
    place: Any, live_server_with_worker: Site, sre: Any, new_context: Callable[..., BrowserContext]
) -> None:
    context = new_context(base_url=live_server_with_worker.url, java_script_enabled=False)
    page = sign_in(context, live_server_with_worker, sre)
    page.goto(f"{RUN}deploy/")
    page.get_by_role("radio").first.check()
    page.get_by_role("button", name="Next: information").click()
    page.get_by_label("Why").fill("without scripts")
    page.get_by_role("button", name="Next: nodes and plan").click()
    page.get_by_role("button", name=re.compile("^Deploy:")).click()
    page.wait_for_url(re.compile(r"/releases/\d+/$"))
    assert Deployment.objects.get().reason == "without scripts"
    expect(page.get_by_text("without scripts").first).to_be_visible()
