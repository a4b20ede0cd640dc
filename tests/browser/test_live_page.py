"""Pages follow what happens without a reload, keep what a person did in them, and come back after an outage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from playwright.sync_api import BrowserContext, Page, expect

from tests import factories
from tests.browser.conftest import sign_in
from tests.site import Site, site
from xqplatform import live

RUN = "/services/snow/production/"


@pytest.fixture
def place(live_server_with_worker: Site) -> Any:
    return factories.make_running_place("snow", "production", 4)


def is_followed(page: Page) -> None:
    """The page's stream stands: from now on it hears of changes."""
    expect(page.locator("#live-state")).to_be_visible()
    expect(page.locator("#live-state.waiting")).to_have_count(0)


def change(place: Any, number: int, state: str) -> None:
    with transaction.atomic():
        place.instances.filter(number=number).update(state=state)
        live.bump(f"run:{place.service.slug}:{place.environment.slug}")


def test_a_change_shows_without_a_reload_and_ticks_stay(page: Page, place: Any) -> None:
    page.goto(RUN)
    is_followed(page)
    page.evaluate("window.sameDocument = true")
    row = page.locator(f"#i-{place.instances.get(number=2).pk}")
    expect(row).to_contain_text("healthy")
    row.get_by_role("checkbox").check()
    change(place, 2, "unhealthy")
    expect(row).to_contain_text("unhealthy")
    expect(row.get_by_role("checkbox")).to_be_checked()
    expect(page.locator("[data-tick-count=instances]")).to_have_text("1")
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_enabled()
    assert page.evaluate("window.sameDocument")


def test_what_another_person_does_shows_in_an_open_page(
    page: Page, place: Any, live_server_with_worker: Site, manager: Any, new_context: Callable[..., BrowserContext]
) -> None:
    other = sign_in(new_context(base_url=live_server_with_worker.url), live_server_with_worker, manager)
    other.goto("/hosts/")
    is_followed(other)
    page.goto("/hosts/run-a1/")
    page.locator("form[action$='/cordon/']").get_by_label("Why?").fill("new disks")
    page.get_by_role("button", name="Cordon", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("cordoned")
    expect(other.get_by_role("row").filter(has_text="run-a1")).to_contain_text("cordoned")


def test_opened_details_stay_open(page: Page, place: Any, actor_sre: Any) -> None:
    from hosts.services.machines import cordon

    host = place.instances.first().host
    cordon(actor_sre, host, "new disks")
    page.goto("/audit/")
    is_followed(page)
    details = page.locator("#events details").first
    details.locator("summary").click()
    expect(details).to_have_attribute("open", "")
    key = details.get_attribute("data-key")
    from hosts.services.machines import uncordon

    uncordon(actor_sre, host)
    expect(page.locator("#events tbody tr").first).to_contain_text("uncordoned")
    expect(page.locator(f'#events details[data-key="{key}"]')).to_have_attribute("open", "")


def test_a_lost_connection_is_said_and_the_page_catches_up(
    broker: str, transactional_db: None, sre: Any, new_context: Callable[..., BrowserContext]
) -> None:
    place = factories.make_running_place("snow", "production", 2)
    with site() as first:
        page = sign_in(new_context(base_url=first.url), first, sre)
        page.goto(RUN)
        is_followed(page)
    lost = page.locator("#lost")
    expect(lost).to_be_visible()
    expect(lost).to_contain_text("Connection lost since")
    change(place, 1, "exited")
    with site(port=first.port):
        expect(page.locator(f"#i-{place.instances.get(number=1).pk}")).to_contain_text("exited")
        expect(lost).to_be_hidden()
        is_followed(page)
        # Before the site goes: its streams would wait for a page that still listens.
        page.goto("about:blank")
