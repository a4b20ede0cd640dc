"""A service that burns CPU, behind nginx, grows with its load and shrinks with it: real requests, real samples, real releases."""

from __future__ import annotations

import itertools
import resource
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from django.db import connections

from containers.models import Deployment, Instance
from containers.scaling import services
from containers.scaling.evaluate import run
from containers.scaling.models import ScalingDecision, ScalingPolicy
from tests.engines.nginx import BURN
from tests.faults.collecting import Collecting, collecting  # noqa: F401
from tests.faults.conftest import Site, wait_for
from tests.faults.fronted import Fronted

pytestmark = pytest.mark.engine
CPUS, TARGET = 0.1, 50  # an instance's limit, and the percent of it that it is to use
POLICY: dict[str, Any] = {
    "least": 1, "most": 8, "loads": [{"metric": "cpu.percent", "target": TARGET}],
    "tolerance": 25, "over": 8, "window": 12,
}  # fmt: skip


class Burning:
    """Requests at a steady pace, each of which burns some CPU. What takes too long is not made up for."""

    def __init__(self, url: str) -> None:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(["busybox", "sh", "-c", f"for n in 1 2 3 4 5; do {BURN}; done"], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.cost = (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) / 5  # seconds of CPU
        self.url = f"{url}/cgi-bin/work?burn"
        self.cores = 0.0
        self.failed: list[str] = []
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self._ask, args=(n,), daemon=True) for n in range(8)]
        for thread in self.threads:
            thread.start()

    def _ask(self, n: int) -> None:
        while not self.ended.is_set():
            pause = len(self.threads) * self.cost / self.cores if self.cores else 0.5
            began = time.monotonic()
            if self.cores:
                try:
                    requests.get(self.url, timeout=30).raise_for_status()
                except requests.RequestException as error:
                    self.failed.append(f"{n}: {error}")
            self.ended.wait(max(0.0, pause - (time.monotonic() - began)))

    def end(self) -> None:
        self.ended.set()
        for thread in self.threads:
            thread.join(30)


class Beating:
    """Evaluates once a second, as the beat does every ten, and carries out what is begun, as a worker does."""

    def __init__(self, site: Site) -> None:
        self.site, self.ended = site, threading.Event()
        self.errors: list[Exception] = []
        self.seen: list[tuple[float, int]] = []
        self.thread = threading.Thread(target=self._beat, daemon=True)
        self.thread.start()

    def _beat(self) -> None:
        begun: set[int] = set()
        try:
            while not self.ended.wait(1):
                run()
                for row in Deployment.objects.filter(kind="scale", state="queued").exclude(pk__in=begun):
                    begun.add(row.pk)
                    self.site.begin(row)
        except Exception as error:
            self.errors.append(error)
        finally:
            connections.close_all()

    def end(self) -> None:
        self.ended.set()
        self.thread.join(60)


@pytest.fixture
def fronted(site: Site, tmp_path: Path, settings: Any) -> Iterator[Fronted]:
    settings.PERSIST_ROOT = str(tmp_path)
    made = Fronted(site, tmp_path, 1)
    made.settings(cpus=CPUS, traffic={"way": "nginx", "front": "edge", "port": 80, "drain": 5})
    yield made
    made.nginx.stop()


def standing() -> int:
    return Instance.objects.filter(removed=None).count()


def content() -> bool:
    """Whether the policy has nothing more to do: enough stand, and their mean is at the target."""
    row = ScalingPolicy.objects.get()
    wish = next(iter(row.now.get("wishes", [])), {})
    mean = wish.get("reason", {}).get("mean", 999)
    return row.now.get("reason", {}).get("code") in {"enough", "window"} and mean <= TARGET * 1.25


def directions() -> list[str]:
    """Up, down: each change of direction is one more."""
    rows = ScalingDecision.objects.order_by("id").values_list("before", "asked")
    return [way for way, _same in itertools.groupby("up" if asked > before else "down" for before, asked in rows)]


@pytest.mark.timeout(400)
def test_it_grows_with_its_load_and_shrinks_with_it(fronted: Fronted, collecting: Collecting) -> None:  # noqa: F811
    row = fronted.release("burns")
    assert row.state == "succeeded", row.outcome
    fronted.nginx.start()
    collecting.begin()
    services.save(fronted.site.actor, fronted.site.place, POLICY)
    burning, beating = Burning(fronted.nginx.url), Beating(fronted.site)
    try:
        burning.cores = 2.5 * CPUS * TARGET / 100  # three instances do it, if a request costs what it costs here
        wait_for("it has grown", lambda: standing() > 1 and content(), 120)
        grown = standing()
        assert directions() == ["up"], list(ScalingDecision.objects.values())
        burning.cores = 0.1 * CPUS * TARGET / 100
        wait_for("it has shrunk", lambda: standing() == 1 and content(), 150)
    finally:
        beating.end()
        burning.end()
    assert beating.errors == fronted.site.errors == []
    assert 2 <= grown <= 8
    assert directions() == ["up", "down"], list(ScalingDecision.objects.values())
    assert {one.outcome for one in ScalingDecision.objects.all()} == {"begun"}
    assert set(Deployment.objects.filter(kind="scale").values_list("state", flat=True)) == {"succeeded"}
    assert burning.failed == [], "no request was lost on the way"
