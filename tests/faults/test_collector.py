"""Collectors on real engines, against what is known independently of them."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.conf import settings

from containers.models import Instance
from hosts import observe
from hosts.collector import placing
from hosts.collector.readers import Readers
from hosts.models import Collector, SeenContainer
from tests.faults import workers
from tests.faults.collecting import Collecting, client_of, collecting, truth  # noqa: F401
from tests.faults.conftest import Site, wait_for
from xqplatform import metrics


def test_every_instance_and_host_is_measured_once_a_tick(site: Site, collecting: Collecting) -> None:  # noqa: F811
    site.release("v1")
    began = time.time()
    collecting.begin()
    wait_for(
        "the engines say that all are healthy",
        lambda: (
            all(observe.refresh_host(one.pk) for one in site.hosts)
            and SeenContainer.objects.filter(health="healthy").count() == 3
        ),
    )
    for instance in Instance.objects.filter(removed=None):
        _at, values = collecting.sample_after(f"instance:{instance.pk}", began, has="cpu.cores")
        assert values["up"] == 1
        assert values["processes"] >= 1
        assert values["memory.limit"] == 32 << 20
        assert 0 < values["memory.working_set"] < 5 << 20
        assert 0 <= values["cpu.percent"] < 50
        life = metrics.lives(f"instance:{instance.pk}", began, time.time())
        assert [one.life for one in life] == [instance.containers.get(ended=None).engine_id[:12]]
    for instance in Instance.objects.filter(removed=None):
        _at, values = collecting.sample_after(f"instance:{instance.pk}", began, has="health")
        assert values["health"] == 1
    for host in site.hosts:
        _at, values = collecting.sample_after(f"host:{host.pk}", began, has="cpu.cores")
        assert values["memory.total"] > values["memory.used"] > 0
        assert values["fs.size[/]"] > values["fs.used[/]"] > 0
        assert "net.rx_bytes[br0]" in values, "of the engine's network, not of the collector's"
        row = collecting.row(host)
        assert (row.state, row.reason, row.lines_bad) == ("placed", "", 0)
        assert row.containers == 1, "only its own engine's containers, on one kernel with two others"
        with client_of(site, host) as client:
            assert [one["Names"] for one in client.containers() if "xq.helper" in one["Labels"]] != []
    assert not site.hosts[0].seen_containers.filter(name__contains="collector").exists()


def test_a_collector_that_is_killed_comes_back_and_what_it_missed_is_a_gap(site: Site, truth: Collecting) -> None:  # noqa: F811
    truth.run(1, "lives", "sleep", "1000")
    truth.begin(site.hosts[0])
    first, _values = truth.sample_after("instance:1", time.time(), has="cpu.cores")
    container = truth.row(site.hosts[0]).container
    with client_of(site, site.hosts[0]) as client:
        client.pause(container)
        time.sleep(5)  # the gap: time itself is the matter, for what is paused ticks no more
        client.unpause(container)
        client.kill(container)
        # (The engine starts again what died by itself, not what it was told to kill: as the platform's next look does.)
        wait_for("its end", lambda: not client.inspect_container(container)["State"]["Running"])
    truth.place(site.hosts[0])
    assert truth.row(site.hosts[0]).container == container
    wait_for("ten samples", lambda: len(truth.points("instance:1", "cpu.cores", first)) > 10)
    points = truth.points("instance:1", "cpu.cores", first)
    longest = max(after.time - before.time for before, after in itertools.pairwise(points))
    assert longest > 4, "nothing is drawn over what was not measured"
    assert all(0 <= point.avg < 0.5 for point in points)
    assert truth.row(site.hosts[0]).lost_ticks >= 3


def test_a_container_that_is_restarted_has_a_restart_and_no_wild_rates(site: Site, truth: Collecting) -> None:  # noqa: F811
    one = truth.run(1, "again", "sh", "-c", "head -c 5000000 /dev/zero | md5sum; sleep 1000")
    truth.begin(site.hosts[0])
    first, _values = truth.sample_after("instance:1", time.time(), has="cpu.cores")
    with client_of(site, site.hosts[0]) as client:
        for _ in range(3):
            client.restart(one, timeout=0)
            truth.sample_after("instance:1", time.time() + 0.2, has="cpu.cores")
    assert sum(point.avg for point in truth.points("instance:1", "restarts", first)) == 3
    for metric in ("cpu.cores", "net.rx_bytes", "blkio.read_bytes", "cpu.throttled_time"):
        assert all(0 <= point.avg < 4 for point in truth.points("instance:1", metric, first)), metric


def test_what_was_ticked_while_nobody_listened_is_read_in_once(site: Site, truth: Collecting) -> None:  # noqa: F811
    truth.run(1, "lives", "sleep", "1000")
    truth.begin(site.hosts[0])
    first, _values = truth.sample_after("instance:1", time.time(), has="cpu.cores")
    truth.readers.stop()
    truth.ticks(site.hosts[0], 8)  # nobody reads
    between = time.time()
    truth.readers = Readers()  # as another process
    truth.readers.start()
    truth.sample_after("instance:1", between, has="cpu.cores")
    points = truth.points("instance:1", "cpu.cores", first)
    steps = [after.time - before.time for before, after in itertools.pairwise(points)]
    assert max(steps) < 2.5, steps
    assert min(steps) > 0.4, "none twice"
    assert truth.row(site.hosts[0]).lost_ticks == 0


def test_an_engine_that_is_restarted_and_one_that_is_killed(site: Site, truth: Collecting) -> None:  # noqa: F811
    truth.run(1, "lives", "sleep", "1000")
    truth.begin(site.hosts[0])
    first, _values = truth.sample_after("instance:1", time.time(), has="cpu.cores")
    engine = site.fleet.hosts[0]
    engine.kill()
    wait_for("the trouble in the row", lambda: truth.row(site.hosts[0]).trouble)
    time.sleep(3)  # it stays away for some ticks, of which nothing is left to be counted
    engine.start()
    back = time.time()
    truth.sample_after("instance:1", back + 2, has="cpu.cores", seconds=90)
    assert truth.row(site.hosts[0]).trouble == ""
    points = truth.points("instance:1", "cpu.cores", first)
    assert all(0 <= point.avg < 0.5 for point in points)


def test_a_hundred_that_come_and_go_hurt_nobody(site: Site, truth: Collecting) -> None:  # noqa: F811
    truth.run(1, "stays", "sleep", "1000")
    truth.begin(site.hosts[0])
    first, _values = truth.sample_after("instance:1", time.time(), has="cpu.cores")

    began = time.monotonic()

    def many(number: int) -> None:
        with client_of(site, site.hosts[0]) as client:
            config = client.create_host_config(network_mode="none")
            for at in range(25):
                made = client.create_container(
                    "truth:1", ["sleep", "1000"], name=f"s-{number}-{at}", host_config=config
                )
                client.start(made["Id"])
                client.remove_container(made["Id"], force=True)

    with ThreadPoolExecutor(4) as pool:  # as fast as this machine can
        list(pool.map(many, range(4)))
    after = time.time()
    print(f"100 containers in {time.monotonic() - began:.0f} s")
    truth.sample_after("instance:1", after, has="cpu.cores")
    row = truth.row(site.hosts[0])
    assert (row.trouble, row.lines_bad) == ("", 0)
    assert all(thread.is_alive() for thread in truth.readers._threads)
    assert all(0 <= point.avg < 0.5 for point in truth.points("instance:1", "cpu.cores", first))
    assert set(metrics.latest(within=600)) == {"instance:1", f"host:{site.hosts[0].pk}"}, "nobody's is not stored"


def test_it_is_upgraded_and_switched_off(site: Site, collecting: Collecting, settings: Any) -> None:  # noqa: F811
    host = site.hosts[0]
    collecting.begin(host)
    collecting.sample_after(f"host:{host.pk}", time.time(), has="cpu.cores")
    before = collecting.row(host)
    settings.METRICS_INTERVAL = 2
    row = collecting.place(host)
    assert row.container != before.container
    assert row.version != before.version
    collecting.sample_after(f"host:{host.pk}", time.time() + 2, has="cpu.cores")
    assert collecting.row(host).every == 2
    Collector.objects.filter(host=host).update(way="off")
    assert collecting.place(host).state == "off"
    with client_of(site, host) as client:
        assert [one for one in client.containers(all=True) if one["Labels"].get("xq.helper") == "collector"] == []


READER = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
os.environ["DJANGO_SETTINGS_MODULE"] = "xqplatform.settings"
import django
django.setup()
from hosts import hooks
from hosts.collector import placing
from hosts.collector.readers import Readers
hooks.METRIC_SUBJECTS[:] = [lambda _host, asked: {one: "instance:1" for one in asked if one == sys.argv[2]}]
readers = Readers()
print(readers.start(), flush=True)
time.sleep(600)
"""


def test_a_worker_that_is_killed_in_the_middle_is_followed_by_another(site: Site, truth: Collecting) -> None:  # noqa: F811
    one = truth.run(1, "lives", "sleep", "1000")
    host = site.hosts[0]
    observe.refresh_host(host.pk)
    placing.ensure_rows()
    truth.place(host)
    command = [sys.executable, "-c", READER, str(settings.BASE_DIR), one]
    process = subprocess.Popen(command, env=workers.environment(), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == f"[{host.pk}]"
        first, _values = truth.sample_after("instance:1", time.time() - 5, has="cpu.cores")
        assert truth.readers.start() == [], "it is read already"
        wait_for("five samples", lambda: len(truth.points("instance:1", "cpu.cores", first)) > 5)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    truth.ticks(host, 3)  # nobody reads
    assert truth.readers.start() == [host.pk]
    truth.sample_after("instance:1", time.time() + 1, has="cpu.cores")
    points = truth.points("instance:1", "cpu.cores", first)
    steps = [after.time - before.time for before, after in itertools.pairwise(points)]
    assert max(steps) < 2.5, steps
    assert min(steps) > 0.4, "none twice"
