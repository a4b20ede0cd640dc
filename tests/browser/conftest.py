"""One browser for all tests of this folder, a fresh context each; a failure leaves a picture and the page's HTML."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.chrome import PATIENCE, NoBrowser, chromium
from tests.site import Site

expect.set_options(timeout=PATIENCE)
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


# Of the package, not of the session: tests of other folders shall not run inside playwright's loop.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    try:
        with chromium() as one:
            yield one
    except NoBrowser as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
def new_context(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Callable[..., BrowserContext]]:
    """Makes contexts (people at their own browsers); `console` of a page collects what went wrong in it."""
    made: list[BrowserContext] = []

    def make(**options: Any) -> BrowserContext:
        context = browser.new_context(**{"viewport": {"width": 1360, "height": 900}, "locale": "en-GB", **options})
        context.set_default_timeout(PATIENCE)
        context.set_default_navigation_timeout(PATIENCE)
        made.append(context)
        return context

    yield make
    if getattr(request.node, "failed_call", False):
        _keep(made)
    for context in made:
        with contextlib.suppress(Exception):
            context.close()


def _keep(contexts: list[BrowserContext]) -> None:
    folder = Path(tempfile.mkdtemp(prefix="xq-browser-"))
    pages = [page for context in contexts for page in context.pages]
    for number, page in enumerate(pages, 1):
        with contextlib.suppress(Exception):
            (folder / f"{number}.html").write_text(page.content())
            page.screenshot(path=folder / f"{number}.png", full_page=True, timeout=20_000)
    print(f"What the browser showed: {folder} ({', '.join(page.url for page in pages)})")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    outcome: Any = yield
    if call.when == "call" and outcome.get_result().failed:
        item.failed_call = True  # type: ignore[attr-defined]


def sign_in(context: BrowserContext, site: Site | str, user: Any) -> Page:
    """A page of a context whose browser has a person's session; that the form works is another test's matter."""
    from django.conf import settings
    from django.test import Client

    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    url = site.url if isinstance(site, Site) else site
    context.add_cookies([{"name": name, "value": client.cookies[name].value, "url": url}])
    return context.new_page()


@pytest.fixture
def page(new_context: Callable[..., BrowserContext], live_server_with_worker: Site, sre: Any) -> Page:
    """A page of an SRE who is signed in, on the site of `live_server_with_worker`."""
    page = sign_in(new_context(base_url=live_server_with_worker.url), live_server_with_worker, sre)
    return page


def errors_of(page: Page) -> list[str]:
    """From now on, what goes wrong in the page: console errors, exceptions, files that are not there."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("response", lambda r: found.append(f"{r.status} {r.url}") if r.status >= 400 else None)
    return found
