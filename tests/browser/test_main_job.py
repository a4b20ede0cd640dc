"""The main job, as a newcomer walks it: in a real browser, on the platform as it is shipped, on real Docker Engines.

Connect hosts → sample service → build → three-step deploy → it serves → second version with pause and resume →
third one rolled back by force → scale up and down → restart → every bit of it is in the audit log.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.bench.platform import Platform, platform
from tests.browser.walk import LONG, Walk, serves
from tests.engines.certs import Authority
from tests.engines.fleet import Fleet

PASSWORD = "a newcomer's first log-in"
# What the log must have at least of each, at the end.
ACTIONS = {
    "login": 1, "host.create": 3, "registry.create": 1, "segment.create": 1, "environment.change": 1, "service.create": 1,
    "build.start": 3, "build.finish": 3, "service.deploy": 3, "deployment.pause": 1, "deployment.resume": 1,
    "deployment.rollback": 1, "service.scale": 2, "service.restart": 1, "deployment.finish": 6,
}  # fmt: skip


@pytest.fixture
def shipped(clean_fleet: Fleet) -> Iterator[Platform]:
    with platform(PASSWORD) as one:
        yield one


@pytest.mark.timeout(1200)
def test_from_nothing_to_a_service_that_is_released_rolled_back_and_scaled(
    shipped: Platform, clean_fleet: Fleet, new_context: Callable[..., BrowserContext], settings: Any
) -> None:
    walk = Walk(new_context(base_url=shipped.url).new_page())
    walk.sign_in("admin", PASSWORD)
    connects_hosts(walk, clean_fleet)
    builds_the_sample(walk)
    deploys_and_it_serves(walk)

    settings.DATA_DIR = shipped.folder / "var"  # where the sample's repository lies
    commit("The page says hello twice")
    pauses_and_resumes_the_second(walk)
    commit("A change that nobody likes")
    rolls_the_third_back(walk)
    scales(walk)
    restarts_one(walk)
    all_of_it_is_in_the_log(walk)


def commit(message: str) -> None:
    from builds.sample import touch_sample

    touch_sample(message)


def connects_hosts(walk: Walk, fleet: Fleet) -> None:
    page, first = walk.page, fleet.hosts[0]
    walk.follow("Connect a host", walk.guide_asks("Connect a host"))
    walk.fill_host(first, build=True)
    page.get_by_label("CA certificate").fill(Authority("somebody else").cert)
    walk.press("Test the connection")
    expect(page.locator("#diagnosis")).to_contain_text("It does not work")
    expect(page.locator("#diagnosis")).to_contain_text("CA")
    page.get_by_label("CA certificate").fill(first.ca)
    walk.press("Test the connection")
    expect(page.locator("#diagnosis")).to_contain_text("It works")
    walk.press("Connect")
    walk.heading(first.name)
    expect(page.get_by_role("heading", level=1)).to_contain_text("ready")
    for host in fleet.hosts[1:]:
        walk.connect_host(host, build=False)
    walk.connect_registry(fleet)
    base = fleet.segment.gateway.rpartition(".")[0]
    walk.make_segment(fleet, f"{base}.100-{base}.120")


def builds_the_sample(walk: Walk) -> None:
    page = walk.page
    walk.press("Make the sample service", walk.guide_asks("Make the sample service"))
    expect(page.get_by_text("The service hello is there")).to_be_visible()
    walk.use_segment("isolated")
    walk.press("Build", walk.guide_asks("Build it"))
    walk.heading(re.compile(r"hello\s+#\d+"))
    walk.build_succeeds()


def deploys_and_it_serves(walk: Walk) -> None:
    walk.follow("Deploy", walk.guide_asks("Deploy it"))
    walk.three_steps(why="the first release", batch=1)
    walk.release_is("succeeded")
    found = walk.addresses("hello", "isolated", 2)
    assert len(set(found)) == 2, found
    for address in found:
        assert "version 1" in serves(address)
    walk.page.goto("/")
    expect(walk.page.locator("#home")).to_be_visible()
    expect(walk.page.locator("#guide")).to_have_count(0)  # nothing is left to lead to


def pauses_and_resumes_the_second(walk: Walk) -> None:
    page = walk.page
    walk.build("hello")
    # The pause between its batches is long enough to press «Pause» in.
    walk.deploy("hello", "isolated", why="hello twice", batch=1, pause=20)
    walk.press("Pause")
    walk.release_is("paused")
    walk.press("Resume")
    walk.release_is("succeeded")
    for address in walk.addresses("hello", "isolated", 2):
        assert "version 2" in serves(address)
    expect(page.locator("#active")).to_be_visible()


def rolls_the_third_back(walk: Walk) -> None:
    page = walk.page
    walk.build("hello")
    number = walk.deploy("hello", "isolated", why="somebody wants it", batch=1, pause=900)
    expect(page.locator("#release tbody tr").filter(has_text="done").first).to_be_visible(timeout=LONG)
    walk.press("Roll back")
    walk.release_is("rolled back")
    page.goto(f"/releases/{number}/")
    walk.release_is("rolled back")
    for address in walk.addresses("hello", "isolated", 2):
        assert "version 2" in serves(address)


def scales(walk: Walk) -> None:
    page = walk.page
    before = set(walk.addresses("hello", "isolated", 2))
    for wanted, sentence in ((4, "Adds 2 instances"), (2, "Removes 2 of 4 instances")):
        page.goto("/services/hello/isolated/")
        page.get_by_label("Instances", exact=True).fill(str(wanted))
        walk.press("Show what would change")
        walk.press(re.compile(f"^{sentence}"))
        page.wait_for_url(re.compile(r"/releases/\d+/$"))
        walk.release_is("succeeded")
        found = walk.addresses("hello", "isolated", wanted)
        assert before <= set(found)
        assert len(set(found)) == wanted


def restarts_one(walk: Walk) -> None:
    page = walk.page
    page.goto("/services/hello/isolated/")
    button = page.get_by_role("button", name="Restart", exact=True)
    expect(button).to_be_disabled()
    page.locator("#instances tbody tr").first.get_by_role("checkbox").check()
    expect(button).to_be_enabled()
    button.click()
    expect(page.get_by_text(re.compile(r"#\d+ began"))).to_be_visible()
    changes = page.locator(".card").filter(has=page.get_by_role("heading", name="Last changes"))
    expect(changes).to_be_visible()
    number = changes.locator("tbody tr").first.get_by_role("link").first.inner_text().lstrip("#")
    page.goto(f"/releases/{number}/")
    walk.release_is("succeeded")
    assert len(walk.addresses("hello", "isolated", 2)) == 2


def all_of_it_is_in_the_log(walk: Walk) -> None:
    """By what was typed: reasons and objects of everything above."""
    page = walk.page
    for words, found in (
        ("the first release", "hello"),
        ("hello twice", "hello"),
        ("somebody wants it", "hello"),
        ("room-a", "room-a"),
        ("main", "main"),
    ):
        page.goto("/audit/")
        page.get_by_role("searchbox", name="Search").last.fill(words)
        walk.press("Search", page.get_by_role("main").get_by_role("search"))
        rows = page.locator("#events tbody tr").filter(has_text=found)
        expect(rows.filter(has_text=re.compile("admin", re.I)).first).to_be_visible()
    for action, least in ACTIONS.items():
        page.goto(f"/audit/?action={action}")
        rows = page.locator("#events tbody tr")
        expect(rows.first).to_be_visible()
        assert rows.count() >= least, action
