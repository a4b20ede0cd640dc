"""What a person does in the browser, as verbs: shared by the main job's test and the screenshots."""

from __future__ import annotations

import re
import urllib.request
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.engines.fleet import Fleet
from tests.engines.members import FleetHost

LONG = 180_000  # ms for a build or a release on a loaded machine; only used up when something is broken


def serves(address: str, port: int = 80) -> str:
    """What an instance answers to a plain HTTP GET from this machine."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://{address}:{port}/", timeout=20) as answer:
        return str(answer.read().decode())


class Walk:
    """One person at one browser."""

    def __init__(self, page: Page) -> None:
        self.page = page
        page.on("dialog", lambda dialog: dialog.accept())

    def sign_in(self, username: str, password: str) -> None:
        self.page.goto("/")
        self.page.get_by_label("Username").fill(username)
        self.page.get_by_label("Password").fill(password)
        self.press("Sign in")
        self.heading(re.compile("fleet|services"))

    def press(self, name: str | re.Pattern[str], inside: Locator | None = None) -> None:
        (inside or self.page).get_by_role("button", name=name, exact=isinstance(name, str)).first.click()

    def follow(self, name: str | re.Pattern[str], inside: Locator | None = None) -> None:
        (inside or self.page).get_by_role("link", name=name, exact=isinstance(name, str)).first.click()

    def heading(self, text: str | re.Pattern[str]) -> None:
        expect(self.page.get_by_role("heading", level=1)).to_contain_text(text)

    # --- the guide --------------------------------------------------------------------------------------------------
    def guide_asks(self, title: str) -> Locator:
        """The home page's guide stands at this step; returns it."""
        self.page.goto("/")
        step = self.page.locator("#guide > li.now")
        expect(step.get_by_role("heading", name=title)).to_be_visible()
        return step

    # --- hosts ------------------------------------------------------------------------------------------------------
    def fill_host(self, host: FleetHost, *, build: bool) -> None:
        page = self.page
        page.get_by_label("Name", exact=True).fill(host.name)
        page.get_by_label("TCP").check()
        page.get_by_label("Address", exact=True).fill(f"{host.address}:2376")
        page.get_by_label("CA certificate").fill(host.ca)
        page.get_by_label("Client certificate").fill(host.cert)
        page.get_by_label("Client key").fill(host.key)
        if build:
            page.get_by_label("Builds images").check()

    def connect_host(self, host: FleetHost, *, build: bool) -> None:
        self.page.goto("/hosts/new/")
        self.fill_host(host, build=build)
        self.press("Connect")
        self.heading(host.name)
        expect(self.page.get_by_role("heading", level=1)).to_contain_text("ready")

    def connect_registry(self, fleet: Fleet) -> None:
        page = self.page
        page.goto("/settings/registries/")
        page.get_by_label("Name", exact=True).fill("main")
        page.get_by_label("Address", exact=True).fill(fleet.registry.address)
        page.get_by_label("CA certificate").fill(fleet.registry.ca)
        page.get_by_label("Default").check()
        self.press("Connect and check")
        expect(page.get_by_role("row").filter(has_text=fleet.registry.address)).to_contain_text("ready")

    def make_segment(self, fleet: Fleet, pool: str) -> None:
        page = self.page
        page.goto("/network/new/")
        page.get_by_label("Name", exact=True).fill("room-a")
        page.get_by_label("CIDR").fill(fleet.segment.cidr)
        page.get_by_label("Gateway").fill(fleet.segment.gateway)
        page.get_by_label("Pool").fill(pool)
        page.get_by_label("Bridge or parent interface").fill(fleet.segment.bridge)
        for host in fleet.hosts:
            page.get_by_role("group", name="Hosts").get_by_label(host.name).check()
        self.press("Make")
        self.heading("room-a")

    def use_segment(self, environment: str) -> None:
        self.page.goto(f"/settings/environments/{environment}/")
        self.page.get_by_label("Segment").select_option(label="room-a")
        self.press("Save")
        expect(self.page.get_by_role("heading", level=1)).to_contain_text("Environments")

    # --- builds and releases ----------------------------------------------------------------------------------------
    def build_succeeds(self) -> None:
        """On a build's page: its log fills while it runs, and it ends well."""
        expect(self.page.get_by_role("log")).to_contain_text("FROM scratch", timeout=LONG)
        expect(self.page.locator("#facts")).to_contain_text("succeeded", timeout=LONG)

    def build(self, service: str) -> None:
        self.page.goto(f"/services/{service}/")
        self.press("Build", self.page.locator("#build"))
        self.heading(re.compile(r"#\d+"))
        self.build_succeeds()

    def deploy(self, service: str, environment: str, **information: Any) -> int:
        """The wizard's three steps, taking the newest version; returns the release's number."""
        page = self.page
        page.goto(f"/services/{service}/{environment}/deploy/")
        return self.three_steps(**information)

    def three_steps(self, **information: Any) -> int:
        page = self.page
        page.get_by_role("radio").first.check()
        self.press("Next: information")
        expect(page.get_by_role("button", name="Next: nodes and plan")).to_be_visible()
        for label, value in information.items():
            page.get_by_label(LABELS[label]).fill(str(value))
        self.press("Next: nodes and plan")
        self.press(re.compile("^Deploy:"))
        page.wait_for_url(re.compile(r"/releases/\d+/$"))
        return int(page.url.rstrip("/").rpartition("/")[2])

    def release_is(self, word: str) -> None:
        expect(self.page.locator(".xq-release-head .xq-pill").first).to_have_text(word, timeout=LONG)

    def addresses(self, service: str, environment: str, count: int) -> list[str]:
        """The run page: as many healthy instances; their addresses."""
        self.page.goto(f"/services/{service}/{environment}/")
        rows = self.page.locator("#instances tbody tr")
        expect(rows).to_have_count(count)
        expect(rows.filter(has_text="healthy")).to_have_count(count)
        found = [row.inner_text() for row in rows.all()]
        return [match[0] for text in found if (match := re.search(r"\d+\.\d+\.\d+\.\d+", text))]


LABELS: dict[str, str] = {
    "why": "Why",
    "batch": "Instances at a time",
    "pause": "Pause between batches",
    "deadline": "Healthy within",
}
