"""Bad days of traffic and hooks on real machines: workers that die between two moments, a front that is away, hooks that misbehave."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from containers.models import HookRun, Instance, Serving, Upstream
from containers.services import hooks, releases, steering
from containers.services.settings import save_config
from containers.traffic.sweep import sweep
from hosts.models import HostCommand, HostOperation
from tests.faults.conftest import CONFIG, Site, wait_for
from tests.faults.fronted import Fronted, check
from tests.faults.test_kills import walk
from tests.faults.workers import Workers
from tests.load import load

pytestmark = pytest.mark.engine
LIGHT = {"/": 2, "/cgi-bin/work?slow": 1}
POINTS = [
    "before out",
    "after out",
    "before stop",
    "after stop",
    "after start",
    "before in",
    "after in",
    "before finish",
]


@pytest.fixture
def fronted(site: Site, tmp_path: Path, settings: Any) -> Iterator[Fronted]:
    settings.PERSIST_ROOT = str(tmp_path)
    made = Fronted(site, tmp_path, 3)
    yield made
    made.nginx.stop()


def test_a_worker_that_dies_at_any_moment_loses_no_request_and_leaves_nobody_out(
    fronted: Fronted, workers: Workers
) -> None:
    assert fronted.release("one").state == "succeeded"
    fronted.nginx.start()
    with load(fronted.nginx.host.address, fronted.nginx.port, LIGHT, {"/cgi-bin/work": 1}) as made:
        row = releases.deploy(fronted.site.actor, fronted.site.place, fronted.image("two"), policy={"batch": 1})
        row = walk(fronted.site, workers, row, POINTS)
        assert row.state == "succeeded", row.outcome
    check(fronted, made, 20)


def test_a_front_that_is_away_holds_the_step_and_nothing_is_stopped(fronted: Fronted) -> None:
    assert fronted.release("one").state == "succeeded"
    fronted.nginx.start()
    before = {one["Id"] for one in fronted.site.containers()}
    fronted.nginx.host.ssh.stop()
    fronted.nginx.host.ssh.drop()
    with load(fronted.nginx.host.address, fronted.nginx.port, LIGHT, {}) as made:
        row = releases.deploy(fronted.site.actor, fronted.site.place, fronted.image("two"), policy={"batch": 1})
        fronted.site.begin(row)
        held = wait_for("it holds", lambda: HookRun.objects.filter(state="held", point="traffic.out").first())
        assert "edge" in held.what
        running = {one["Id"] for one in fronted.site.containers() if one["State"]["Running"]}
        assert running == before, "nothing is stopped that may still get traffic"
        assert Serving.objects.get(instance=held.instance).state == "leaving"
        fronted.nginx.host.ssh.start()
        wait_for("it goes on by itself", lambda: HookRun.objects.filter(pk=held.pk, state="succeeded").exists())
        fronted.site.ended(row, "succeeded")
    check(fronted, made, 20)
    # Cancelled while it holds: it ends, everybody still runs, and the sweep puts right what fronts have not heard.
    fronted.nginx.host.ssh.stop()
    fronted.nginx.host.ssh.drop()
    row = releases.restart(fronted.site.actor, fronted.site.place, [2])
    fronted.site.begin(row)
    wait_for("it holds", lambda: HookRun.objects.filter(deployment=row, state="held").exists())
    steering.cancel(fronted.site.actor, row)
    fronted.site.ended(row, "cancelled")
    assert len([one for one in fronted.site.containers() if one["State"]["Running"]]) == 3
    assert Serving.objects.exclude(state="in").count() == 1
    fronted.nginx.host.ssh.start()
    Upstream.objects.update(tried=None)
    assert sweep() == 1
    assert " down" not in fronted.nginx.upstreams()


def test_a_broken_configuration_leaves_the_old_file(fronted: Fronted) -> None:
    assert fronted.release("one").state == "succeeded"
    fronted.nginx.start()
    good = fronted.nginx.upstreams()
    broken = fronted.nginx.folder / "upstreams" / "zz.conf"
    broken.write_text("nonsense;\n")
    fronted.settings(traffic={"way": "nginx", "front": "edge", "drain": 1, "on_failure": "fail"})
    row = fronted.release("two")
    assert row.state == "rolled_back", row.outcome
    assert "nonsense" in str(list(row.steps.values_list("reason", flat=True)))
    broken.unlink()
    assert fronted.nginx.upstreams() == good
    assert HostOperation.objects.filter(kind="nginx.upstream", state="failed").exists()
    Upstream.objects.update(tried=None)
    sweep()
    assert " down" not in fronted.nginx.upstreams()
    assert set(Serving.objects.values_list("state", flat=True)) == {"in"}


def test_hooks_run_in_the_container_and_on_the_host_and_bad_ones_are_bounded(site: Site) -> None:
    site.place.wanted = 1
    site.place.save()
    site.fleet.hosts[0].ssh.access(site.hosts[0])
    now = timezone.now()
    HostCommand.objects.create(
        name="say", title="Say", argv=["echo", "{text}"], author_name="x", changed=now, reviewed=now,
        parameters=[{"name": "text", "kind": "regex", "pattern": "[a-z0-9. -]+", "default": ""}], looks_only=True,
    )  # fmt: skip
    point = {"kind": "command", "on_failure": "warn", "retries": 0, "timeout": 3}
    flood = "yes flood | head -c 3000000; printf '\\033[31mred\\000\\377'; exit 3"
    found = [
        {**point, "name": "key", "at": "start.after", "command": ["sh", "-c", "echo $XQ_HOOK_KEY $XQ_ADDRESS"]},
        {**point, "name": "flood", "at": "start.after", "command": ["sh", "-c", flood]},
        {**point, "name": "hangs", "at": "start.after", "command": ["sleep", "60"]},
        {**point, "name": "none", "at": "start.after", "command": ["/no/such/program"]},
        {"name": "host", "at": "start.before", "kind": "host", "host": "h1", "operation": "say",
         "values": {"text": "{service} {number} {address}"}},
    ]  # fmt: skip
    save_config(site.actor, site.place, CONFIG | {"hooks": found})
    site.place.refresh_from_db()
    row = site.release("v1")
    runs = {run.name: run for run in row.hook_runs.all()}
    ip = Instance.objects.get().address.ip  # type: ignore[union-attr]
    assert runs["key"].state == "succeeded", runs["key"].words
    assert runs["key"].output == f"{runs['key'].key} {ip}"
    assert (runs["flood"].state, runs["flood"].code, runs["flood"].truncated) == ("passed", 3, True)
    assert len(runs["flood"].output) < 40_000
    assert "\x1b" not in runs["flood"].output
    assert runs["hangs"].state == "passed"
    assert "did not end" in runs["hangs"].words
    assert runs["none"].state == "passed"
    assert (runs["host"].state, runs["host"].output) == ("succeeded", f"snow 1 {ip}"), runs["host"].words
    # One at the end of a release that fails turns it back.
    site.place.refresh_from_db()
    bad = {"name": "smoke", "at": "release.after", "kind": "http", "url": "http://127.0.0.1:9/", "on_failure": "fail"}
    hooks.save(site.actor, site.place, hooks=[bad])
    site.place.refresh_from_db()
    row = site.advance(site.deploy("v2"))
    assert row.state == "rolled_back", row.outcome
    assert "No hook may go to 127.0.0.1" in row.outcome
    site.check(1, "v1")
