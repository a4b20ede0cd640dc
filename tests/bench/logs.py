"""A log in a browser: how many lines a second come to the page, and for how long at most the page hears nobody."""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from tests.bench.charts import session
from tests.bench.platform import platform
from tests.bench.results import Results
from tests.browser.chrome import PATIENCE, chromium
from tests.log_engine import LogEngine

LINE = "2026-11-29 10:00:00,123 INFO  [http-nio-8080-exec-7] com.xueqiu.snow.QuoteCache: keep the last price of SH600519, number {}"
RATE = 6000  # lines a second that the engine says, of all instances together
INSTANCES, SECONDS, STEP = 3, 15, 0.02
WATCH = """
window.longest = 0;
new PerformanceObserver((list) => { for (const one of list.getEntries()) window.longest = Math.max(window.longest, one.duration); })
  .observe({ type: "longtask", buffered: true });
"""


def run(results: Results) -> None:
    with tempfile.TemporaryDirectory(prefix="xq-log-") as folder, platform() as site:
        site.use_rows()
        from hosts.models import Host
        from tests import factories

        engine = LogEngine(Path(folder) / "e.sock")
        place = factories.make_running_place("snow", "isolated", INSTANCES)
        # (Retired: nobody takes its inventory.)
        Host.objects.update(connection="local", address=f"unix://{engine.path}", state=Host.State.RETIRED)
        ids = [str(one.containers.get().engine_id) for one in place.instances.order_by("number")]
        for one in ids:
            engine.say(one, "started")
        name, value = session()
        before = site.cpu()
        seen, longest, skipped, said = watch(site.url, engine, ids, name, value)
        used = (site.cpu() - before) / SECONDS
        engine.close()
    # What the engine said is more than what is asked for; the platform's and the browser's work share the machine.
    results.add("log lines/s said by the engines", said, "1/s")
    results.add("log to the browser: seconds for 5,000 lines", 5000 / max(1.0, seen), "s", 1.0)
    results.add("log lines/s in the browser", seen, "1/s")
    results.add("log page: longest task", longest, "ms", 200)
    results.add("log lines skipped", skipped, "lines", 0)
    results.add("log to the browser: cores of the platform", used, "cores")


def watch(url: str, engine: LogEngine, ids: list[str], name: str, value: str) -> tuple[float, float, float, float]:
    """Lines a second in the page, its longest task (ms), notes of skipped lines, and lines a second that were said."""
    with chromium() as browser:
        context: Any = browser.new_context(base_url=url, viewport={"width": 1360, "height": 900})
        context.set_default_timeout(PATIENCE)
        context.add_cookies([{"name": name, "value": value, "url": url}])
        context.add_init_script(WATCH)
        page = context.new_page()
        page.goto("/services/snow/isolated/logs/")
        # (Asked for from outside: the pages' policy forbids what waiting inside of them needs.)
        until = time.monotonic() + 60
        while page.evaluate("window.xqLogs ? window.xqLogs.lines.length : 0") < len(ids):
            if time.monotonic() > until:
                raise RuntimeError(f"The log did not come: {page.locator('[data-logs-state]').inner_text()}")
            time.sleep(0.1)
        time.sleep(3)  # what belongs to opening the page is over
        page.evaluate("window.longest = 0")
        said, stop = [0], threading.Event()
        talker = threading.Thread(target=talk, args=(engine, ids, said, stop), daemon=True)
        began, first = time.monotonic(), page.evaluate("window.xqLogs.counted()")
        talker.start()
        time.sleep(SECONDS)
        seen, took = page.evaluate("window.xqLogs.counted()") - first, time.monotonic() - began
        spoken = said[0] / took
        stop.set()
        talker.join()
        skipped = page.evaluate("window.xqLogs.lines.list.filter((l) => l.c === 2 && l.t.includes('skipped')).length")
        longest = page.evaluate("window.longest")
    return seen / took, longest, skipped, spoken


def talk(engine: LogEngine, ids: list[str], said: list[int], stop: threading.Event) -> None:
    """Says lines at the rate, whatever the sleeps take."""
    began = time.monotonic()
    while not stop.is_set():
        due = int((time.monotonic() - began) * RATE) - said[0]
        for n, one in enumerate(ids):
            share = range(n, due, len(ids))
            engine.say(one, *(LINE.format(said[0] + k) for k in share))
        said[0] += max(0, due)
        time.sleep(STEP)
