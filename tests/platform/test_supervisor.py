"""The real supervisor in a temporary folder: starts all processes, restarts what dies, stops everything."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

BASE = Path(__file__).resolve().parent.parent.parent
PATIENCE = 120  # seconds; only ever used up when something is broken


def wait_for(condition: Callable[[], object], what: str, explain: Callable[[], str] = str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen. {explain()}"
        time.sleep(0.05)


class Running:
    """One started supervisor and what it printed."""

    def __init__(self, folder: Path, **surroundings: str) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.output = folder / "output.txt"
        clean = {k: v for k, v in os.environ.items() if not k.startswith("XQ_") and k != "DJANGO_SETTINGS_MODULE"}
        settings = {"XQ_DATA_DIR": str(folder), "XQ_PORT": "0", "XQ_INSTALL_DOCKER": "0", **surroundings}
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "xqplatform.run"],
                cwd=BASE,
                env={**clean, **settings},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self.output.read_text()

    def wait_until_ready(self) -> str:
        """Returns the printed address."""
        wait_for(lambda: "Ready after" in self.said or self.process.poll() is not None, "ready", lambda: self.said)
        found = re.search(r"http://\S+", self.said)
        assert found, self.said
        return found[0]

    def children(self) -> dict[str, int]:
        """The processes of the platform by what they run."""
        result = {}
        names = {"run.web": "web", "celery": "worker", "run.beat": "beat", "valkey-server": "broker"}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                parent = int(stat.read_text().rsplit(")", 1)[1].split()[1])
                words = (stat.parent / "cmdline").read_text().replace("\0", " ")
            except OSError:
                continue
            if parent == self.process.pid:
                for mark, name in names.items():
                    if mark in words:
                        result[name] = int(stat.parent.name)
        return result

    def stop(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def healthy(address: str) -> bool:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            f"{address}/healthz", timeout=10
        ) as page:
            return bool(page.status == 200)
    except OSError:
        return False


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def begin(**surroundings: str) -> Running:
        started.append(Running(tmp_path / "data", **surroundings))
        return started[-1]

    yield begin
    for running in started:
        if running.process.poll() is None:
            running.process.kill()  # its children go with it
            running.process.wait()


linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@linux_only
@pytest.mark.timeout(900)
def test_its_whole_life(start: Callable[..., Running]) -> None:
    """One start for all of it, since a start costs seconds: ready, a death, a second one refused, the end, a second start."""
    running = start()
    address = running.wait_until_ready()
    assert "First log-in: admin, password: " in running.said
    kept = running.folder / "admin-password"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.read_text().split("\n")[0] in running.said
    wait_for(
        lambda: set(running.children()) == {"web", "worker", "beat", "broker"}, "all processes", lambda: running.said
    )

    for name in ("worker", "broker", "web", "beat"):
        before = running.children()[name]
        os.kill(before, signal.SIGKILL)
        wait_for(
            lambda n=name, b=before: running.children().get(n) not in (None, b), f"a new {name}", lambda: running.said
        )
    wait_for(lambda: healthy(address), "health after the restarts", lambda: running.said)
    assert "worker ended (signal SIGKILL)" in running.said

    settings = {"XQ_DATA_DIR": str(running.folder), "XQ_PORT": "0", "XQ_INSTALL_DOCKER": "0"}
    second = subprocess.run(
        [sys.executable, "-m", "xqplatform.run"],
        cwd=BASE,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "xqplatform.settings", **settings},
        capture_output=True,
        check=False,
        text=True,
        timeout=PATIENCE,
    )
    assert second.returncode == 1
    assert f"already runs on the data folder {running.folder} (process {running.process.pid})" in second.stderr

    processes = running.children()
    assert running.stop(signal.SIGINT) == 0
    assert [name for name, pid in processes.items() if not is_gone(pid)] == []

    again = start()
    again.wait_until_ready()
    assert "First log-in" not in again.said
    assert "admin-password" in again.said
    wait_for(lambda: len(again.children()) == 4, "all processes", lambda: again.said)
    processes = again.children()
    again.process.kill()
    again.process.wait()
    wait_for(lambda: all(is_gone(pid) for pid in processes.values()), "the children's end with a killed supervisor")


def test_a_taken_port_is_said_in_one_sentence(start: Callable[..., Running]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        running = start(XQ_PORT=str(port))
        assert running.process.wait(PATIENCE) == 1
    assert running.said.startswith(f"Port {port} on 127.0.0.1 is taken by another program")
    assert len(running.said.splitlines()) == 1


def test_a_wrong_setting_is_named(start: Callable[..., Running]) -> None:
    running = start(XQ_PORT="many")
    assert running.process.wait(PATIENCE) == 1
    assert running.said == "XQ_PORT must be a whole number, not «many».\n"
