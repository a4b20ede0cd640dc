"""The machine's own Docker Engine: found, or installed and started where that is allowed. A running one is never changed."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from xqplatform import env
from xqplatform.run import ask
from xqplatform.run.words import say

STANDARD = "/var/run/docker.sock"
POLICY = Path("/usr/sbin/policy-rc.d")
WITHOUT = "The platform starts without a local engine; connect hosts on the page «Hosts»."


def ping(path: str) -> None:
    """Asks the engine at a socket whether it is there. Raises OSError when not."""
    if ask.status(path, "/_ping") != 200:
        raise ConnectionError("the engine is not ready")


def socket_path() -> str:
    """Where the local engine listens: `DOCKER_HOST` may name another socket."""
    named = os.environ.get("DOCKER_HOST", "")
    return named.removeprefix("unix://") if named.startswith("unix://") else STANDARD


def answers() -> bool:
    """Whether the local engine answers this user."""
    try:
        ping(socket_path())
    except OSError:
        return False
    return True


def daemon() -> str | None:
    """The engine's program."""
    return shutil.which("dockerd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def make_available() -> tuple[list[str], str]:
    """Sees to a local engine. Returns the command of one to run as a child (empty: none needed or none possible) and a
    sentence for the terminal (empty: nothing to say)."""
    try:
        ping(socket_path())
        return [], ""
    except PermissionError:
        return [], (
            f"The Docker Engine of this machine does not let this user in: add the user to the group «docker» and log "
            f"in again. {WITHOUT}"
        )
    except OSError:
        pass
    if not env.flag("XQ_INSTALL_DOCKER", default=True) or socket_path() != STANDARD:
        return [], ""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return (
            [],
            f"No Docker Engine answers on this machine: install or start one (Debian: apt-get install docker.io). {WITHOUT}",
        )
    if daemon_runs():
        return (
            [],
            f"A Docker daemon runs on this machine but does not answer at {socket_path()}: see its log. {WITHOUT}",
        )
    if daemon() is None and (sentence := install()):
        return [], sentence
    return start()


def daemon_runs() -> bool:
    """Whether a daemon with the standard pid file lives: then it is somebody's, and left alone."""
    try:
        pid = int(Path("/var/run/docker.pid").read_text())
        return b"dockerd" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return False


def install() -> str:
    """Installs Debian's engine; a sentence when that is not possible."""
    if shutil.which("apt-get") is None:
        return f"No Docker Engine is installed, and this system has no apt-get: install one by hand. {WITHOUT}"
    say("Installing a Docker Engine (docker.io; XQ_INSTALL_DOCKER=0 prevents it) …")
    surroundings = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    packages = ["docker.io", "busybox-static", "iptables", "iproute2"]
    commands = [["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]]
    commands = [*commands, ["apt-get", "update", "-q"], *commands]  # the package lists may be old or empty
    with without_service_start():
        for command in commands:
            with contextlib.suppress(subprocess.TimeoutExpired):
                done = subprocess.run(command, env=surroundings, capture_output=True, timeout=600, check=False)
                if command[1] == "install" and done.returncode == 0:
                    return ""
    return f"Installing docker.io failed: run «apt-get install docker.io» by hand and start again. {WITHOUT}"


@contextlib.contextmanager
def without_service_start() -> Iterator[None]:
    """Where no systemd runs, the package must not try to start its service."""
    if Path("/run/systemd/system").exists() or POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)


def start() -> tuple[list[str], str]:
    """By systemd where it runs; else the command of a child. Containers outlive it (`--live-restore`)."""
    if Path("/run/systemd/system").exists():
        done = subprocess.run(["systemctl", "start", "docker"], capture_output=True, timeout=90, check=False)
        if done.returncode == 0:
            return [], ""
        return [], f"«systemctl start docker» failed: see «journalctl -u docker». {WITHOUT}"
    program = daemon()
    if program is None:
        return [], f"The Docker Engine was installed, but dockerd is not there. {WITHOUT}"
    options = [] if Path("/etc/docker/daemon.json").exists() else ["--live-restore"]
    return [program, *options], ""
