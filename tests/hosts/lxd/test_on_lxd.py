"""What an LXD server does not keep of its instances, on a real one: two processes' engines, and one that begins later."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from hosts.collector import by_server, deltas, placing
from hosts.conformance import store
from hosts.engine import ConnectionSpec, ContainerSpec, Limits, connect
from hosts.engine_body import Healthcheck
from hosts.lxd import heard as heard_events
from hosts.lxd import kills
from hosts.lxd.engine import LxdEngine
from hosts.lxd.kept import Memory
from hosts.models import Collector, Host
from tests.engines.fleet import Fleet

LABELS = {"xq.platform": "kept-test"}  # nothing is run in instances of nobody


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_processes_know_the_same_of_health_and_consoles(clean_fleet: Fleet) -> None:
    server, kept = clean_fleet.lxd()[0], Memory()
    server.image("tiny")

    def process() -> LxdEngine:
        return LxdEngine(ConnectionSpec("local", str(server.socket), name=server.name, runtime="lxd"), kept=kept)

    first, second = process(), process()
    made: dict[str, str] = {}
    for name, check in (("kept-slow", "sleep 20"), ("kept-well", "true")):
        healthcheck = Healthcheck(("CMD-SHELL", check), interval=1, timeout=25)
        made[name] = first.create(ContainerSpec(name, "tiny", labels=LABELS, healthcheck=healthcheck))
        first.start(made[name])
    heard: list[tuple[str, str]] = []
    with first.events(actions=["health_status", "die"]) as stream:

        def hear() -> None:
            heard.extend((event["Actor"]["ID"], event["Action"]) for event in stream)

        threading.Thread(target=hear, daemon=True).start()
        # A check that takes its time holds up neither the others' events nor whoever asks.
        until(lambda: (made["kept-well"], "health_status: healthy") in heard, 10)
        began = time.monotonic()
        assert first.inspect(made["kept-slow"])["State"]["Health"]["Status"] == "starting"
        assert time.monotonic() - began < 5

    # A process that has begun just now knows what was known last.
    states = {one["Id"]: one["Status"] for one in process().list_containers()}
    assert "(healthy)" in states[made["kept-well"]]

    well = made["kept-well"]
    for n, reader in enumerate([first, second, first]):
        reader.exec(well, ["sh", "-c", f"echo line {n} > /dev/console"])
        assert f"line {n}" in [line.text for line in reader.logs(well, tail=1)]
    first.exec(well, ["sh", "-c", "echo the end > /dev/console"])
    first.kill(well)
    wanted = ["line 0", "line 1", "line 2", "the end"]
    for reader in (second, first, second, process()):
        assert [line.text for line in reader.logs(well) if line.text in wanted] == wanted


def test_all_instances_are_measured_at_once(clean_fleet: Fleet, db: None) -> None:
    server = clean_fleet.lxd()[0]
    server.image("tiny")
    host = Host.objects.create(name="measured-1", address=str(server.socket), connection="local", runtime="lxd", cpus=2)
    engine = connect(host)
    made = []
    for name in ("measured-a", "measured-b"):
        limits = Limits.of(0.5, 64 << 20, 100)
        made.append(engine.create(ContainerSpec(name, "tiny", limits=limits, binds=(f"xq-vol-{name}:/data",))))
        engine.start(made[-1])
    first, every = by_server.read(host)
    engine.exec(made[0], ["sh", "-c", "n=0; while [ $n -lt 200000 ]; do n=$((n+1)); done"])
    until(lambda: time.monotonic() - first.uptime > 9)  # (a server makes its metrics anew after 8 s)
    second, _every = by_server.read(host)
    assert every >= 10
    assert set(first.containers) == set(second.containers) == set(made)
    ticked = deltas.tick(first, second)
    busy, idle = (ticked.containers[one] for one in made)
    assert busy["cpu.cores"] > idle["cpu.cores"] >= 0
    assert 0 < busy["memory.working_set"] <= busy["memory.limit"] == 64 << 20
    assert 0 < busy["fs.percent[/data]"] <= 100
    assert 0 < ticked.host["memory.used"] < ticked.host["memory.total"]
    assert 0 < ticked.host["fs.percent[default (dir)]"] <= 100

    # The same by states, as of servers that have no metrics.
    engine.meter._has_metrics = False  # type: ignore[union-attr]
    third, _every = by_server.read(host)
    assert third.containers[made[0]].usage
    assert (third.containers[made[0]].cpu or 0) >= (
        second.containers[made[0]].cpu or 0
    ) / 2  # (one counts ticks, the other ns)

    placing.ensure_rows()
    placing.look_after(host.pk)
    assert Collector.objects.get(host=host).state == "server"

    # The checks of conformance see the same server.
    host.certificate = host.ca = ""
    assert store.read_host(host.pk)
    states = dict(host.check_results.values_list("check_slug", "state"))
    assert {slug for slug, state in states.items() if state == "fails"} - {"server_warnings", "pool_space"} == {
        "pool_driver",
        "trust",
    }, states
    assert "unknown" not in states.values()


MOUNT = """/bin/mount -t tmpfs none /sys/fs/cgroup && /bin/busybox mkdir /sys/fs/cgroup/memory &&
/bin/mount -t cgroup -o memory none /sys/fs/cgroup/memory 2>/dev/null || /bin/mount -t cgroup2 none /sys/fs/cgroup"""  # as an init does


def test_kills_for_lack_of_memory_are_told_and_counted(clean_fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heard_events, "KILLS_EVERY", 0.5)
    monkeypatch.setattr(kills, "FRESH", 0.1)
    server = clean_fleet.lxd()[0]
    server.image("tiny")
    engine = LxdEngine(ConnectionSpec("local", str(server.socket), name=server.name, runtime="lxd"))
    made = engine.create(ContainerSpec("killed", "tiny", labels=LABELS, limits=Limits.of(1, 32 << 20, 100)))
    engine.start(made)
    assert engine.exec(made, ["sh", "-c", MOUNT])[0] == 0
    heard: list[str] = []
    with engine.events(actions=["oom"]) as stream:
        threading.Thread(target=lambda: heard.extend(event["Actor"]["ID"] for event in stream), daemon=True).start()
        until(lambda: made in engine.kills.look(60))
        for n in (1, 2):
            code, _said = engine.exec(
                made, ["sh", "-c", "/bin/busybox head -c 200000000 /dev/zero | /bin/busybox tail"]
            )
            assert code
            until(lambda n=n: len(heard) >= n)  # type: ignore[misc]
    assert set(heard) == {made}
    found = engine.meter.read(time.monotonic()).containers[made]
    assert found.oom_kills == engine.kills.look(60)[made].kills == len(heard)
