"""The typed calls, on real engines."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from hosts.engine import (
    ConnectionSpec,
    ContainerSpec,
    EngineError,
    Healthcheck,
    Limits,
    NetworkSpec,
    connect,
    forget,
    split_ref,
)
from hosts.engine import (
    DockerEngine as Engine,
)
from tests.engines.fleet import Fleet, FleetHost
from tests.engines.images import context, tiny_dockerfile, tiny_image
from tests.engines.machine import wait_for
from tests.hosts.fakes import serving

IMAGE = "engine-test:1"
SLEEP = ("sleep", "3600")


def spec_for(host: FleetHost) -> ConnectionSpec:
    return ConnectionSpec("tcp", host.tcp_url, host.ca, host.cert, host.key, name=host.name)


@pytest.fixture
def engine(clean_fleet: Fleet) -> Iterator[Engine]:
    host = clean_fleet.hosts[0]
    with contextlib.closing(Engine(spec_for(host))) as engine:
        if not engine.has_image(IMAGE):
            with contextlib.closing(host.client()) as client:
                tiny_image(client, IMAGE, "hello")
        yield engine


@pytest.fixture
def segment(clean_fleet: Fleet) -> NetworkSpec:
    return NetworkSpec("xq-test", clean_fleet.segment.cidr, clean_fleet.segment.gateway)


def sleeper(name: str = "sleeper", **changes: Any) -> ContainerSpec:
    return replace(ContainerSpec(name, IMAGE, command=SLEEP, labels={"xq.service": "snow"}), **changes)


def run(engine: Engine, spec: ContainerSpec) -> str:
    made = engine.create(spec)
    engine.start(made)
    return made


def test_a_container_with_all_its_settings(engine: Engine, segment: NetworkSpec, clean_fleet: Fleet) -> None:
    engine.ensure_network(segment)
    ip = clean_fleet.segment.address(1)
    spec = ContainerSpec(
        "snow-production-1", IMAGE, env={"A": "b c"}, labels={"xq.service": "snow"}, hostname="snow-1",
        network=segment.name, ip=ip, mac="02:42:0a:d5:01:65", dns_search=(".",), extra_hosts={"db": "10.0.0.2"},
        limits=Limits.of(0.5, 64 << 20, 50), read_only=True, tmpfs={"/tmp": "size=1m"},
        healthcheck=Healthcheck(("CMD-SHELL", "wget -q -O - http://127.0.0.1/"), interval=1, retries=3),
        stop_signal="SIGKILL", stop_timeout=7, restart_policy="on-failure", restart_retries=2,
        log_opts={"max-size": "1m"}, init=True,
    )  # fmt: skip
    made = run(engine, spec)
    wait_for("healthy", lambda: engine.inspect(made)["State"]["Health"]["Status"] == "healthy")
    seen = engine.inspect(made)
    endpoint = seen["NetworkSettings"]["Networks"][segment.name]
    assert (endpoint["IPAddress"], endpoint["MacAddress"]) == (ip, "02:42:0a:d5:01:65")
    assert seen["HostConfig"]["CpuQuota"] == 50_000
    assert seen["HostConfig"]["MemorySwap"] == seen["HostConfig"]["Memory"] == 64 << 20
    assert seen["Config"]["StopTimeout"] == 7
    code, output = engine.exec(made, ["sh", "-c", "echo $A; hostname; touch /x; touch /tmp/x; exit 3"])
    assert code == 3
    assert "b c\nsnow-1\n" in output
    assert "Read-only" in output
    engine.update(made, Limits.of(1, 128 << 20))
    assert engine.inspect(made)["HostConfig"]["Memory"] == 128 << 20


def test_verbs_may_be_repeated(engine: Engine) -> None:
    made = run(engine, sleeper())
    engine.start(made)
    engine.rename(made, "other-name")
    engine.rename(made, "other-name")
    engine.stop(made, timeout=0)
    engine.stop(made, timeout=0)
    engine.kill(made)
    engine.restart(made, timeout=0)
    engine.kill(made)
    engine.remove(made, force=True)
    for again in (engine.remove, engine.stop, engine.kill):
        again(made)
    engine.remove_network("never-there")
    engine.remove_image("never-there:1")


def test_a_name_in_use_is_a_conflict_and_what_is_not_there_not_found(engine: Engine) -> None:
    engine.create(sleeper())
    with pytest.raises(EngineError) as conflict:
        engine.create(sleeper())
    assert (conflict.value.kind, conflict.value.retry) == ("conflict", False)
    with pytest.raises(EngineError) as absent:
        engine.create(sleeper("second", image="never-there:1"))
    assert absent.value.kind == "not_found"
    assert "never-there" in absent.value.words
    with pytest.raises(EngineError) as gone:
        engine.start("never-there")
    assert gone.value.kind == "not_found"


def test_containers_are_listed_by_label(engine: Engine) -> None:
    made = engine.create(sleeper())
    engine.create(sleeper("foreign", labels={}))
    assert [one["Id"] for one in engine.list_containers(labels={"xq.service": "snow"})] == [made]
    assert len(engine.list_containers(labels=["xq.service"])) == 1
    assert len(engine.list_containers()) == 2
    assert engine.list_containers(all=False) == []


def test_exit_code_and_whole_log_of_what_ended(engine: Engine) -> None:
    script = "i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done; echo oh >&2; exit 4"
    made = run(engine, sleeper(command=("sh", "-c", script)))
    assert engine.wait(made, timeout=60) == 4
    lines = list(engine.logs(made))
    assert [line.text for line in lines if line.stream == "stdout"] == [f"line {i}" for i in range(2000)]
    assert [line.text for line in lines if line.stream == "stderr"] == ["oh"]
    assert all(line.timestamp.startswith("20") for line in lines)
    assert len(list(engine.logs(made, tail=5))) == 5


def test_a_followed_log_can_be_stopped_by_another_thread(engine: Engine, clean_fleet: Fleet) -> None:
    made = run(engine, sleeper(command=("sh", "-c", "echo first; sleep 3600")))
    local = ConnectionSpec("local", clean_fleet.hosts[0].socket_url)
    for one in (engine, Engine(local)):
        stream, first, ended = one.logs(made, follow=True), threading.Event(), threading.Event()

        def read(stream: Any = stream, first: threading.Event = first, ended: threading.Event = ended) -> None:
            for _line in stream:
                first.set()
            ended.set()

        threading.Thread(target=read, daemon=True).start()
        assert first.wait(60)
        stream.stop()
        assert ended.wait(60)


def test_a_command_that_does_not_end_times_out(engine: Engine) -> None:
    made = run(engine, sleeper())
    with pytest.raises(EngineError) as late:
        engine.exec(made, ["sleep", "600"], timeout=0.5)
    assert late.value.kind == "timeout"


def test_events_tell_what_happens(engine: Engine) -> None:
    since = time.time()
    made = run(engine, sleeper())
    with engine.events(since=since - 5, types=["container"]) as events:
        seen = []
        for event in events:
            if event["Actor"]["ID"] == made:
                seen.append(event["Action"])
            if "start" in seen:
                break
    assert seen == ["create", "start"]


def test_build_shows_its_lines_and_keeps_labels(engine: Engine) -> None:
    lines: list[str] = []
    data = context(tiny_dockerfile("built", extra="ARG WHO\nLABEL who=$WHO"), {"index.html": "built"})
    tags, labels = ["engine-built:1", "engine-built:2"], {"xq.project": "snow"}
    image = engine.build(data, tags=tags, labels=labels, buildargs={"WHO": "me"}, network="none", on_line=lines.append)
    seen = engine.inspect_image("engine-built:2")
    assert seen["Id"] == image
    assert seen["Config"]["Labels"] == {"xq.project": "snow", "who": "me"}
    assert any(line.startswith("Step 1/") for line in lines)
    assert engine.image_history(image)
    assert [one["Id"] for one in engine.list_images(["xq.project=snow"])] == [image]
    engine.tag(image, "engine-built:3")
    for number in (1, 2, 3):
        engine.remove_image(f"engine-built:{number}")
    assert not engine.has_image(image)


def test_a_failing_step_and_a_stopped_build(engine: Engine) -> None:
    lines: list[str] = []
    failing = context("FROM scratch\nCOPY root/ /\nENV PATH=/bin\nRUN echo before; exit 7\n")
    with pytest.raises(EngineError) as failed:
        engine.build(failing, network="none", on_line=lines.append)
    assert "7" in failed.value.message
    assert "before\n" in lines
    endless = context("FROM scratch\nCOPY root/ /\nENV PATH=/bin\nRUN echo started; sleep 3600\n")
    streams: list[Any] = []

    def stop_it(line: str) -> None:
        if line == "started\n":
            threading.Thread(target=streams[0].stop).start()

    with pytest.raises(EngineError) as stopped:
        engine.build(endless, network="none", nocache=True, on_line=stop_it, on_stream=streams.append)
    assert stopped.value.message == "stopped"
    wait_for("the engine gave it up", lambda: engine.list_containers(all=False) == [])


def test_push_and_pull_with_progress(engine: Engine, clean_fleet: Fleet) -> None:
    ref = f"{clean_fleet.registry.address}/team/engine-test:1"
    engine.tag(IMAGE, ref)
    digest = engine.push(ref)
    assert digest.startswith("sha256:")
    seen: list[Any] = []
    name, _tag = split_ref(ref)
    with contextlib.closing(Engine(spec_for(clean_fleet.hosts[1]))) as other:
        other.pull(f"{name}@{digest}", on_progress=seen.append)
        assert other.inspect_image(f"{name}@{digest}")["Id"] == engine.inspect_image(IMAGE)["Id"]
        assert seen
        with pytest.raises(EngineError) as absent:
            other.pull(f"{name}:never-there")
        assert absent.value.kind == "not_found"
        clean_fleet.registry.stop()
        with pytest.raises(EngineError) as away:
            other.pull(f"{name}:2")
        assert (away.value.kind, away.value.retry) == ("registry", True)
        with pytest.raises(EngineError) as away:
            engine.push(ref)
        assert away.value.kind == "registry"


def test_network_is_made_once_and_checked(engine: Engine, segment: NetworkSpec, clean_fleet: Fleet) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = set(pool.map(engine.ensure_network, [segment] * 4))
    assert len(made) == 1
    assert made == {one["Id"] for one in engine.list_networks() if one["Name"] == segment.name}
    with pytest.raises(EngineError) as differs:
        engine.ensure_network(replace(segment, gateway=clean_fleet.segment.address(150)))
    assert differs.value.kind == "conflict"
    assert "gateway" in differs.value.words
    run(engine, sleeper(network=segment.name, ip=clean_fleet.segment.address(9)))
    with pytest.raises(EngineError) as used:
        engine.remove_network(segment.name)
    assert used.value.kind == "conflict"
    with pytest.raises(EngineError) as taken:
        run(engine, sleeper("second", network=segment.name, ip=clean_fleet.segment.address(9)))
    assert taken.value.kind == "conflict"


def test_the_host_keeps_its_address_on_the_bridge(engine: Engine, segment: NetworkSpec) -> None:
    engine.ensure_network(segment)
    engine.ping(timeout=60)
    engine.remove_network(segment.name)
    engine.ping(timeout=60)


def test_calls_go_on_after_the_engine_was_restarted(engine: Engine, clean_fleet: Fleet) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: engine.info(), range(16)))
    host = clean_fleet.hosts[0]
    host.kill()
    with pytest.raises(EngineError) as away:
        engine.info()
    assert away.value.out_of_reach
    assert away.value.retry
    host.start()
    assert engine.info()["Name"]
    made = engine.create(sleeper())
    assert engine.inspect(made)["Name"] == "/sleeper"


def test_a_stored_version_that_no_longer_fits_is_corrected(fleet: Fleet) -> None:
    with contextlib.closing(Engine(spec_for(fleet.hosts[0]), "1.51")) as engine:
        assert engine.info()["Name"]
        assert engine.api_version == engine.version()["ApiVersion"]


def test_also_when_the_first_call_creates_a_container(engine: Engine, clean_fleet: Fleet) -> None:
    with contextlib.closing(Engine(spec_for(clean_fleet.hosts[0]), "1.51")) as other:
        made = other.create(sleeper(mac="02:42:0a:d5:01:66"))
        assert other.inspect(made)["Config"]["MacAddress"] == "02:42:0a:d5:01:66"


def test_local_engine_tells_its_disk(fleet: Fleet) -> None:
    host = fleet.hosts[0]
    with contextlib.closing(Engine(ConnectionSpec("local", str(host.socket)))) as engine:
        space = engine.data_root_space(engine.info()["DockerRootDir"])
        assert space is not None
        assert 0 < space.free <= space.total
        assert 0 <= space.inodes_free <= space.inodes
        assert "LayersSize" in engine.disk_usage()


def test_connect_caches_until_the_connection_changes(fleet: Fleet) -> None:
    member = fleet.hosts[0]
    row: Any = SimpleNamespace(
        pk=987654, name="h1", connection="tcp", address=f"{member.address}:2376", ca=member.ca, key=member.key,
        certificate=member.cert, ssh_key="", ssh_host_key="", connection_version=1, api_version="", runtime="docker",
    )  # fmt: skip
    first = connect(row)
    assert first.info()["Name"]
    assert connect(row) is first
    row.connection_version = 2
    second = connect(row)
    assert second is not first
    forget(row)
    assert connect(row) is not second
    forget(row)


def test_errors_carry_the_engines_words() -> None:
    with serving({"message": "write /x: no space left on device"}, status=500) as address:
        host = ConnectionSpec("local", "/never-there.sock", name="h9")
        engine = Engine(host, "1.41")
        engine.api.base_url = f"http://{address}"
        engine.api.mount("http://", __import__("requests").adapters.HTTPAdapter())
        with pytest.raises(EngineError) as full:
            engine.info()
    assert (full.value.kind, full.value.retry) == ("no_space", False)
    assert "h9" in full.value.words


@pytest.mark.parametrize(
    ("ref", "parts"),
    [
        ("snow:1", ("snow", "1")),
        ("snow", ("snow", "latest")),
        ("r:5000/a/snow", ("r:5000/a/snow", "latest")),
        ("r:5000/a/snow:1_ab", ("r:5000/a/snow", "1_ab")),
        ("r:5000/a/snow@sha256:ab", ("r:5000/a/snow", "sha256:ab")),
    ],
)
def test_references_fall_into_name_and_tag(ref: str, parts: tuple[str, str]) -> None:
    assert split_ref(ref) == parts
