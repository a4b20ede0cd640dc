"""Starts all processes of the platform on one machine, watches them, and stops them in order."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from types import FrameType
from typing import Any

from xqplatform import env
from xqplatform.run import ask, broker, engine
from xqplatform.run.children import Child, die_with_parent, stop_all
from xqplatform.run.words import Trouble, say

READY_PATIENCE = 120.0  # seconds until the web process must answer
WORKER = "worker --pool threads --concurrency 32 --prefetch-multiplier 1 --without-gossip --without-mingle --without-heartbeat"
LEAN = {"MALLOC_ARENA_MAX": "2"}  # many threads, little memory


class Stop(Exception):
    """Somebody asked to stop: Ctrl-C, TERM, or the terminal went away."""


class Supervisor:
    def __init__(self) -> None:
        self.folder = env.data_dir()
        self.children: list[Child] = []  # in the order of their start
        self.socket: socket.socket | None = None
        self.lock: Any = None
        self.engine_expected = False

    def run(self) -> int:
        """Runs until told to stop. Raises Trouble when the platform cannot start."""
        began = time.monotonic()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _stop)
        try:
            self.take_folder()
            self.socket = listen(env.text("XQ_HOST", "127.0.0.1"), env.number("XQ_PORT", 8000))
            self.start_broker()
            self.start_engine()
            self.start_web()  # loads while the tables are prepared; nobody has its address yet
            outcome = self.prepare()
            self.start_work()
            self.wait_until_ready()
            self.greet(outcome, time.monotonic() - began)
            self.watch()
        except Stop:
            say("Stopping …")
        finally:
            self.stop()
        say("Stopped.")
        return 0

    # Before the start

    def take_folder(self) -> None:
        """Makes the data folder and holds its lock as long as this process lives."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            (self.folder / "static").mkdir(exist_ok=True)
            self.lock = open(self.folder / "supervisor.lock", "a+")  # noqa: SIM115  # held until the end
        except OSError as error:
            raise Trouble(
                f"The data folder {self.folder} cannot be used ({error.strerror}): give the right to write there, or "
                "name another one with XQ_DATA_DIR."
            ) from error
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.lock.seek(0)
            holder = self.lock.read().strip() or "?"
            raise Trouble(
                f"The platform already runs on the data folder {self.folder} (process {holder}): stop that one first, "
                "or name another folder with XQ_DATA_DIR."
            ) from None
        self.lock.truncate(0)
        self.lock.write(f"{os.getpid()}\n")
        self.lock.flush()
        env.kept_secret("secret-key")
        env.kept_secret("encryption-key")

    def start_broker(self) -> None:
        if env.text("XQ_REDIS_URL"):
            return
        path = env.broker_socket()
        data = self.folder / "broker"
        data.mkdir(exist_ok=True, mode=0o700)
        child = self.add("broker", broker.command(path, data))
        self.wait_for(lambda: broker.answers(path), child, 60, "The broker does not come up")

    def start_engine(self) -> None:
        command, sentence = engine.make_available()
        if sentence:
            say(sentence)
        if command:
            self.add("engine", command, patience=30.0)
            self.engine_expected = True

    def prepare(self) -> dict[str, Any]:
        """Tables and the first log-in, in a process of its own; returns what it reports."""
        process = subprocess.Popen(
            [sys.executable, "-m", "xqplatform.run.prepare"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=env.BASE_DIR,
            start_new_session=True,
            preexec_fn=die_with_parent(),  # noqa: PLW1509  # one thread
        )
        output, errors = process.communicate()
        if process.returncode != 0:
            words = errors.decode(errors="replace").strip()
            sys.stderr.write(f"{words}\n")
            last = words.splitlines()[-1] if words else "no message"
            raise Trouble(f"The database could not be prepared: {last}")
        result: dict[str, Any] = json.loads(output)
        return result

    # The start

    def add(self, name: str, command: list[str], **options: Any) -> Child:
        child = Child(name, command, self.folder / "log" / f"{name}.log", **options)
        child.start()
        self.children.append(child)
        return child

    def start_web(self) -> None:
        if self.socket is None:
            raise RuntimeError("no socket")
        descriptor = self.socket.fileno()
        command = [sys.executable, "-m", "xqplatform.run.web", "--fd", str(descriptor)]
        self.add("web", command, pass_fds=(descriptor,), surroundings=LEAN)

    def start_work(self) -> None:
        python = [sys.executable, "-m"]
        worker = [*python, "celery", "-A", "xqplatform.celery", *WORKER.split(), "--loglevel", "INFO"]
        self.add("worker", worker, surroundings=LEAN)
        self.add("beat", [*python, "xqplatform.run.beat"])

    def wait_until_ready(self) -> None:
        address = self.reachable
        web = next(child for child in self.children if child.name == "web")
        self.wait_for(lambda: responds(address), web, READY_PATIENCE, "The web process does not come up")

    def wait_for(self, condition: Any, child: Child, patience: float, sentence: str) -> None:
        deadline = time.monotonic() + patience
        while not condition():
            self.tend()
            if time.monotonic() > deadline or child.deaths >= 4:
                raise Trouble(f"{sentence}. The end of its log {child.log}:\n{child.last_words()}")
            time.sleep(0.03)

    @property
    def reachable(self) -> tuple[str, int]:
        """Host and port by which this machine reaches the site."""
        if self.socket is None:
            raise RuntimeError("no socket")
        host, port = self.socket.getsockname()[:2]
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port

    @property
    def address(self) -> str:
        host, port = self.reachable
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def greet(self, outcome: dict[str, Any], seconds: float) -> None:
        for note in outcome["notes"]:
            say(note)
        say(f"Ready after {seconds:.1f} s: {self.address}")
        if outcome["created"]:
            say(f"First log-in: admin, password: {outcome['password']}")
        elif outcome["password"]:
            say(f"Log in as admin; the first password is in {self.folder / 'admin-password'} until it is changed.")
        say(f"Logs: {self.folder / 'log'}. Ctrl-C stops everything.")

    # While it runs

    def watch(self) -> None:
        while True:
            self.tend()
            if self.engine_expected and engine.answers():
                self.engine_expected = False
                for note in self.prepare()["notes"]:
                    say(note)
            time.sleep(0.2)

    def tend(self) -> None:
        for child in self.children:
            try:
                sentence = child.tend()
            except OSError as error:
                sentence = f"{child.name} cannot be started: {error}"
            if sentence:
                say(sentence)
        if self.engine_expected:
            self.help_engine()

    def help_engine(self) -> None:
        """An engine that never came up: once without iptables, which some machines forbid; then without an engine."""
        child = next((child for child in self.children if child.name == "engine"), None)
        if child is None or child.process is not None:
            return
        if child.deaths == 2 and "--iptables=false" not in child.command:
            child.command = [*child.command, "--iptables=false"]
        elif child.deaths >= 5:
            self.children.remove(child)
            self.engine_expected = False
            say(f"The Docker Engine does not come up, see {child.log}. {engine.WITHOUT}")

    def stop(self) -> None:
        """Those who work first, then the broker and the engine that they work with."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        below = [child for child in self.children if child.name in ("broker", "engine")]
        stop_all([child for child in self.children if child not in below])
        stop_all(below)
        if self.socket is not None:
            self.socket.close()


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stop


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises Trouble when the port is taken or the address is not this machine's."""
    try:
        info = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        result = socket.socket(info[0], info[1], info[2])
        with contextlib.suppress(OSError):
            result.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        result.bind(info[4])
        result.listen(512)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Trouble(
                f"Port {port} on {host} is taken by another program: stop that one, or choose another port with "
                f"XQ_PORT={port + 1} make run."
            ) from error
        raise Trouble(f"The address {host}:{port} cannot be used ({error}): set XQ_HOST and XQ_PORT.") from error
    result.setblocking(False)
    return result


def responds(address: tuple[str, int]) -> bool:
    """Whether the site is healthy. Short: the web process may still be loading behind the open socket."""
    try:
        return ask.status(address, "/healthz") == 200
    except OSError:
        return False


def main() -> int:
    try:
        return Supervisor().run()
    except (Trouble, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except Stop:
        return 0
