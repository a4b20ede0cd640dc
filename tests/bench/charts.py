"""One instance's day as charts: from the request to the first chart's bytes, and to its first paint in a browser."""

from __future__ import annotations

import http.client
import os
import statistics
import time
from typing import Any

from tests.bench.platform import Platform, platform
from tests.bench.results import Results
from tests.browser import metrics_seed
from tests.browser.chrome import PATIENCE, chromium

TRIES = 25
# The moment after which the first chart's picture has been on the screen: two frames after it is in the page.
PAINTED = """
(() => { const look = () => { if (document.querySelector("#chart-cpu svg path.xqc-curve"))
    requestAnimationFrame(() => requestAnimationFrame(() => { window.painted = performance.now(); })); else requestAnimationFrame(look); };
  look(); })()
"""


def run(results: Results) -> None:
    with platform() as site:
        site.use_rows()
        from tests import factories
        from xqplatform.metrics import keeping

        instance = factories.make_running_place("snow", "production", 1).instances.get()
        metrics_seed.happened(instance)
        metrics_seed.fill([instance], [instance.host], hours=24)
        end = time.monotonic() + 300
        while keeping.keep(budget=60) and time.monotonic() < end:
            pass
        path = f"/instances/{instance.pk}/charts/?range=24h"
        name, value = session()
        first, whole = zip(*(bytes_of(site, path, f"{name}={value}") for _n in range(TRIES)), strict=True)
        results.add("chart page of a day: first chart sent, median", statistics.median(first[5:]), "ms", 60)
        results.add("chart page of a day: all charts sent, median", statistics.median(whole[5:]), "ms")
        results.add("chart page of a day: first chart painted, median", paint(site, path, name, value), "ms", 60)


def session() -> tuple[str, str]:
    """A session's cookie of the administrator."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # playwright's loop comes later in this thread
    from django.conf import settings
    from django.test import Client

    from xqplatform.accounts.models import User

    client = Client()
    client.force_login(User.objects.get(username="admin"))
    return settings.SESSION_COOKIE_NAME, client.cookies[settings.SESSION_COOKIE_NAME].value


def bytes_of(site: Platform, path: str, cookie: str) -> tuple[float, float]:
    """Milliseconds until the first chart has come whole, and until the page has."""
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=60)
    began = time.perf_counter()
    connection.request("GET", path, headers={"Cookie": cookie})
    answer = connection.getresponse()
    seen, first = b"", 0.0
    while piece := answer.read1(65536):
        seen += piece
        if not first and b"</figure>" in seen:
            first = time.perf_counter() - began
    whole = time.perf_counter() - began
    connection.close()
    if not first:
        raise RuntimeError(f"There is no chart in the answer ({answer.status}).")
    return first * 1000, whole * 1000


def paint(site: Platform, path: str, name: str, value: str) -> float:
    """Milliseconds from the navigation to the first chart on the screen; the browser has the page's files already."""
    took = []
    with chromium() as browser:
        context: Any = browser.new_context(base_url=site.url, viewport={"width": 1360, "height": 900})
        context.set_default_timeout(PATIENCE)
        context.add_cookies([{"name": name, "value": value, "url": site.url}])
        context.add_init_script(PAINTED)
        page = context.new_page()
        for _n in range(TRIES):
            page.goto(path)
            took.append(page.wait_for_function("window.painted").json_value())
    return statistics.median(took[5:])
