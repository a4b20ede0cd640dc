"""Terminals: from a key to its echo, through the platform and on a bare exec of the engine side by side; Ctrl-C in a flood; kill -9."""

from __future__ import annotations

import contextlib
import os
import signal
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench.platform import Platform, bench_place, connect, ended, image_row, platform
from tests.bench.releases import CONFIG, push_images
from tests.bench.results import Results
from tests.engines.fleet import Fleet
from tests.engines.machine import wait_for

KEYS = 300
PACE = 0.02  # seconds between two keys: someone who types fast
FLOODS = 5


def run(results: Results) -> None:
    with Fleet.up(1) as fleet, platform() as site:
        push_images(fleet)
        site.use_rows()
        from containers.services import releases
        from xqplatform.accounts.actor import Actor

        connect(fleet)
        place = bench_place(fleet, "keys", 1, CONFIG)
        ended(releases.deploy(Actor.system("bench"), place, image_row(fleet, place, "bench", "a"), reason="bench"))
        instance = place.instances.select_related("host").get()
        echoes(results, site, instance)
        killed(results, site, instance)


def opened(site: Platform, instance: Any) -> tuple[int, Any]:
    """A terminal of the administrator, as a page opens it; the row's key and the page."""
    from tests.site import Site
    from tests.terminal.page import Visitor
    from xqplatform.accounts.models import User

    visitor = Visitor(Site(site.url), User.objects.get(username="admin"))
    pk = visitor.ask(instance, "bench")
    page = visitor.open(pk)
    page.wait(b"# ")
    return pk, page


def echoes(results: Results, site: Platform, instance: Any) -> None:
    from hosts import execs
    from hosts.engine import connect as engine_of
    from tests.hosts.test_execs import Reader

    engine, container = engine_of(instance.host), instance.current.engine_id
    bare = execs.Terminal(engine, execs.make(engine, container, ["cat"], terminal=True))
    reader = Reader(bare)
    _pk, page = opened(site, instance)
    page.type(b"cat\n")
    page.wait(b"cat\r\n")
    took: dict[str, list[float]] = {"bare": [], "page": []}
    for _ in range(KEYS):  # one after the other, so that both have the same noise
        took["bare"].append(echo(reader.said, lambda: bare.write(b"k")))
        took["page"].append(echo(page.said, lambda: page.type(b"k")))
        time.sleep(PACE)
    bare.write(b"\x04\x04")
    for name, words in (("bare", "a bare exec"), ("page", "the page's socket")):
        results.add(f"key to echo, {words}, median", statistics.median(took[name]), "ms")
    p95 = {name: statistics.quantiles(values, n=20)[-1] for name, values in took.items()}
    results.add("key to echo, a bare exec, p95", p95["bare"], "ms")
    results.add("key to echo, the page's socket, p95", p95["page"], "ms", 50)
    del page.said[:]
    page.type(b"\x03")
    page.wait(b"# ")  # what is typed before would be thrown away with the interrupt
    floods = []
    for number in range(FLOODS):
        # The rest of the flood before is not this one's beginning: a Ctrl-C that comes before `yes` runs is no interrupt but a
        # letter in the line that the shell is still editing, and nobody reads it then.
        del page.said[:]
        page.type(b"yes flood; echo over-%d\n" % number)
        page.wait(b"flood\r\n" * 1000)
        # The prompt, not «^C»: a terminal whose buffer is full echoes nothing.
        floods.append(echo_of(page, b"# "))
    results.add("Ctrl-C in a flood until it stands still, worst", max(floods), "ms", 1000)
    page.type(b"exit\n")
    page.message("end")


def echo(said: bytearray, press: Callable[[], None]) -> float:
    """Milliseconds from a key until something more is there."""
    before, began = len(said), time.perf_counter()
    press()
    while len(said) == before:
        if time.perf_counter() - began > 10:
            raise RuntimeError("no echo")
        time.sleep(0.0001)
    return (time.perf_counter() - began) * 1000


def echo_of(page: Any, text: bytes) -> float:
    del page.said[:]
    began = time.perf_counter()
    page.type(b"\x03")
    # Only the end is looked at: whoever searches all of a flood again and again keeps this process's other thread from hearing it.
    while text not in page.said[-200:]:
        if time.perf_counter() - began > 30:
            raise RuntimeError("the flood goes on")
        time.sleep(0.001)
    return (time.perf_counter() - began) * 1000


def killed(results: Results, site: Platform, instance: Any) -> None:
    """The web process is killed with a terminal open: how long its shell runs on."""
    from containers.models import Terminal
    from hosts.engine import connect as engine_of

    pk, page = opened(site, instance)
    page.type(b"sleep 4321\n")
    engine, container = engine_of(instance.host), instance.current.engine_id

    def left() -> bool:
        seen = engine.call("GET", f"/containers/{container}/top", params={"ps_args": "-eo pid,args"}).json()
        return any("4321" in row[-1] for row in seen["Processes"])

    wait_for("it sleeps", left)
    began = time.monotonic()
    for pid in web_processes(site):
        os.kill(pid, signal.SIGKILL)
    wait_for("its shell is gone", lambda: not left())
    results.add("web process killed: its shells ended after", time.monotonic() - began, "s", 30)
    wait_for("it is noted", lambda: Terminal.objects.get(pk=pk).why == "platform")
    page.close()


def web_processes(site: Platform) -> list[int]:
    """The supervisor's children that serve the pages."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            words = (folder / "cmdline").read_bytes()
            if site.process is not None and parent == site.process.pid and b"xqplatform.run.web" in words:
                found.append(int(folder.name))
    return found
