"""Commands and terminals inside containers, on real engines and over each way to them."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import pytest

from hosts import execs
from hosts.engine import ConnectionSpec, ContainerSpec, EngineError
from hosts.engine import DockerEngine as Engine
from tests.engines.fleet import Fleet
from tests.engines.images import tiny_image
from tests.engines.machine import wait_for

IMAGE = "execs-test:1"
WAYS = ("local", "tcp", "ssh")


def spec_of(fleet: Fleet, way: str) -> ConnectionSpec:
    host = fleet.hosts[0]
    if way == "local":
        return ConnectionSpec("local", host.socket_url)
    if way == "tcp":
        return ConnectionSpec("tcp", f"{host.address}:2376", host.ca, host.cert, host.key)
    return ConnectionSpec("ssh", host.ssh.address, ssh_key=host.ssh.key)


@pytest.fixture(params=WAYS)
def engine(clean_fleet: Fleet, request: pytest.FixtureRequest) -> Iterator[Engine]:
    with contextlib.closing(Engine(spec_of(clean_fleet, request.param))) as engine:
        yield engine


@pytest.fixture
def local(clean_fleet: Fleet) -> Iterator[Engine]:
    with contextlib.closing(Engine(spec_of(clean_fleet, "local"))) as engine:
        yield engine


def container(engine: Engine) -> str:
    tiny_image(engine.api, IMAGE, "execs", healthcheck=False)
    made = engine.create(ContainerSpec("execs-one", IMAGE, stop_timeout=0))
    engine.start(made)
    return made


def commands_in(engine: Engine, made: str) -> list[str]:
    seen = engine.call("GET", f"/containers/{made}/top", params={"ps_args": "-eo pid,args"}).json()
    return [row[-1] for row in seen["Processes"]]


class Reader(threading.Thread):
    """Reads a terminal as fast as it speaks."""

    def __init__(self, terminal: execs.Terminal) -> None:
        super().__init__(daemon=True)
        self.terminal, self.said, self.ended = terminal, bytearray(), False
        self.start()

    def run(self) -> None:
        with contextlib.suppress(EngineError):
            while data := self.terminal.read():
                self.said += data
        self.ended = True

    def wait(self, text: bytes) -> None:
        wait_for(f"it says {text!r}, not {bytes(self.said[-300:])!r}", lambda: text in self.said)


def test_a_command_runs_to_its_end_over_each_way(engine: Engine) -> None:
    made, kept, named = container(engine), execs.Kept(), []
    ran = execs.run(
        engine, made, ["sh", "-c", "echo out; echo err >&2; echo $A; exit 3"], timeout=20, on_output=kept,
        env={"A": "雪球"}, on_made=named.append,
    )  # fmt: skip
    assert (ran.how, ran.code, named) == ("exited", 3, [ran.exec_id])
    assert sorted(kept.text.split()) == ["err", "out", "雪球"]
    assert ran.size == len(kept.text.encode())


def test_a_command_that_takes_too_long_or_is_cancelled_is_ended_inside_too(local: Engine) -> None:
    made, kept = container(local), execs.Kept()
    script = "echo begun; sleep 611 & sleep 612"
    ran = execs.run(local, made, ["sh", "-c", script], timeout=1, on_output=kept)
    assert (ran.how, ran.code, kept.text) == ("timeout", None, "begun\n")
    began = time.monotonic()
    ran = execs.run(local, made, ["sleep", "613"], timeout=60, on_output=kept, cancelled=lambda: True)
    assert ran.how == "cancelled"
    assert time.monotonic() - began < 50
    assert not [one for one in commands_in(local, made) if "sleep 61" in one]
    assert not execs.end(local, made, ran.exec_id), "ending again does nothing"


def test_what_cannot_be_run_is_said(local: Engine) -> None:
    made, kept = container(local), execs.Kept()
    ran = execs.run(local, made, ["no-such-program"], timeout=20, on_output=kept)
    assert ran.code in {126, 127}
    assert "no-such-program" in kept.text
    local.stop(made)
    with pytest.raises(EngineError, match="not running"):
        execs.run(local, made, ["true"], timeout=20, on_output=kept)


def test_a_terminal_speaks_both_ways_over_each_way(engine: Engine) -> None:
    made = container(engine)
    exec_id = execs.make(engine, made, ["sh"], terminal=True, env={"TERM": "xterm-256color", "PS1": "> "})
    terminal = execs.Terminal(engine, exec_id)
    reader = Reader(terminal)
    terminal.resize(97, 31)
    terminal.write(b"busybox stty size; echo \xe9\x9b\xaa$((6*7)); tty\n")
    reader.wait(b"31 97")
    reader.wait("雪42".encode())
    assert b"/dev/pts/" in reader.said
    terminal.write(b"exit 5\n")
    wait_for("it ends", lambda: reader.ended)
    assert execs.exit_code(engine, exec_id) == 5
    terminal.close()


def test_who_reads_nothing_stops_a_flood_and_the_interrupt_gets_through(engine: Engine) -> None:
    made = container(engine)
    terminal = execs.Terminal(engine, execs.make(engine, made, ["sh"], terminal=True, env={"PS1": "ready> "}))
    assert terminal.read()
    terminal.write(b"yes 0123456789; echo over\n")
    seen = bytearray()
    while b"0123456789\r\n" * 100 not in seen:
        seen += terminal.read()
    terminal.write(b"\x03")
    tail = b""
    size = 0
    while (
        b"ready> " not in tail
    ):  # what had been said before it was interrupted is bounded by what the connection holds
        data = terminal.read()
        assert data
        size += len(data)
        tail = (tail + data)[-4096:]
    assert size < 64 << 20
    terminal.close()


def test_closing_wakes_a_reader_and_ending_leaves_nothing_behind(engine: Engine) -> None:
    made = container(engine)
    exec_id = execs.make(engine, made, ["sh"], terminal=True, env={"PS1": "> "})
    terminal = execs.Terminal(engine, exec_id)
    reader = Reader(terminal)
    reader.wait(b"> ")
    terminal.write(b"(trap '' HUP; sleep 621) & sleep 622\n")
    wait_for("both sleep", lambda: len([c for c in commands_in(engine, made) if "sleep 62" in c]) == 2)
    terminal.close()
    wait_for("the reader wakes", lambda: reader.ended)
    assert execs.exit_code(engine, exec_id) is None, "closing alone ends nothing"
    assert execs.end(engine, made, exec_id, "HUP")
    assert not [c for c in commands_in(engine, made) if "sleep 62" in c]
    assert execs.exit_code(engine, exec_id) is not None


def test_only_the_first_and_last_of_a_long_output_is_kept() -> None:
    kept = execs.Kept(20)
    for number in range(100):
        kept("stdout", b"%02d" % number)
    assert kept.text == "0001020304\n[… 180 bytes left out …]\n9596979899"
    short = execs.Kept(20)
    short("stderr", b"\xff fine")
    assert short.text == "\ufffd fine"
