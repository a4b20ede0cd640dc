"""What `hosts.runtime.Engine` promises, asked of each runtime that there is: a Docker Engine and an LXD server."""

from __future__ import annotations

import re
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from hosts import execs
from hosts.engine import ConnectionSpec, ContainerSpec, Engine, EngineError, Limits, NetworkSpec, connect_spec
from hosts.engine_body import Healthcheck
from tests.engines.fleet import Fleet
from tests.engines.images import tiny_image

MIB = 1 << 20
LABELS = {"xq.platform": "runtime-test", "xq.service": "kv"}


@dataclass
class Subject:
    engine: Engine
    image: str
    network: NetworkSpec
    ip: str
    neighbour: str  # an address of the segment that answers
    output: str  # where its first process says what its log has


@pytest.fixture(params=["docker", "lxd"])
def subject(request: pytest.FixtureRequest, clean_fleet: Fleet) -> Iterator[Subject]:
    fleet = clean_fleet
    segment = fleet.segment
    network = NetworkSpec("segment", segment.cidr, segment.gateway, labels={"xq.segment": "lan"})
    if request.param == "docker":
        host = fleet.hosts[0]
        client = host.client()
        tiny_image(client, "tiny:1", text="tiny")
        client.close()
        spec = ConnectionSpec("tcp", f"{host.address}:2376", ca=host.ca, cert=host.cert, key=host.key)
        engine, image = connect_spec(spec), "tiny:1"
    else:
        server = fleet.lxd()[0]
        server.image("tiny")
        engine, image = (
            connect_spec(ConnectionSpec("local", str(server.socket), name=server.name, runtime="lxd")),
            "tiny",
        )
    output = {"docker": "/proc/1/fd/1", "lxd": "/dev/console"}[request.param]
    yield Subject(engine, image, network, segment.address(7), segment.gateway, output)
    engine.close()


def spec_of(subject: Subject, name: str = "kv-test-1", **more: object) -> ContainerSpec:
    values: dict[str, object] = {
        "name": name, "image": subject.image, "env": {"WORD": "a b"}, "labels": LABELS, "hostname": "kv-test-1",
        "network": subject.network.name, "ip": subject.ip, "mac": "02:58:0a:00:00:07",
        "limits": Limits.of(0.5, 64 * MIB, 100), "binds": ("xq-vol-kv.data:/data",),
        "healthcheck": Healthcheck(("CMD", "true"), interval=1), "stop_timeout": 1, "restart_policy": "unless-stopped",
    }  # fmt: skip
    return ContainerSpec(**(values | more))  # type: ignore[arg-type]


def test_a_container_s_whole_life(subject: Subject) -> None:
    engine = subject.engine
    assert engine.ensure_network(subject.network) == engine.ensure_network(subject.network)
    heard: list[str] = []
    stream = engine.events(types=["container"], labels=["xq.platform=runtime-test"])

    def hear() -> None:
        heard.extend(str(event["Action"]).partition(":")[0] for event in stream)

    thread = threading.Thread(target=hear, daemon=True)
    thread.start()

    made = engine.create(spec_of(subject, "kv-test-1-next"))
    seen = engine.inspect(made)
    assert (seen["Id"], seen["Name"], seen["State"]["Status"]) == (made, "/kv-test-1-next", "created")
    assert seen["Config"]["Labels"].items() >= LABELS.items()
    assert seen["Config"]["Image"] == subject.image
    assert seen["Config"]["Healthcheck"]["Test"] == ["CMD", "true"]
    with pytest.raises(EngineError) as taken:
        engine.create(spec_of(subject, "kv-test-1-next"))
    assert taken.value.kind == "conflict"

    engine.rename(made, "kv-test-1")
    engine.rename(made, "kv-test-1")
    engine.start(made)
    engine.start(made)
    seen = engine.inspect(made)
    network = seen["NetworkSettings"]["Networks"][subject.network.name]
    assert (network["IPAddress"], network["MacAddress"]) == (subject.ip, "02:58:0a:00:00:07")
    assert seen["State"]["Running"]
    assert seen["Name"] == "/kv-test-1"
    assert (seen["HostConfig"]["CpuQuota"], seen["HostConfig"]["Memory"]) == (50_000, 64 * MIB)

    code, said = engine.exec(made, ["sh", "-c", "echo $WORD; hostname; echo wrong >&2; exit 3"])
    assert code == 3
    assert sorted(said.split()) == ["a", "b", "kv-test-1", "wrong"]
    assert engine.exec(made, ["ping", "-c", "1", "-W", "2", subject.neighbour])[0] == 0
    assert engine.exec(made, ["sh", "-c", "echo kept > /data/row"])[0] == 0
    assert engine.stat_file(made, "/bin/busybox") is not None
    assert engine.stat_file(made, "/nothing") is None
    assert engine.read_file(made, "/data/row") == b"kept\n"

    engine.update(made, Limits.of(1, 32 * MIB, 50))
    assert engine.inspect(made)["HostConfig"]["Memory"] == 32 * MIB
    assert 0 < (engine.memory_used(made) or 0) < 32 * MIB

    entry = next(one for one in engine.list_containers(labels=LABELS))
    assert (entry["Id"], entry["Names"], entry["State"]) == (made, ["/kv-test-1"], "running")
    assert engine.list_containers(labels={"xq.service": "another"}) == []

    engine.stop(made, 1)
    engine.stop(made, 1)
    assert engine.inspect(made)["State"]["Status"] == "exited"
    engine.remove(made, force=True)
    engine.remove(made)
    with pytest.raises(EngineError) as gone:
        engine.inspect(made)
    assert gone.value.kind == "not_found"

    again = engine.create(spec_of(subject))
    engine.start(again)
    assert engine.read_file(again, "/data/row") == b"kept\n"
    engine.remove(again, force=True)
    _until(lambda: {"create", "rename", "start", "die", "destroy"} <= set(heard))
    stream.stop()
    thread.join(5)


def test_a_root_leaves_its_host_while_it_runs(subject: Subject, tmp_path: Path) -> None:
    """As a tarball with what was changed inside, without what lies in volumes; nothing of it stays on the host."""
    engine = subject.engine
    engine.ensure_network(subject.network)
    made = engine.create(spec_of(subject))
    engine.start(made)
    assert engine.exec(made, ["sh", "-c", "echo mine > /etc/changed; echo kept > /data/row"])[0] == 0
    before = engine.list_images()
    told: list[int] = []

    def cut(done: int) -> None:
        if done:
            raise InterruptedError

    with (tmp_path / "cut").open("wb") as file, pytest.raises(InterruptedError):
        engine.export_root(made, "test-1", file, cut)
    with (tmp_path / "root").open("wb") as file:
        engine.export_root(made, "test-1", file, told.append)
    assert told[-1] == (tmp_path / "root").stat().st_size
    with tarfile.open(tmp_path / "root") as tar:
        files = {one.name.removeprefix("./").removeprefix("rootfs/"): one for one in tar}
        changed = tar.extractfile(files["etc/changed"])
        assert changed is not None
        assert changed.read() == b"mine\n"
    assert "data/row" not in files
    assert engine.inspect(made)["State"]["Running"]
    assert [one["Id"] for one in engine.list_images()] == [one["Id"] for one in before]
    with pytest.raises(EngineError) as gone, (tmp_path / "none").open("wb") as file:
        engine.export_root("nobody", "test-1", file, told.append)
    assert gone.value.kind == "not_found"
    engine.remove(made, force=True)


def test_health_checks(subject: Subject) -> None:
    engine = subject.engine
    engine.ensure_network(subject.network)
    made = engine.create(
        spec_of(subject, healthcheck=Healthcheck(("CMD-SHELL", "test ! -e /data/ill"), interval=1, retries=2))
    )
    heard: list[str] = []
    with engine.events(types=["container"], actions=["health_status"], labels=["xq.platform=runtime-test"]) as stream:
        threading.Thread(target=lambda: heard.extend(str(one["Action"]) for one in stream), daemon=True).start()
        engine.start(made)
        _until(lambda: engine.inspect(made)["State"]["Health"]["Status"] == "healthy")
        engine.exec(made, ["touch", "/data/ill"])
        _until(lambda: engine.inspect(made)["State"]["Health"]["Status"] == "unhealthy")
        entry = next(one for one in engine.list_containers(labels=LABELS) if one["Id"] == made)
        assert "(unhealthy)" in entry["Status"]
        _until(lambda: {"health_status: healthy", "health_status: unhealthy"} <= set(heard))


def _until(condition: Callable[[], bool], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_many_short_commands_lose_no_word(subject: Subject) -> None:
    """On a machine that is busy with them: both streams whole, none hangs."""
    engine, made = subject.engine, started(subject)

    def say(n: int) -> tuple[int, list[str]]:
        code, said = engine.exec(made, ["sh", "-c", f"echo out {n}; echo err {n} >&2"])
        return code, sorted(said.splitlines())

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(say, range(90))) == [(0, [f"err {n}", f"out {n}"]) for n in range(90)]


def test_a_command_that_does_not_end(subject: Subject) -> None:
    engine = subject.engine
    engine.ensure_network(subject.network)
    made = engine.create(spec_of(subject))
    engine.start(made)
    began = time.monotonic()
    with pytest.raises(EngineError) as late:
        engine.exec(made, ["sleep", "60"], timeout=1)
    assert late.value.kind == "timeout"
    assert time.monotonic() - began < 15


def test_commands_run_as_somebody(subject: Subject) -> None:
    engine = subject.engine
    engine.ensure_network(subject.network)
    made = engine.create(spec_of(subject))
    engine.start(made)
    assert engine.exec(made, ["sh", "-c", "echo app:x:1000:1001::/data:/bin/sh >> /etc/passwd"])[0] == 0
    assert engine.exec(made, ["sh", "-c", "echo staff:x:50:app >> /etc/group"])[0] == 0
    who = ["sh", "-c", "echo $(id -u) $(id -g) $HOME"]
    told = [engine.exec(made, who, user=user) for user in ("app", "1000:50", "app:staff")]
    assert told == [(0, "1000 1001 /data\n"), (0, "1000 50 /data\n"), (0, "1000 50 /data\n")]
    kept = execs.Kept()
    assert execs.run(engine, made, who, timeout=20, on_output=kept, user="app").ok
    assert kept.text == "1000 1001 /data\n"
    try:
        code, said = engine.exec(made, ["id"], user="nobody-here")
    except EngineError as error:
        code, said = 126, error.message
    assert code
    assert "nobody-here" in said


def started(subject: Subject) -> str:
    subject.engine.ensure_network(subject.network)
    made = subject.engine.create(spec_of(subject))
    subject.engine.start(made)
    return made


def test_commands_are_followed_and_ended(subject: Subject) -> None:
    engine, made = subject.engine, started(subject)
    kept, named = execs.Kept(), []
    ran = execs.run(
        engine, made, ["sh", "-c", "echo out; echo err >&2; echo $A; exit 3"], timeout=20, on_output=kept,
        env={"A": "雪球"}, on_made=named.append,
    )  # fmt: skip
    assert (ran.how, ran.code, named) == ("exited", 3, [ran.exec_id])
    assert sorted(kept.text.split()) == ["err", "out", "雪球"]
    assert ran.size == len(kept.text.encode())

    late = execs.run(engine, made, ["sleep", "98"], timeout=1, on_output=kept)
    assert (late.how, late.code) == ("timeout", None)
    asked = iter([False, True, True, True])
    ended = execs.run(engine, made, ["sleep", "97"], timeout=30, on_output=kept, cancelled=lambda: next(asked, True))
    assert ended.how == "cancelled"
    _until(lambda: not re.search(r"sleep 9[78]", engine.exec(made, ["ps"])[1]))

    # A command whose platform died is found by its mark.
    thread = threading.Thread(
        target=lambda: execs.run(engine, made, ["sleep", "96"], timeout=60, on_output=kept, env={"XQ_COMMAND": "7"}, on_made=named.append),
        daemon=True,
    )  # fmt: skip
    thread.start()
    _until(lambda: "sleep 96" in engine.exec(made, ["ps"])[1])
    assert execs.end(engine, made, named[-1], mark="XQ_COMMAND=7")
    _until(lambda: "sleep 96" not in engine.exec(made, ["ps"])[1])
    assert not execs.end(engine, made, named[-1], mark="XQ_COMMAND=7")


def test_terminals(subject: Subject) -> None:
    engine, made = subject.engine, started(subject)
    exec_id = execs.make(engine, made, ["/bin/sh"], terminal=True, env={"TERM": "xterm", "XQ_TERMINAL": "9"})
    wire = execs.terminal(engine, exec_id)
    said = bytearray()

    def read() -> None:
        while data := wire.read():
            said.extend(data)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    wire.resize(123, 45)
    wire.write(b"echo $XQ_TERMINAL-$((40+2)); stty size 2>/dev/null || busybox stty size\n")
    _until(lambda: b"9-42" in said and b"45 123" in said)
    wire.write("echo 雪; exit 5\n".encode())
    reader.join(20)
    assert not reader.is_alive()
    _until(lambda: execs.exit_code(engine, exec_id) == 5)
    wire.close()

    again = execs.make(engine, made, ["/bin/sh"], terminal=True, env={"XQ_TERMINAL": "10"})
    open_one = execs.terminal(engine, again)
    open_one.write(b"sleep 95\n")
    _until(lambda: "sleep 95" in engine.exec(made, ["ps"])[1])
    assert execs.end(engine, made, again, "HUP", "XQ_TERMINAL=10")
    _until(lambda: "sleep 95" not in engine.exec(made, ["ps"])[1])
    open_one.close()


def test_a_log_is_followed_to_the_end_of_its_container(subject: Subject) -> None:
    engine, made = subject.engine, started(subject)
    assert engine.exec(made, ["sh", "-c", f"echo first > {subject.output}"])[0] == 0
    _until(lambda: "first" in "".join(line.text for line in engine.logs(made)))
    heard: list[str] = []
    stream = engine.logs(made, follow=True, tail=5)
    thread = threading.Thread(target=lambda: heard.extend(line.text for line in stream), daemon=True)
    thread.start()
    _until(lambda: any("first" in one for one in heard))
    assert engine.exec(made, ["sh", "-c", f"echo second > {subject.output}"])[0] == 0
    _until(lambda: any("second" in one for one in heard))
    engine.stop(made, 1)
    thread.join(20)
    assert not thread.is_alive()


def test_what_a_host_tells_of_itself(subject: Subject) -> None:
    engine = subject.engine
    info, version = engine.info(), engine.version()
    assert re.fullmatch(r"\d+\.\d+.*", version["Version"])
    assert version["ApiVersion"] == engine.api_version
    assert info["ID"]
    assert info["NCPU"] > 0
    assert info["MemTotal"] > 256 * MIB
    assert info["Architecture"] == "x86_64"
    engine.ping()


def test_segments(subject: Subject) -> None:
    engine, network = subject.engine, subject.network
    engine.ensure_network(network)
    assert network.differences(engine.inspect_network(network.name)) == []
    other = NetworkSpec(network.name, network.cidr, "", labels=network.labels, mtu=1400)
    with pytest.raises(EngineError) as differs:
        engine.ensure_network(other)
    assert differs.value.kind == "conflict"
    made = engine.create(spec_of(subject))
    engine.start(made)
    with pytest.raises(EngineError) as used:
        engine.remove_network(network.name)
    assert used.value.kind == "conflict"
    engine.remove(made, force=True)
    engine.remove_network(network.name)
    engine.remove_network(network.name)
    assert network.name not in {one["Name"] for one in engine.list_networks()}


def test_what_is_not_there(subject: Subject) -> None:
    engine = subject.engine
    for call in (lambda: engine.inspect("none"), lambda: engine.start("none"), lambda: engine.exec("none", ["true"])):
        with pytest.raises(EngineError) as error:
            call()
        assert error.value.kind == "not_found"
    with pytest.raises(EngineError) as image:
        engine.create(ContainerSpec("kv-test-2", "nowhere:1"))
    assert image.value.kind == "not_found"


def test_nobody_above_asks_which_runtime_it_is() -> None:
    """Only the doors and the runtimes themselves may look at what a host's runtime is."""
    root = Path(__file__).resolve().parents[2]
    allowed = {"hosts/engine.py", "hosts/runtimes.py", "hosts/connection.py", "hosts/forms.py",
               "hosts/models/machines.py", "hosts/services/machines.py", "hosts/services/joining.py"}  # fmt: skip
    found = []
    for app in ("hosts", "builds", "containers", "xqplatform"):
        for path in (root / app).rglob("*.py"):
            name = str(path.relative_to(root))
            if name in allowed or name.startswith("hosts/lxd/") or "/migrations/" in name:
                continue
            if re.search(r"Runtime\.(LXD|DOCKER)|LxdEngine|\.runtime\s*(==|!=|in)\b|\"lxd\"", path.read_text()):
                found.append(name)
    assert found == []
