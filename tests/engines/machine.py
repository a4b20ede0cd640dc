"""What a fleet does to this machine: processes, mounts, network namespaces, cgroups; and how it undoes it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

NETNS = Path("/run/netns")
CGROUPS = Path("/sys/fs/cgroup")
MNT_DETACH = 2


class FleetError(RuntimeError):
    """The fleet cannot stand; the message says in one sentence what to do."""


def run(*command: str | Path, check: bool = True) -> str:
    """Run a command, return what it printed. Raises FleetError with its words."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60, check=False)
    if check and done.returncode:
        raise FleetError(f"`{' '.join(map(str, command))}` failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def inside(namespace: str, *command: str | Path) -> tuple[str | Path, ...]:
    """The command, to be run in a network namespace (`ip netns exec` remounts /sys, nsenter does not)."""
    return ("nsenter", f"--net={NETNS / namespace}", *command)


def wait_for(what: str, condition: Callable[[], object], seconds: float = 60, log: Path | None = None) -> None:
    """Poll until the condition holds; the error quotes the end of the log."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            tail = "\n" + "\n".join(log.read_text(errors="replace").splitlines()[-15:]) if log and log.exists() else ""
            raise FleetError(f"{what}: not after {seconds:.0f} s{tail}")
        time.sleep(0.05)


def _stat(pid: int) -> tuple[str, str] | None:
    """State and start time of a process; the two survive an exec, and no other process has both pid and start."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return fields[0], fields[19]
    except (OSError, IndexError):
        return None


def alive(pid: int) -> bool:
    """Whether the process runs (one that only waits to be reaped does not)."""
    stat = _stat(pid)
    return stat is not None and stat[0] not in "ZX"


def spawn(command: Iterable[str | Path], log: Path, pidfile: Path) -> subprocess.Popen[bytes]:
    """Start a process of its own session; its pid stands in `pidfile` so that any process may end it."""
    with log.open("ab") as out:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd="/",
        )
    stat = _stat(process.pid)
    pidfile.write_text(f"{process.pid} {stat[1] if stat else ''}")
    return process


def pid_in(pidfile: Path) -> int | None:
    """The live process of a pid file that `spawn` wrote; a number that another process took over does not count."""
    try:
        number, started = pidfile.read_text().split()
    except (OSError, ValueError):
        return None
    stat = _stat(int(number))
    return int(number) if stat and stat[1] == started and stat[0] not in "ZX" else None


def end(pid: int | None, how: signal.Signals = signal.SIGKILL, seconds: float = 30) -> None:
    """End a process and wait until it is gone; one that ignores the signal is killed."""
    if pid is None:
        return
    for attempt in (how, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, attempt)
        until = time.monotonic() + seconds
        while alive(pid) and time.monotonic() < until:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            time.sleep(0.02)
        if not alive(pid):
            return


def processes_about(path: Path) -> list[int]:
    """Processes whose command line names something inside `path` (daemons, shims)."""
    needle, found = f"{path}/".encode(), []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with contextlib.suppress(OSError):
                if needle in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
    return found


def cgroup_folders(name: str) -> list[Path]:
    """The folders of a cgroup in every hierarchy, version 1 or 2."""
    roots = [CGROUPS, *(entry for entry in CGROUPS.iterdir() if entry.is_dir())] if CGROUPS.is_dir() else []
    return [root / name for root in roots if (root / name).is_dir()]


def end_cgroup(name: str) -> None:
    """Kill everything in a cgroup and remove it; what stays busy is left."""
    for attempt in range(100):
        folders = cgroup_folders(name)
        if not folders:
            return
        for folder in folders:
            for procs in folder.rglob("cgroup.procs"):
                with contextlib.suppress(OSError):
                    for pid in procs.read_text().split():
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(int(pid), signal.SIGKILL)
            inner = sorted((path for path in folder.rglob("*") if path.is_dir()), key=lambda path: -len(path.parts))
            for path in [*inner, folder]:
                with contextlib.suppress(OSError):
                    path.rmdir()
        time.sleep(0.02 if attempt < 10 else 0.1)


def unmount_below(path: Path) -> None:
    """Unmount everything inside a folder, the deepest first."""
    libc = ctypes.CDLL(None, use_errno=True)
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    for mount in sorted((m for m in mounts if m.startswith(f"{path}/")), key=len, reverse=True):
        libc.umount2(mount.replace("\\040", " ").encode(), MNT_DETACH)


def wipe(path: Path) -> None:
    """Remove a folder tree; a file that goes away meanwhile is no error."""
    for _ in range(20):
        unmount_below(path)
        shutil.rmtree(path, ignore_errors=True)
        if not path.exists():
            return
        time.sleep(0.1)


def drop_namespace(name: str) -> None:
    if (NETNS / name).exists():
        run("ip", "netns", "delete", name, check=False)
