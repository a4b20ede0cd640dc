"""One instance's day as charts: from the request to the first chart's bytes, and to its first paint in a browser: of a new page,
after a click on another range, and of a page with a fixed picture, which says what the browser itself takes. And the pages of a fleet."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import statistics
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.bench.platform import ROOT, Platform, platform
from tests.bench.results import Results
from tests.browser import metrics_seed
from tests.browser.chrome import PATIENCE, chromium

TRIES = 25
HOSTS, EACH = 1000, 10
# The moment after which the first chart's picture has been on the screen: two frames after it is in the page.
PAINTED = """
window.watchChart = (began, old) => { window.painted = 0; const look = () => {
  const curve = document.querySelector("#chart-cpu svg path.xqc-curve");
  if (curve && curve !== old) requestAnimationFrame(() => requestAnimationFrame(() => { window.painted = performance.now() - began; }));
  else requestAnimationFrame(look); };
  requestAnimationFrame(look); };
window.watchChart(0, null);
"""
CLICKED = """() => document.addEventListener("click", () => window.watchChart(performance.now(),
  document.querySelector("#chart-cpu svg path.xqc-curve")), { capture: true, once: true })"""


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
        with chromium() as browser:
            took = paint(browser, site.url, path, (name, value))
            results.add("chart page of a day: first chart painted, median", statistics.median(took), "ms", 60)
            results.add("chart page of a day: first chart painted, fastest", min(took), "ms")
            took = clicks(browser, site.url, path, (name, value))
            results.add("click on a day: first chart painted, median", statistics.median(took), "ms")
            results.add("click on a day: first chart painted, fastest", min(took), "ms")
            with fixed(first_only(site, path, f"{name}={value}")) as url:
                took = paint(browser, url, "/", (name, value))
            results.add("a page with a fixed picture painted, median", statistics.median(took), "ms")
            results.add("a page with a fixed picture painted, fastest", min(took), "ms")
        the_fleet(results, site, f"{name}={value}")


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


@contextlib.contextmanager
def tab(browser: Any, url: str, cookie: tuple[str, str]) -> Iterator[Any]:
    context = browser.new_context(base_url=url, viewport={"width": 1360, "height": 900})
    context.set_default_timeout(PATIENCE)
    context.add_cookies([{"name": cookie[0], "value": cookie[1], "url": url}])
    context.add_init_script(PAINTED)
    yield context.new_page()
    context.close()


def painted(page: Any) -> float:
    took = float(page.wait_for_function("() => window.painted").json_value())
    page.wait_for_timeout(200)  # what comes after the first paint is not to be in the way of the next
    return took


def paint(browser: Any, url: str, path: str, cookie: tuple[str, str]) -> list[float]:
    """Milliseconds from the navigation to the first chart on the screen; the browser has the page's files already."""
    took = []
    with tab(browser, url, cookie) as page:
        for _n in range(TRIES):
            page.goto(path)
            took.append(painted(page))
    return took[5:]


def clicks(browser: Any, url: str, path: str, cookie: tuple[str, str]) -> list[float]:
    """Milliseconds from a click on «24 h» to the first chart on the screen."""
    took = []
    with tab(browser, url, cookie) as page:
        page.goto(path)
        page.wait_for_selector("#chart-cpu[data-alive]")
        for _n in range(TRIES):
            page.evaluate(CLICKED)
            page.click('[data-range="24h"]')
            took.append(painted(page))
    return took[5:]


def first_only(site: Platform, path: str, cookie: str) -> bytes:
    """The page with its first chart and no other: what the browser would have to do if the platform took no time at all."""
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=60)
    connection.request("GET", path, headers={"Cookie": cookie})
    page = connection.getresponse().read()
    connection.close()
    return page[: page.index(b"</figure>") + 9]


@contextlib.contextmanager
def fixed(page: bytes) -> Iterator[str]:
    """A server that has one page, and its style sheets and scripts."""
    kinds = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            file = ROOT / self.path.partition("?")[0].lstrip("/")
            if self.path == "/":
                self.answer(page, "text/html; charset=utf-8", "no-store")
            elif re.match(r"/static/[\w./-]+$", self.path) and file.is_file():
                self.answer(file.read_bytes(), kinds.get(file.suffix, "text/plain"), "max-age=3600")
            else:
                self.send_error(404)

        def answer(self, body: bytes, kind: str, cache: str) -> None:
            self.send_response(200)
            for header, value in (("Content-Type", kind), ("Cache-Control", cache), ("Content-Length", str(len(body)))):
                self.send_header(header, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_given: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()


def the_fleet(results: Results, site: Platform, cookie: str) -> None:
    """Pages over 1,000 hosts of 10 instances each, with all samples of six minutes, which no rank has yet."""
    place, hosts = a_fleet()
    metrics_seed.fill(place.instances.order_by("number"), hosts, hours=0.1)
    for words, path in (
        ("monitoring page", "/monitoring/"),
        ("monitoring page, 15 minutes", "/monitoring/?range=15m"),
        ("monitoring page, top of hosts", "/monitoring/?kind=host&metric=load.1"),
        ("fleet page", "/hosts/"),
    ):
        took = [whole(site, path, cookie) for _n in range(7)]
        results.add(f"{words}, {HOSTS:,} hosts × {EACH}", statistics.median(took[2:]), "ms", 200)


def a_fleet() -> tuple[Any, list[Any]]:
    from containers.models import Instance
    from hosts.models import Host
    from tests import factories

    place = factories.make_running_place("wide", "production", 1)
    Host.objects.bulk_create(
        [
            Host(name=f"bench-{n:04d}", address=f"10.{n // 250 + 20}.{n % 250}.9:2376", state="ready", cpus=16)
            for n in range(HOSTS)
        ]
    )
    hosts = list(Host.objects.filter(name__startswith="bench-").order_by("name"))
    Instance.objects.bulk_create(
        [Instance(place=place, number=2 + n * EACH + k, host=host) for n, host in enumerate(hosts) for k in range(EACH)]
    )
    return place, hosts


def whole(site: Platform, path: str, cookie: str) -> float:
    """Milliseconds until a page has come."""
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=120)
    began = time.perf_counter()
    connection.request("GET", path, headers={"Cookie": cookie})
    answer = connection.getresponse()
    body = answer.read()
    took = (time.perf_counter() - began) * 1000
    connection.close()
    if answer.status != 200 or b"bench-" not in body:
        raise RuntimeError(f"{path} answered {answer.status}.")
    return took
