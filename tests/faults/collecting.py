"""What the tests of collectors on real engines share: a fleet that is collected from every second."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import pytest

from containers.models import Instance
from hosts import observe
from hosts.collector import placing
from hosts.collector.readers import Readers
from hosts.models import Collector, Host
from tests.faults.conftest import Site, wait_for
from xqplatform import metrics


class Collecting:
    """Readers of this process over the fleet of a `Site`."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.readers = Readers()

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

    def end(self) -> None:
        self.readers.stop()


@pytest.fixture
def collecting(site: Site, settings: Any) -> Iterator[Collecting]:
    settings.METRICS_INTERVAL = 1
    made = Collecting(site)
    yield made
    made.end()


def docker_id(site: Site, instance: Instance) -> str:
    row = instance.containers.filter(ended=None).get()
    return str(row.engine_id)


@contextlib.contextmanager
def client_of(site: Site, host: Host) -> Iterator[Any]:
    with contextlib.closing(site.fleet.hosts[site.hosts.index(host)].local_client()) as client:
        yield client
