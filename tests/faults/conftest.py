"""Releases on real engines: a service on three hosts of one segment, its images in a real registry."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from docker.errors import NotFound

from builds.models import Image, Project, Registry
from containers.advancing import runner
from containers.models import Container, Deployment, Environment, Instance, Service, ServiceEnvironment
from containers.services import releases
from containers.services import settings as places
from containers.steps import points
from hosts.models import Address, Host, Segment
from tests.engines.fleet import Fleet
from tests.engines.images import tiny_image
from tests.faults.workers import Workers
from xqplatform.accounts.actor import Actor

PATIENCE = 90.0
CONFIG = {
    "memory": "32m",
    "cpus": 1,
    "stop_timeout": 1,
    "command": [],
}
_images: dict[tuple[int, str], tuple[str, str]] = {}
KINDS: dict[str, dict[str, Any]] = {
    # The platform runs the first check itself, so no release waits for the engine's: each of those costs some 0.1 s of CPU.
    "v1": {"interval": 5},
    "v2": {"interval": 5},
    "rare": {"interval": 3600},
    "sick": {"health_command": "false"},
    "exits": {"command": ["/bin/sh", "-c", "echo going down; exit 3"], "healthcheck": False},
}


def wait_for(what: str, condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """Waits until the condition is true, generously."""
    until = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < until, f"waited {seconds:g} s in vain: {what}"
        time.sleep(0.05)


class Site:
    """The rows of the fleet, and what the tests ask of it."""

    def __init__(self, fleet: Fleet, wanted: int = 3, segment: bool = True) -> None:
        self.fleet = fleet
        self.actor = Actor.system("tester")
        self.threads: list[threading.Thread] = []
        self.errors: list[BaseException] = []
        self.hosts = [
            Host.objects.create(
                name=one.name,
                address=f"{one.address}:2376",
                ca=one.ca,
                certificate=one.cert,
                key=one.key,
                state="ready",
            )
            for one in fleet.hosts
        ]
        self.environment = Environment.objects.get(slug="isolated")
        if segment:
            row = Segment.objects.create(
                slug="lan",
                cidr=fleet.segment.cidr,
                gateway=fleet.segment.gateway,
                pool=f"{fleet.segment.address(0)}-{fleet.segment.address(60)}",
            )
            row.hosts.set(self.hosts)
            self.environment.segment = row
            self.environment.save()
        self.registry = Registry.objects.create(name="main", address=fleet.registry.address, state="ready")
        self.project = Project.objects.create(name="snow")
        self.service = Service.objects.create(slug="snow", project=self.project)
        self.place: ServiceEnvironment = self.service.places.create(environment=self.environment, wanted=wanted)
        places.save_config(self.actor, self.place, CONFIG)

    def image(self, name: str) -> Image:
        """One of KINDS, built and pushed once a run."""
        key = (self.fleet.number, name)
        if key not in _images:
            client = self.fleet.hosts[0].client()
            with contextlib.closing(client):
                tag = f"{self.registry.address}/snow:{name}"
                image_id = tiny_image(client, tag, text=name, **KINDS[name])
                for line in client.push(tag, stream=True, decode=True):
                    assert "error" not in line, line
                digests = client.inspect_image(tag)["RepoDigests"]
                _images[key] = (image_id, digests[0].partition("@")[2])
        image_id, digest = _images[key]
        found = Image.objects.filter(tag=name).first()
        return found or Image.objects.create(
            project=self.project, registry=self.registry, repository="snow", tag=name, digest=digest, image_id=image_id
        )

    # --- Running -------------------------------------------------------------------------------------------------

    def advance(self, row: Deployment) -> Deployment:
        """Runs it in this thread until it ends or rests."""
        runner.advance(row.pk)
        row.refresh_from_db()
        return row

    def begin(self, row: Deployment) -> threading.Thread:
        """Runs it in a thread, as a worker does; again and again while it is active, as the beat sees to."""

        def run() -> None:
            try:
                while Deployment.objects.filter(pk=row.pk, state__in=Deployment.ACTIVE).exists():
                    runner.advance(row.pk)
                    time.sleep(0.05)
            except BaseException as error:
                self.errors.append(error)
            finally:
                connections.close_all()

        thread = threading.Thread(target=run, daemon=True)
        self.threads.append(thread)
        thread.start()
        return thread

    def ended(self, row: Deployment, state: str, seconds: float = PATIENCE) -> Deployment:
        """Waits for the end, which must be this one."""

        def over() -> bool:
            assert not self.errors, self.errors
            row.refresh_from_db()
            return row.state in Deployment.TERMINAL

        wait_for(f"the release ends as {state}", over, seconds)
        steps = [(s.instance.number, s.state, s.reason) for s in row.steps.all()]
        assert row.state == state, (row.state, row.outcome, steps)
        for thread in self.threads:
            thread.join(30)
        return row

    def release(self, name: str, **policy: Any) -> Deployment:
        """A release that runs to its success."""
        return self.succeeds(self.deploy(name, **policy))

    def succeeds(self, row: Deployment) -> Deployment:
        """Runs it, and it must succeed."""
        self.advance(row)
        steps = [(s.instance.number, s.state, s.reason) for s in row.steps.all()]
        assert row.state == "succeeded", (row.outcome, steps, row.pulls)
        return row

    def deploy(self, name: str, **policy: Any) -> Deployment:
        policy = {"batch": 3, "deadline": 90, **policy}
        return releases.deploy(self.actor, self.place, self.image(name), policy=policy, reason=f"to {name}")

    # --- Seeing --------------------------------------------------------------------------------------------------

    def containers(self) -> list[dict[str, Any]]:
        """What all engines really have."""
        found = []
        for host in self.fleet.hosts:
            with contextlib.closing(host.local_client()) as client:
                # (Not the platform's own short-lived helpers.)
                all_of_them = [one for one in client.containers(all=True) if "xq.helper" not in one["Labels"]]
                for one in all_of_them:
                    with contextlib.suppress(NotFound):  # a removal that was under way
                        found.append(client.inspect_container(one["Id"]))
        return found

    def texts(self) -> list[str]:
        """The image (its name) of every running container on all hosts."""
        names = {image_id: name for (number, name), (image_id, _d) in _images.items() if number == self.fleet.number}
        return sorted(names.get(one["Image"], one["Image"]) for one in self.containers() if one["State"]["Running"])

    def check(self, count: int, name: str) -> None:
        """Exactly so many containers of that image, none doubled, none orphaned, no address lost or doubled."""
        seen = self.containers()
        assert self.texts() == [name] * count, [(c["Name"], c["State"]["Status"], c["Image"]) for c in seen]
        assert len(seen) == count, [(c["Name"], c["State"]["Status"]) for c in seen]
        stands = Instance.objects.filter(place=self.place, removed=None)
        assert stands.count() == count
        assert sorted(c["Name"].strip("/") for c in seen) == sorted(one.name for one in stands)
        held = set(Address.objects.filter(state="held").values_list("ip", flat=True))
        if self.environment.segment is not None:
            assert held == {one.address.ip for one in stands.select_related("address") if one.address}
            for one in seen:
                network = one["NetworkSettings"]["Networks"]["xq-lan"]
                assert network["IPAddress"] in held
                octets = [int(part) for part in network["IPAddress"].split(".")]
                assert network["MacAddress"] == "02:42:" + ":".join(f"{part:02x}" for part in octets)
        ids = {one["Id"] for one in seen}
        assert set(Container.objects.filter(ended=None).values_list("engine_id", flat=True)) == ids


@pytest.fixture
def site(clean_fleet: Fleet, transactional_db: None) -> Iterator[Site]:
    made = Site(clean_fleet)
    yield made
    points.PROBE.clear()
    Deployment.objects.filter(state__in=Deployment.ACTIVE).update(state="cancelled")
    for thread in made.threads:
        thread.join(30)


@pytest.fixture
def workers(site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Workers]:
    """Processes that work on the site's rows; what they persist on hosts lies below `tmp_path`."""
    monkeypatch.setenv("XQ_PERSIST_ROOT", str(tmp_path))
    made = Workers()
    yield made
    made.close()


@pytest.fixture
def bridgeless(clean_fleet: Fleet, transactional_db: None) -> Iterator[Site]:
    """The same without a segment: no fixed addresses."""
    made = Site(clean_fleet, wanted=3, segment=False)
    yield made
    points.PROBE.clear()
    Deployment.objects.filter(state__in=Deployment.ACTIVE).update(state="cancelled")
    for thread in made.threads:
        thread.join(30)
