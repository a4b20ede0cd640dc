"""Commands inside containers: run one to its end with a time limit (`run`), hold a terminal (`Terminal`), end one (`end`).

The engine itself cannot end an exec: one whose reader has gone, or whose time is over, would run on for ever. `end` therefore finds its
processes among the host's (`hosts.helper`), so it needs nothing in the image.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping

from django.utils.translation import gettext as _

from hosts import helper
from hosts.engine import Engine, docker_of
from hosts.engine_body import Json
from hosts.engine_client import Engine as DockerEngine
from hosts.engine_duplex import BROKEN, Duplex, dial
from hosts.engine_errors import EngineError, from_exception, from_response
from hosts.engine_streams import Channel, frames
from hosts.exec_types import How, Ran, Signal, Wire

START_SECONDS = 30.0  # until the engine has started a command
MOST_HEAD = 64 << 10
LOOK_EVERY = 0.25  # seconds between two looks whether a command shall end


class Kept:
    """A command's output up to `most` bytes: its beginning and, once there is more than that, its last part."""

    def __init__(self, most: int = 1 << 20) -> None:
        self._half = most // 2
        self._first, self._last, self._left_out = bytearray(), bytearray(), 0

    def __call__(self, channel: Channel, data: bytes) -> None:
        room = self._half - len(self._first)
        self._first += data[: max(0, room)]
        self._last += data[max(0, room) :]
        if (over := len(self._last) - self._half) > 0:
            self._left_out += over
            del self._last[:over]

    @property
    def text(self) -> str:
        """Bytes that are no UTF-8 become replacement signs; what was left out is said in its place."""
        if not self._left_out:
            return bytes(self._first + self._last).decode("utf-8", "replace")
        gap = _("[… %(bytes)d bytes left out …]") % {"bytes": self._left_out}
        first, last = (bytes(part).decode("utf-8", "replace") for part in (self._first, self._last))
        return f"{first}\n{gap}\n{last}"


def make(
    engine: Engine,
    container: str,
    argv: Iterable[str],
    *,
    terminal: bool = False,
    user: str = "",
    env: Mapping[str, str] | None = None,
    workdir: str = "",
) -> str:
    """Makes an exec and does not start it; its id. Raises EngineError (`conflict`: the container does not run)."""
    if engine.execs is not None:
        return engine.execs.make(container, argv, user=user, env=env or {}, workdir=workdir)
    body: Json = {"Cmd": list(argv), "AttachStdout": True, "AttachStderr": True, "User": user, "Tty": terminal}
    body["AttachStdin"] = terminal
    if env:
        body["Env"] = [f"{key}={value}" for key, value in env.items()]
    if workdir:
        body["WorkingDir"] = workdir
    path = f"/containers/{container}/exec"
    return str(docker_of(engine)._json("POST", path, body=body, repeat=False)["Id"])


def inspect(engine: DockerEngine, exec_id: str) -> Json:
    """What the engine knows of it: Running, ExitCode, Pid (of the host), … Raises EngineError, `not_found` when forgotten."""
    return dict(engine._json("GET", f"/exec/{exec_id}/json"))


def exit_code(engine: Engine, exec_id: str) -> int | None:
    """None while it runs. Raises EngineError."""
    if engine.execs is not None:
        return engine.execs.exit_code(exec_id)
    code = inspect(docker_of(engine), exec_id).get("ExitCode")
    return None if code is None else int(code)


def run(
    engine: Engine,
    container: str,
    argv: Iterable[str],
    *,
    timeout: float,
    on_output: Callable[[Channel, bytes], None],
    user: str = "",
    env: Mapping[str, str] | None = None,
    workdir: str = "",
    cancelled: Callable[[], bool] | None = None,
    on_made: Callable[[str], None] | None = None,
) -> Ran:
    """Runs a command in a container to its end, at most `timeout` seconds; its output goes to `on_output` as it comes.

    `on_made` gets the exec's id before it starts, so that who stores it can `end` it whatever happens to this process.
    `cancelled` is asked four times a second. On time-out and cancel the command is ended inside. Raises EngineError (a broken
    connection: the command may still run), NoHelper when it had to be ended and could not be.
    """
    made = make(engine, container, argv, user=user, env=env, workdir=workdir)
    if on_made:
        on_made(made)
    if engine.execs is not None:
        return engine.execs.run(made, timeout=timeout, on_output=on_output, cancelled=cancelled)
    stream = docker_of(engine)._stream(
        "POST", f"/exec/{made}/start", frames, body={"Detach": False, "Tty": False}, timeout=timeout + START_SECONDS,
        repeat=False,
    )  # fmt: skip
    until, done, size = time.monotonic() + timeout, threading.Event(), 0
    how: list[How] = []

    def watch() -> None:
        while not done.wait(LOOK_EVERY):
            if time.monotonic() >= until:
                how.append("timeout")
            elif cancelled is not None and cancelled():
                how.append("cancelled")
            if how:
                stream.stop()
                return

    watcher = threading.Thread(target=watch, name=f"exec-{made[:12]}", daemon=True)
    watcher.start()
    try:
        for channel, data in stream:
            size += len(data)
            on_output(channel, data)
    finally:
        done.set()
        watcher.join(START_SECONDS)
        if how:
            end(engine, container, made)
    return Ran(how[0] if how else "exited", None if how else exit_code(engine, made), size, made)


# Arguments: the process, the container's id, the first signal, a mark. An exec's first process leads a session of its own (runc
# makes it so), by which all of its children are found that did not leave on purpose. A number may belong to somebody else by now: only
# a process of this very container is touched. Where the process is not known (0), its children are found by the mark in their
# surroundings. Dead ones that nobody has reaped do not count.
END_SCRIPT = r"""
pid=$1; id=$2; signal=$3; mark=$4
ours() { busybox grep -q "$id" "/proc/$1/cgroup" 2>/dev/null || busybox grep -q "$id" "/proc/$1/mountinfo" 2>/dev/null; }
[ "$pid" = 0 ] || ours "$pid" || { echo gone; exit 0; }
marked() { busybox tr '\0' '\n' <"/proc/$1/environ" | busybox grep -qxF "$mark" && ours "$1"; }
members() {
  for file in /proc/[0-9]*/stat; do
    read -r line <"$file" || continue
    one=${file#/proc/}; one=${one%/stat}
    set -- ${line##*) }
    [ "$1" = Z ] || [ "$1" = X ] || { if [ "$pid" = 0 ]; then marked "$one"; else [ "$4" = "$pid" ]; fi && echo "$one"; }
  done 2>/dev/null
}
first=$pid; [ "$pid" = 0 ] && first=$(members)
[ -n "$first" ] || { echo gone; exit 0; }
kill -"$signal" $first; kill -CONT $(members) 2>/dev/null
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
  [ -z "$(members)" ] && { echo ended; exit 0; }
  busybox sleep 0.1
done
kill -KILL $(members)
for i in 1 2 3 4 5 6 7 8 9 10; do
  [ -z "$(members)" ] && { echo killed; exit 0; }
  busybox sleep 0.1
done
echo "left: $(members | busybox tr '\n' ' ')"
exit 1
"""


def end(engine: Engine, container: str, exec_id: str, signal: Signal = "TERM", mark: str = "") -> bool:
    """Ends an exec's processes in the container: by the signal, and what is left after 1.5 s by KILL. False: it had ended.

    `mark`: «NAME=value» of its `env`, by which it is found where the engine has forgotten it (it was restarted, with containers
    that run on). Safe to repeat. Raises NoHelper (no helper can run on that host, or something is left), EngineError.
    """
    if engine.execs is not None:
        return engine.execs.end(container, exec_id, signal, mark)
    try:
        seen = inspect(docker_of(engine), exec_id)
    except EngineError as error:
        if error.kind not in {"not_found", "conflict"}:
            raise
        return bool(mark) and _runs(engine, container) and _ended(engine, 0, container, signal, mark)
    pid = int(seen.get("Pid") or 0)
    if not seen.get("Running") or not pid:
        return False
    return _ended(engine, pid, str(seen.get("ContainerID") or container), signal, mark)


def _runs(engine: Engine, container: str) -> bool:
    try:
        return bool(engine.inspect(container)["State"]["Running"])
    except EngineError as error:
        if error.kind == "not_found":
            return False
        raise


def _ended(engine: Engine, pid: int, container: str, signal: Signal, mark: str) -> bool:
    command = ("sh", "-c", END_SCRIPT, "sh", str(pid), container, signal, mark)
    said = helper.run(engine, command, among_processes=True)
    if said.exit:
        raise helper.NoHelper(said.output.strip()[-200:] or f"exit {said.exit}")
    return "gone" not in said.output


def terminal(engine: Engine, exec_id: str) -> Wire:
    """Starts an exec that was made with `terminal=True`. Raises EngineError."""
    return engine.execs.terminal(exec_id) if engine.execs is not None else Terminal(docker_of(engine), exec_id)


class Terminal:
    """An exec with a terminal, both ways. One thread reads while another writes; `close` from any thread wakes both.

    Closing leaves the command running: `end` ends it.
    """

    def __init__(self, engine: DockerEngine, exec_id: str) -> None:
        """Starts an exec that was made with `terminal=True`. Raises EngineError."""
        self.engine, self.exec_id = engine, exec_id
        self._wire: Duplex = dial(engine)
        try:
            self._wire.patience(START_SECONDS)
            self._rest = self._started()
            self._wire.patience(None)
        except BROKEN as error:
            self._wire.close()
            raise from_exception(error, engine.where) from error
        except BaseException:
            self._wire.close()
            raise

    def _started(self) -> bytes:
        """Asks for the start; what the command said already."""
        body = json.dumps({"Detach": False, "Tty": True}).encode()
        head = (
            f"POST /v{self.engine.api_version}/exec/{self.exec_id}/start HTTP/1.1\r\nHost: docker\r\n"
            "User-Agent: xqplatform\r\nContent-Type: application/json\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self._wire.write(head.encode() + body)
        status, rest = self._answer()
        if status not in {101, 200}:
            raise from_response(status, _message(rest), self.engine.where)
        return rest

    def _answer(self) -> tuple[int, bytes]:
        """The answer's status, and what came after its head: a refusal's whole text."""
        seen = bytearray()
        while (at := seen.find(b"\r\n\r\n")) < 0:
            data = self._wire.read()
            if not data or len(seen) > MOST_HEAD:
                raise EOFError("closed without an answer")
            seen += data
        head, rest = bytes(seen[:at]).decode("latin-1").lower(), seen[at + 4 :]
        words = head.split(" ", 2)
        if len(words) < 2 or not words[0].startswith("http/1.") or not words[1].isdigit():
            raise EOFError("no HTTP")
        status = int(words[1])
        length = next((row.partition(":")[2] for row in head.split("\r\n") if row.startswith("content-length:")), "0")
        while status >= 400 and len(rest) < min(int(length), MOST_HEAD) and (data := self._wire.read()):
            rest += data
        return status, bytes(rest)

    def read(self) -> bytes:
        """What the command said, as bytes; b"" when it has ended. Raises EngineError when the connection breaks."""
        if self._rest:
            data, self._rest = self._rest, b""
            return data
        try:
            return self._wire.read()
        except BROKEN as error:
            raise from_exception(error, self.engine.where) from error

    def write(self, data: bytes) -> None:
        """Types something; waits while the command takes nothing. Raises EngineError."""
        try:
            self._wire.write(data)
        except BROKEN as error:
            raise from_exception(error, self.engine.where) from error

    def resize(self, columns: int, rows: int) -> None:
        """Tells the command the window's size. Raises EngineError."""
        size = {"h": rows, "w": columns}
        self.engine.call("POST", f"/exec/{self.exec_id}/resize", params=size, accept=[409], timeout=10)

    def close(self) -> None:
        self._wire.close()


def _message(body: bytes) -> str:
    text = body.decode("utf-8", "replace").strip()
    try:
        seen = json.loads(text)
    except ValueError:
        return text[:500]
    return str(seen.get("message") or text) if isinstance(seen, dict) else text
