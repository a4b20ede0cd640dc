"""Bad days on real engines: whatever breaks, the release goes on or back, doubles nothing and loses nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.conf import settings

from containers import leases
from containers.converge import converge
from containers.models import Container, Deployment, Instance
from containers.services import releases
from containers.services.settings import save_config
from hosts import observe
from tests.faults import workers
from tests.faults.conftest import CONFIG, Site, wait_for

pytestmark = pytest.mark.engine


def test_an_image_that_never_gets_healthy_is_rolled_back_with_its_settings(site: Site) -> None:
    site.release("v1")
    save_config(site.actor, site.place, {**CONFIG, "env": {"NEW": "1"}})
    row = site.advance(site.deploy("sick", deadline=6))
    assert row.state == "rolled_back", row.outcome
    assert "not healthy" in row.outcome
    site.check(3, "v1")
    assert not any("NEW=1" in one["Config"]["Env"] for one in site.containers())
    assert row.steps.filter(state="skipped").count() == 2  # the gate held


def test_an_image_that_exits_at_once_stops_the_release(site: Site) -> None:
    site.release("v1")
    save_config(site.actor, site.place, {**CONFIG, "restart_policy": "no"})
    row = site.advance(site.deploy("exits", on_failure="stop"))
    assert row.state == "failed", row.outcome
    bad = row.steps.get(state="failed")
    assert "exit code 3" in bad.reason
    assert "going down" in bad.log
    assert site.texts() == ["v1"] * 2
    save_config(site.actor, site.place, CONFIG)
    site.release("v2")
    site.check(3, "v2")


def test_a_first_release_that_fails_leaves_nothing(site: Site) -> None:
    row = site.advance(site.deploy("sick", deadline=5))
    assert row.state == "rolled_back", row.outcome
    assert site.containers() == []
    assert not Instance.objects.filter(removed=None).exists()


WORKER = """
import sys
sys.path.insert(0, sys.argv[1])
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "xqplatform.settings"
import django
django.setup()
from containers.advancing import runner
from containers.steps import points
def mark(point, step):
    if point == sys.argv[3]:
        open(sys.argv[4], "w").write(point)
        import time; time.sleep(600)
points.PROBE.append(mark)
runner.advance(int(sys.argv[2]))
"""


def test_a_worker_that_hangs_has_the_release_until_it_is_killed(site: Site, tmp_path: Path) -> None:
    site.place.wanted = 2
    site.place.save()
    site.release("v1")
    row = site.deploy("v2", batch=1)
    sign = tmp_path / "there"
    child = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(settings.BASE_DIR), str(row.pk), "after stop", str(sign)],
        env=workers.environment(),
    )
    try:
        wait_for("the worker is in the middle", lambda: sign.exists() or child.poll() is not None)
        assert child.poll() is None
        assert leases.take(row.pk) is None, "a living worker has it"
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait(30)
    site.succeeds(row)
    site.check(2, "v2")


@pytest.mark.timeout(600)
def test_an_engine_killed_mid_release_is_waited_for(site: Site) -> None:
    site.release("v1")
    # The deadline goes on while the engine is away, and a busy machine takes its time to start one.
    row = site.deploy("v2", deadline=180)
    site.begin(row)
    wait_for("it is in the middle", lambda: row.steps.filter(state="done").exists())
    victim = site.fleet.hosts[1]
    victim.kill()
    wait_for(
        "the step says why it waits, or it was not met",
        lambda: row.steps.exclude(reason="").exists() or row.steps.filter(state="done").count() >= 2,
    )
    victim.start()
    site.ended(row, "succeeded", 300)
    site.check(3, "v2")


@pytest.mark.timeout(600)
def test_a_host_cut_off_rolls_the_others_back(site: Site) -> None:
    site.release("v1")
    row = site.deploy("v2", deadline=12, batch=2, pause=10)
    site.begin(row)
    wait_for("it is in the middle", lambda: row.steps.filter(state="done").exists())
    cut = site.fleet.hosts[2]
    cut.cut()
    try:

        def over() -> bool:
            row.refresh_from_db()
            return row.state in Deployment.TERMINAL or row.state == "rolling_back"

        wait_for("the deadline is over", over, 240)
    finally:
        cut.heal()
    wait_for("it ends", lambda: over() and row.state in Deployment.TERMINAL, 240)
    for thread in site.threads:
        thread.join(30)
    assert row.state in {"rolled_back", "failed"}, row.outcome
    assert cut.name in row.outcome
    site.release("v2")
    site.check(3, "v2")


def test_drift_is_seen_and_put_right(site: Site) -> None:
    site.release("v1")
    clients = [host.local_client() for host in site.fleet.hosts]
    by_name = {}
    for client in clients:
        by_name |= {one["Names"][0].strip("/"): (client, one["Id"]) for one in client.containers()}
    client, gone = by_name["snow-isolated-1"]
    client.remove_container(gone, force=True)
    client, halted = by_name["snow-isolated-2"]
    client.stop(halted, timeout=1)
    for host in site.hosts:
        observe.refresh_host(host.pk)
    converge(gone=[gone])
    for one in clients:
        one.close()
    found = {one.number: [d["what"] for d in one.drift] for one in Instance.objects.order_by("number")}
    assert found == {1: ["container"], 2: ["state"], 3: []}
    site.succeeds(releases.repair(site.actor, site.place))
    site.check(3, "v1")
    assert not any(one.drift for one in Instance.objects.all())


def test_auto_repair_stops_after_three_times(site: Site) -> None:
    site.place.wanted = 1
    site.place.save()
    site.environment.auto_repair = True
    site.environment.save()
    site.release("v1")
    one = Instance.objects.get()
    for _time in range(4):
        current = Container.objects.get(ended=None)
        with site.fleet.hosts[[h.pk for h in site.hosts].index(one.host_id)].local_client() as client:
            client.remove_container(current.engine_id, force=True)
        observe.refresh_host(one.host_id)
        converge(gone=[current.engine_id])
        for row in Deployment.objects.filter(state__in=Deployment.ACTIVE):
            site.advance(row)
    assert Deployment.objects.filter(kind="repair").count() == 3
    assert Deployment.objects.filter(kind="repair", state="succeeded").count() == 3


def test_a_foreign_container_is_never_touched(site: Site) -> None:
    site.place.wanted = 1
    site.place.save()
    site.release("v1")
    name = Instance.objects.get()
    position = [h.pk for h in site.hosts].index(name.host_id)
    with site.fleet.hosts[position].local_client() as client:
        tag = f"{site.registry.address}/snow@{site.image('v1').digest}"
        foreign = client.create_container(tag, name=f"{name}-next")["Id"]
        row = site.advance(site.deploy("v2", deadline=10))
        assert row.state in {"failed", "rolled_back"}
        assert "another container has the name" in row.outcome
        assert client.inspect_container(foreign)["Id"] == foreign
        client.remove_container(foreign)
    site.check(1, "v1")
    started = time.monotonic()
    site.release("v2")
    assert time.monotonic() >= started
    site.check(1, "v2")
