"""Commands inside instances as `hosts.execs` promises them: followed as they speak, ended, and terminals.

A server begins a command as soon as it is asked for, so what is «made» waits here until it starts. It is found again by the mark in its
surroundings, which needs a shell, `tr` and `grep` inside: a system container has them.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

import websockets.exceptions
from django.utils.translation import gettext as _

from hosts.engine_errors import EngineError, from_exception
from hosts.engine_streams import Channel
from hosts.exec_types import How, OnOutput, Ran, Signal
from hosts.lxd.link import CALL_SECONDS, Json
from hosts.lxd.wires import Wire

if TYPE_CHECKING:
    from hosts.lxd.engine import LxdEngine

LOOK_EVERY = 0.25  # seconds between two looks whether a command shall end
OUTPUT = 1 << 20  # bytes kept of a command that is run to its end
REMEMBERED = 500  # exit codes
MARKS = {"XQ_COMMAND", "XQ_TERMINAL"}  # by which the platform finds again what it runs
LOST = 30.0  # seconds in which a command that was told to end has to
# Arguments: the signal, the mark. Those that have the mark in their environment get the signal, and KILL after 1.5 s.
END_SCRIPT = r"""
marked() { for d in /proc/[0-9]*; do tr '\0' '\n' <"$d/environ" 2>/dev/null | grep -qxF "$2" && echo "${d#/proc/}"; done; }
found=$(marked "$1" "$2"); [ -n "$found" ] || { echo gone; exit 0; }
kill -"$1" $found 2>/dev/null
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do [ -z "$(marked "$1" "$2")" ] && { echo ended; exit 0; }; sleep 0.1; done
kill -KILL $(marked "$1" "$2") 2>/dev/null
sleep 0.2; [ -z "$(marked "$1" "$2")" ] && { echo killed; exit 0; }
echo "left: $(marked "$1" "$2")"; exit 1
"""


@dataclass(frozen=True)
class Made:
    """A command that was not started yet."""

    container: str
    body: Json
    noted: bool = True  # as the platform's own; health checks are known by their command


NOTHING = Made("", {"environment": {}})


class LxdExecs:
    """Of one server. Ids are of this process; the server knows none before a command runs."""

    def __init__(self, engine: LxdEngine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._made: dict[str, Made] = {}
        self._codes: dict[str, int] = {}

    def make(self, container: str, argv: Iterable[str], *, user: str, env: Mapping[str, str], workdir: str) -> str:
        """Raises EngineError (`conflict`: it does not run; `not_found`)."""
        if not self._engine.runs(container):
            words = _("The container does not run on %(where)s.")
            raise EngineError("conflict", "not running", words % {"where": self._engine.where})
        body = self._body(container, argv, env, user)
        if workdir:
            body["cwd"] = workdir
        return self._keep(Made(container, body))

    def _body(self, container: str, argv: Iterable[str], env: Mapping[str, str], user: str) -> Json:
        body: Json = {"command": list(argv), "environment": dict(env), "wait-for-websocket": True}
        if user:
            found = self._engine.user(container, user)
            known = {"HOME": found.home or "/", "USER": found.name}
            body |= {"user": found.uid, "group": found.gid}
            body["environment"] = {key: value for key, value in known.items() if value} | body["environment"]
        return body

    def _keep(self, made: Made) -> str:
        exec_id = f"lxd-{secrets.token_hex(12)}"
        with self._lock:
            self._made[exec_id] = made
        return exec_id

    def whole(
        self,
        container: str,
        argv: Iterable[str],
        timeout: float,
        env: Mapping[str, str],
        *,
        user: str = "",
        noted: bool = True,
    ) -> tuple[int, str]:
        """Runs a command to its end: (exit code, what both streams said, its first MB). Kind `timeout`: it was killed."""
        said = bytearray()
        ran = self.run(
            self._keep(Made(container, self._body(container, argv, env, user), noted)), timeout=timeout, cancelled=None,
            on_output=lambda _channel, data: said.extend(data[: max(0, OUTPUT - len(said))]),
        )  # fmt: skip
        if ran.how != "exited":
            words = _("The command did not end within %(seconds)s s on %(where)s, and was killed.")
            values = {"seconds": f"{timeout:g}", "where": self._engine.where}
            raise EngineError("timeout", "exec", words % values, retry=False)
        return -1 if ran.code is None else ran.code, said.decode("utf-8", "replace")

    def begin(self, exec_id: str, *, interactive: bool) -> Json:
        """Has the server begin it; the operation."""
        with self._lock:
            made = self._made.pop(exec_id, None)
        if made is None:
            words = _("%(where)s has no such container.")
            raise EngineError("not_found", exec_id, words % {"where": self._engine.where})
        body = made.body | {"interactive": interactive}
        if interactive:
            body |= {"width": 80, "height": 24}
        with self._engine.own("exec", made.container, body["command"]) if made.noted else nullcontext():
            return dict(self._engine.link.ask("POST", f"{self._engine.path_of(made.container)}/exec", body=body))

    def socket(self, operation: Json, name: str, *, silent: bool = False) -> Wire:
        secret = quote(operation["metadata"]["fds"][name])
        path = f"/operations/{operation['id']}/websocket?secret={secret}"
        return self._engine.link.socket(path, pings=False, silent=silent)

    def ended(self, exec_id: str, operation: Json) -> int | None:
        """Its exit code, once the server has noted it."""
        done = self._engine.link.ended(operation, CALL_SECONDS)
        code = (done.get("metadata") or {}).get("return")
        if code is None:
            return None
        with self._lock:
            if len(self._codes) >= REMEMBERED:
                self._codes.clear()
            self._codes[exec_id] = int(code)
        return int(code)

    def exit_code(self, exec_id: str) -> int | None:
        with self._lock:
            return self._codes.get(exec_id)

    def run(self, exec_id: str, *, timeout: float, on_output: OnOutput, cancelled: Callable[[], bool] | None) -> Ran:
        """Follows it to its end, or ends it: by KILL, as nobody else could any more. Raises EngineError."""
        with self._lock:
            made = self._made.get(exec_id, NOTHING)
        operation = self.begin(exec_id, interactive=False)
        sizes, lock, broken = [0], threading.Lock(), list[EngineError]()
        with ExitStack() as stack:
            control, stdin, *outputs = [
                stack.enter_context(self.socket(operation, name, silent=name in {"1", "2"}))
                for name in ("control", "0", "1", "2")
            ]
            with suppress(websockets.exceptions.ConnectionClosed):  # a short command has ended by now
                stdin.send("")

            def follow(wire: Wire, channel: Channel) -> None:
                try:
                    for data in _messages(wire):
                        with lock:
                            sizes[0] += len(data)
                            on_output(channel, data)
                except websockets.exceptions.ConnectionClosed as error:
                    broken.append(from_exception(error, self._engine.where))

            readers = [
                threading.Thread(target=follow, args=pair, name=f"exec-{exec_id[:12]}", daemon=True)
                for pair in zip(outputs, ("stdout", "stderr"), strict=True)
            ]
            for reader in readers:
                reader.start()
            how, until = self._watched(readers, time.monotonic() + timeout, cancelled), time.monotonic() + LOST
            if how != "exited":
                _tell(control, {"command": "signal", "signal": 9})
                for reader in readers:
                    reader.join(max(0.1, until - time.monotonic()))
        if how != "exited":
            # KILL reached its first process only.
            for name in MARKS & set(made.body["environment"]):
                self.end(made.container, exec_id, "TERM", f"{name}={made.body['environment'][name]}")
            return Ran(how, None, sizes[0], exec_id)
        if broken:
            raise broken[0]
        return Ran(how, self.ended(exec_id, operation), sizes[0], exec_id)

    @staticmethod
    def _watched(readers: list[threading.Thread], until: float, cancelled: Callable[[], bool] | None) -> How:
        while any(reader.is_alive() for reader in readers):
            if time.monotonic() >= until:
                return "timeout"
            if cancelled is not None and cancelled():
                return "cancelled"
            next(reader for reader in readers if reader.is_alive() or reader is readers[-1]).join(LOOK_EVERY)
        return "exited"

    def end(self, container: str, exec_id: str, signal: Signal, mark: str) -> bool:
        """Ends what carries the mark. False: there was nothing. Raises EngineError."""
        if not mark:
            return False
        try:
            if not self._engine.runs(container):
                return False
        except EngineError as error:
            if error.kind == "not_found":
                return False
            raise
        code, said = self._engine.exec(container, ("sh", "-c", END_SCRIPT, "sh", signal, mark), timeout=CALL_SECONDS)
        if code:
            words = _("%(where)s: %(text)s") % {"where": self._engine.where, "text": said.strip()[-200:] or code}
            raise EngineError("other", said, words)
        return "gone" not in said

    def terminal(self, exec_id: str) -> LxdTerminal:
        return LxdTerminal(self._engine, self, exec_id)


class LxdTerminal:
    """A command with a terminal. Closing it leaves the command to its hang-up; `end` makes sure."""

    def __init__(self, engine: LxdEngine, execs: LxdExecs, exec_id: str) -> None:
        self.engine, self.exec_id = engine, exec_id
        self._execs = execs
        self._operation = execs.begin(exec_id, interactive=True)
        self._control = execs.socket(self._operation, "control")
        try:
            self._data = execs.socket(self._operation, "0")
        except BaseException:
            self._control.close()
            raise
        self._over = False

    def read(self) -> bytes:
        """What the command said; b"" when it has ended. Raises EngineError when the connection breaks."""
        while not self._over:
            try:
                message = self._data.recv()
            except websockets.exceptions.ConnectionClosedOK:
                break
            except (websockets.exceptions.WebSocketException, OSError, EOFError) as error:
                raise from_exception(error, self.engine.where) from error
            data = message.encode() if isinstance(message, str) else bytes(message)
            if data:
                return data
            if isinstance(message, str):
                break
        if not self._over:
            self._over = True
            self.close()  # the server waits for that before it notes the end
            self._execs.ended(self.exec_id, self._operation)
        return b""

    def write(self, data: bytes) -> None:
        try:
            self._data.send(data)
        except (websockets.exceptions.WebSocketException, OSError, EOFError) as error:
            raise from_exception(error, self.engine.where) from error

    def resize(self, columns: int, rows: int) -> None:
        _tell(self._control, {"command": "window-resize", "args": {"width": str(columns), "height": str(rows)}})

    def close(self) -> None:
        """At once, from any thread: whoever waits in a send or for an answer wakes up."""
        for one in (self._data, self._control):
            one.close()


def _messages(wire: Wire) -> Iterable[bytes]:
    """Until the stream ends: the server says so by an empty text, or closes. Raises ConnectionClosed when it breaks."""
    for message in wire:
        if isinstance(message, str):
            if not message:
                return
            yield message.encode()
        else:
            yield bytes(message)


def _tell(control: Wire, words: Json) -> None:
    """A command that has just ended listens no more: nothing is lost by that."""
    try:
        control.send(json.dumps(words))
    except websockets.exceptions.ConnectionClosed:
        return
