"""One watched process: started, restarted with growing pauses when it dies, stopped for good."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

PR_SET_PDEATHSIG = 1
LONGEST_PAUSE = 30.0  # seconds between two starts of a process that keeps dying
CALM = 60.0  # seconds after which a process counts as healthy again
LOG_LIMIT = 20 * 1024 * 1024  # bytes of a log file before it is turned over


def die_with_parent() -> Callable[[], None] | None:
    """For `preexec_fn`: the kernel kills the child when this process goes, however it goes. None where it cannot (macOS).

    SIGKILL, not TERM: whatever comes next may start at once, and every process of the platform may die at any moment.
    """
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def prepare() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it went between fork and prctl
            os._exit(1)

    return prepare


@dataclass
class Child:
    """A process that should be there."""

    name: str
    command: list[str]
    log: Path
    surroundings: Mapping[str, str] = field(default_factory=dict)
    pass_fds: tuple[int, ...] = ()
    patience: float = 10.0  # seconds from TERM to KILL
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = 0  # in a row, without a calm time between
    next_start: float = 0.0
    last_exit: int | None = None

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._turn_log_over()
        with open(self.log, "ab") as output:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **self.surroundings},
                pass_fds=self.pass_fds,
                start_new_session=True,  # Ctrl-C reaches the supervisor only, which stops all in order
                preexec_fn=die_with_parent(),  # noqa: PLW1509  # the supervisor has one thread
            )
        self.started = time.monotonic()

    def tend(self) -> str | None:
        """Notices a death, starts again when it is time; returns a sentence when something happened."""
        now = time.monotonic()
        if self.process is None:
            if now < self.next_start:
                return None
            self.start()
            return f"{self.name} started again."
        code = self.process.poll()
        if code is None:
            self._turn_log_over()
            return None
        self.deaths = 1 if now - self.started > CALM else self.deaths + 1
        pause = min(0.5 * 2 ** (self.deaths - 1), LONGEST_PAUSE)
        self.process, self.last_exit, self.next_start = None, code, now + pause
        return f"{self.name} ended ({how(code)}); starting it again in {pause:g} s. Its log: {self.log}"

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def ask_to_stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.terminate()

    def end(self, deadline: float) -> None:
        """Waits until the deadline (monotonic seconds), then kills the process and its group."""
        if self.process is None:
            return
        try:
            self.process.wait(max(0.05, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process = None

    def last_words(self, lines: int = 8) -> str:
        """The end of its log, to show why it does not come up."""
        try:
            with open(self.log, "rb") as file:
                file.seek(max(0, self.log.stat().st_size - 8192))
                return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

    def _turn_log_over(self) -> None:
        """Keeps one older file. The log is copied and cut, since the process holds it open for appending."""
        with contextlib.suppress(OSError):
            if self.log.stat().st_size > LOG_LIMIT:
                self.log.with_suffix(".log.1").write_bytes(self.log.read_bytes())
                os.truncate(self.log, 0)


def stop_all(children: list[Child]) -> None:
    """TERM to all, then each is given its patience."""
    now = time.monotonic()
    for child in children:
        child.ask_to_stop()
    for child in children:
        child.end(now + child.patience)


def how(code: int) -> str:
    """An exit code in words."""
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"
