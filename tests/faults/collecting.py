"""What the tests of collectors on real engines share: a fleet that is collected from every second."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from hosts import hooks, observe
from hosts.collector import placing
from hosts.collector.readers import Readers
from hosts.models import Collector, Host
from tests.engines.images import tiny_image
from tests.faults.conftest import Site, wait_for
from xqplatform import metrics


class Collecting:
    """Readers of this process over the fleet of a `Site`."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.readers = Readers()
        self.subjects: dict[str, str] = {}  # of containers that a test started itself

    def begin(self, *hosts: Host) -> None:
        for host in hosts or self.site.hosts:
            observe.refresh_host(host.pk)
        placing.ensure_rows()
        for host in hosts or self.site.hosts:
            self.place(host)
        self.readers.start()

    def place(self, host: Host) -> Collector:
        Collector.objects.filter(host=host).update(tried=None)
        placing.look_after(host.pk)
        return self.row(host)

    def row(self, host: Host) -> Collector:
        return Collector.objects.get(host=host)

    def latest(self, subject: str) -> dict[str, float]:
        """Its newest values, none before there are any."""
        return metrics.latest([subject], within=30).get(subject, (0.0, {}))[1]

    def sample_after(self, subject: str, when: float, seconds: float = 60.0, has: str = "up") -> tuple[float, Any]:
        """The first newest sample that was ticked after a moment and has a metric."""

        def found() -> Any:
            at, values = metrics.latest([subject], within=30).get(subject, (0.0, {}))
            return (at, values) if at > when and has in values else None

        found_one: tuple[float, Any] = wait_for(f"a sample of {subject} with {has}", found, seconds)
        return found_one

    def points(self, subject: str, metric: str, start: float) -> list[metrics.Point]:
        found = metrics.series([subject], [metric], start, time.time() + 5, points=4000)
        return found[0].points if found else []

    def ticked(self, host: Host) -> int:
        """The number of the last tick in its collector's own log, whoever reads it."""
        with client_of(self.site, host) as client:
            lines = client.logs(self.row(host).container, stderr=False, tail=200).decode().splitlines()
        return max(int(line.split(" ")[1]) for line in lines if line.startswith("E "))

    def ticks(self, host: Host, count: int) -> None:
        """Waits until it has ticked so many times more."""
        goal = self.ticked(host) + count
        wait_for(f"{count} ticks", lambda: self.ticked(host) >= goal)

    def end(self) -> None:
        self.readers.stop()

    # --- Containers that belong to no release ------------------------------------------------------------------------

    def run(
        self, number: int, name: str, *command: str, host: int = 0, network: str = "none", ip: str = "", **limits: Any
    ) -> str:
        """A container that the platform takes for instance `number`; its engine id."""
        with client_of(self.site, self.site.hosts[host]) as client:
            tiny_image(client, "truth:1", healthcheck=False)
            config = client.create_host_config(network_mode=network, **{"mem_limit": "64m", **limits})
            joined = None
            if ip:
                joined = client.create_networking_config({network: client.create_endpoint_config(ipv4_address=ip)})
            made = client.create_container(
                "truth:1", list(command), name=name, host_config=config, networking_config=joined
            )["Id"]
            self.subjects[str(made)] = f"instance:{number}"
            client.start(made)
        return str(made)

    def say(self, engine_id: str, *command: str, host: int = 0) -> str:
        with client_of(self.site, self.site.hosts[host]) as client:
            made = client.exec_create(engine_id, list(command))["Id"]
            return bytes(client.exec_start(made)).decode()

    def pid(self, engine_id: str, host: int = 0) -> int:
        with client_of(self.site, self.site.hosts[host]) as client:
            return int(client.inspect_container(engine_id)["State"]["Pid"])

    def holes(self, number: int, metric: str, start: float) -> list[float]:
        """Ticks after a moment that have no rate: of what was done before them nothing is known (and `total` lacks it)."""
        rates = {point.time for point in self.points(f"instance:{number}", metric, start)}
        ticks = [point.time for point in self.points(f"instance:{number}", "up", start)]
        return [tick for tick in ticks[1:] if tick not in rates]

    def total(self, number: int, metric: str, start: float, end: float | None = None) -> float:
        """What a rate adds up to between two ticks."""
        ticks = [point.time for point in self.points(f"instance:{number}", "up", start)]
        rates = {point.time: point.avg for point in self.points(f"instance:{number}", metric, start)}
        return sum(
            rates.get(now, 0.0) * (now - before) for before, now in itertools.pairwise(ticks) if now <= (end or now)
        )


@pytest.fixture
def collecting(site: Site, settings: Any) -> Iterator[Collecting]:
    settings.METRICS_INTERVAL = 1
    made = Collecting(site)
    yield made
    made.end()


@pytest.fixture
def truth(collecting: Collecting, monkeypatch: pytest.MonkeyPatch) -> Collecting:
    """For containers that tests start themselves with `run`."""

    def subjects(_host: int, asked: Mapping[str, Any]) -> dict[str, str]:
        return {one: collecting.subjects[one] for one in asked if one in collecting.subjects}

    monkeypatch.setattr(hooks, "METRIC_SUBJECTS", [subjects])
    return collecting


@contextlib.contextmanager
def client_of(site: Site, host: Host) -> Iterator[Any]:
    with contextlib.closing(site.fleet.hosts[site.hosts.index(host)].local_client()) as client:
        yield client
