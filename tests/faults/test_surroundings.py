"""What stands around a release breaks: the registry, an engine's disk, the broker. What serves goes on serving."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from containers.models import Container, Deployment
from tests.engines.fleet import Fleet
from tests.faults.conftest import KINDS, Site, wait_for
from tests.faults.workers import database_url
from xqplatform.run import broker

pytestmark = pytest.mark.engine
# Layers of its own (nothing of them is on a host yet), and large enough to fill a small disk.
KINDS["big"] = {"extra": "RUN dd if=/dev/zero of=/big bs=1024 count=8192"}


def started(site: Site) -> dict[str, str]:
    """When each container began to run: the same before and after means that nothing was stopped."""
    return {one["Id"]: one["State"]["StartedAt"] for one in site.containers()}


def forget_image(site: Site, name: str) -> None:
    """No engine has it any more: a release has to pull it."""
    image = site.image(name)
    for host in site.fleet.hosts:
        with contextlib.closing(host.local_client()) as client:
            for one in client.images():
                if one["Id"] == image.image_id:
                    client.remove_image(one["Id"], force=True)


def test_a_registry_that_is_gone_stops_nothing_and_the_next_try_works(site: Site) -> None:
    site.release("v1")
    site.image("big")
    forget_image(site, "big")
    before = started(site)
    site.fleet.registry.stop()
    row = site.advance(site.deploy("big", deadline=5))
    assert row.state in {"failed", "rolled_back"}, row.outcome
    assert "The image could not be fetched to h" in row.outcome
    assert site.registry.address in row.outcome
    assert not row.steps.exclude(state="skipped").exists()
    assert started(site) == before
    site.check(3, "v1")
    site.fleet.registry.start()
    site.release("big")
    site.check(3, "big")


@pytest.fixture
def small_site(transactional_db: None) -> Iterator[Site]:
    """Two hosts whose engines have a disk of 64 MB."""
    with Fleet.up(hosts=2, disk_mb=64) as fleet:
        made = Site(fleet, wanted=2)
        yield made
        Deployment.objects.filter(state__in=Deployment.ACTIVE).update(state="cancelled")


def fill(folder: Path) -> Path:
    """Leaves no more than a few hundred kilobytes of the file system."""
    filler = folder / "filler"
    with filler.open("wb") as file:
        try:
            while True:
                file.write(bytes(1 << 16))
                file.flush()
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            os.ftruncate(file.fileno(), max(0, filler.stat().st_size - (1 << 20)))
    return filler


@pytest.mark.timeout(400)
def test_a_disk_that_is_full_at_the_pull_stops_nothing(small_site: Site) -> None:
    site = small_site
    site.release("v1")
    site.image("big")
    forget_image(site, "big")
    before = started(site)
    victim = site.fleet.hosts[1]
    filler = fill(victim.data_root)
    row = site.advance(site.deploy("big", deadline=30))
    assert row.state in {"failed", "rolled_back"}, row.outcome
    assert f"The image could not be fetched to {victim.name}" in row.outcome
    assert "space" in row.outcome
    assert started(site) == before
    site.check(2, "v1")
    filler.unlink()
    site.release("big")
    site.check(2, "big")


@pytest.mark.timeout(400)
def test_a_broker_that_is_restarted_mid_release_loses_nothing(site: Site, tmp_path: Path) -> None:
    """A real broker, worker and beat; what the queue of the tests swallows, the beat's sweep finds."""
    site.release("v1")
    folder = Path(settings.DATA_DIR)
    path = folder / "mid.sock"
    environment = {
        **os.environ,
        "XQ_DATA_DIR": str(folder),
        "XQ_DATABASE_URL": database_url(),
        "XQ_REDIS_URL": f"unix://{path}?db=0",
        "DJANGO_SETTINGS_MODULE": "xqplatform.settings",
        "XQ_LOG_LEVEL": "WARNING",
    }
    log = (tmp_path / "log").open("wb")
    running: list[subprocess.Popen[bytes]] = []

    def spawn(*arguments: str) -> subprocess.Popen[bytes]:
        child = subprocess.Popen(arguments, cwd=settings.BASE_DIR, env=environment, stdout=log, stderr=log)
        running.append(child)
        return child

    def serve() -> subprocess.Popen[bytes]:
        child = spawn(*broker.command(path, tmp_path))
        wait_for("the broker answers", lambda: broker.answers(path))
        return child

    try:
        first = serve()
        worker = (
            "worker --pool threads --concurrency 16 --without-gossip --without-mingle --without-heartbeat -l WARNING"
        )
        celery = spawn(sys.executable, "-m", "celery", "-A", "xqplatform", *worker.split())
        spawn(sys.executable, "-m", "xqplatform.run.beat")
        row = site.deploy("v2", batch=1, pause=2)
        wait_for("it is in the middle", lambda: row.steps.filter(state="done").exists())
        first.kill()
        first.wait(30)
        # While nobody carries messages, the release goes on.
        wait_for("the next one is done", lambda: row.steps.filter(state="done").count() >= 2)
        serve()
        site.ended(row, "succeeded")
        site.check(3, "v2")
        # And what is asked for afterwards arrives: the same worker has connected again.
        second = site.deploy("v1")
        site.ended(second, "succeeded")
        assert celery.poll() is None
        site.check(3, "v1")
        assert not Container.objects.filter(ended=None).exclude(deployment=second).exists()
    finally:
        for child in reversed(running):
            child.terminate()
        for child in running:
            try:
                child.wait(30)
            except subprocess.TimeoutExpired:
                child.kill()
        log.close()
