"""Images for tests, made without any registry: nothing but the machine's static busybox."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# fmt: off
# (The wget of the static busybox crashes when it is given -T.)
APPLETS = [
    "sh", "ash", "httpd", "wget", "sleep", "cat", "echo", "ip", "ping", "nslookup", "ls", "ps", "kill",
    "touch", "rm", "mkdir", "grep", "awk", "sed", "tail", "head", "date", "hostname", "nc", "id", "env", "df",
    "dd", "true", "false", "test", "printf", "seq", "wc", "stat", "free", "mount", "ifconfig", "route",
    "arping", "telnet", "usleep", "yes", "top", "tr", "du",
]
# fmt: on


def context(dockerfile: str, files: Mapping[str, str] | None = None) -> bytes:
    """A build context as tar: `root/` holds busybox and its links, beside it the Dockerfile and more files."""
    busybox = shutil.which("busybox")
    if busybox is None:
        raise RuntimeError("The test images need busybox: apt-get install -y busybox-static.")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:

        def add(name: str, data: bytes, mode: int = 0o644) -> None:
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), mode
            tar.addfile(info, io.BytesIO(data))

        add("Dockerfile", dockerfile.encode())
        add("root/bin/busybox", Path(busybox).read_bytes(), 0o755)
        for applet in APPLETS:
            link = tarfile.TarInfo(f"root/bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        for folder in ("tmp", "proc", "sys", "dev", "etc", "persist"):
            info = tarfile.TarInfo(f"root/{folder}")
            info.type, info.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            tar.addfile(info)
        add("root/etc/passwd", b"root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n")
        for name, text in (files or {}).items():
            add(name, text.encode())
    return buffer.getvalue()


def tiny_dockerfile(
    text: str = "ok",
    *,
    command: Sequence[str] | None = None,
    healthcheck: bool = True,
    health_command: str = "wget -q -O - http://127.0.0.1/",
    interval: int = 1,
    stop_signal: str = "SIGKILL",
    labels: Mapping[str, str] | None = None,
    extra: str = "",
) -> str:
    """A Dockerfile from scratch: an HTTP server on port 80 that answers `text`, unless `command` says otherwise; `interval` of
    its health check in seconds.

    busybox as PID 1 ignores SIGTERM: `stop_signal="SIGTERM"` makes a container that uses up its whole stop timeout.
    """
    lines = ["FROM scratch", "COPY root/ /", f"COPY index.html /www/index.html\n# {text}", "ENV PATH=/bin"]
    if healthcheck:
        options = f"--interval={interval}s --timeout=5s --start-period=1s --retries=3"
        lines.append(f"HEALTHCHECK {options} CMD {health_command}")
    else:
        lines.append("HEALTHCHECK NONE")
    lines += [f"LABEL {json.dumps(key)}={json.dumps(value)}" for key, value in (labels or {}).items()]
    lines += [f"STOPSIGNAL {stop_signal}", extra]
    default = ["/bin/httpd", "-f", "-v", "-p", "80", "-h", "/www"]
    lines.append(f"CMD {json.dumps(list(command) if command is not None else default)}")
    return "\n".join(line for line in lines if line) + "\n"


def tiny_image(engine: Any, tag: str, text: str = "ok", **options: Any) -> str:
    """Build `tiny_dockerfile(text, **options)` on an engine (docker-py client) as `tag`; returns the image's id."""
    client = getattr(engine, "api", engine)
    data = context(tiny_dockerfile(text, **options), {"index.html": f"{text}\n"})
    for line in client.build(
        fileobj=io.BytesIO(data), custom_context=True, tag=tag, rm=True, forcerm=True, decode=True
    ):
        if "error" in line:
            raise RuntimeError(f"building {tag}: {line['error']}")
    return str(client.inspect_image(tag)["Id"])


def rootfs_image(engine: Any, tag: str, dockerfile: str, files: Mapping[str, Any]) -> str:
    """Build `dockerfile` with a root file system (path → `builds.rootfs.File`) as `rootfs/`; returns the image's id."""
    client = getattr(engine, "api", engine)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data, mode, link in [
            ("Dockerfile", dockerfile.encode(), 0o644, ""),
            *((f"rootfs{path}", file.data, file.mode, file.link) for path, file in files.items()),
        ]:
            info = tarfile.TarInfo(name)
            info.mode, info.size, info.linkname = mode, 0 if link else len(data), link
            info.type = tarfile.SYMTYPE if link else tarfile.REGTYPE
            tar.addfile(info, io.BytesIO(data))
    buffer.seek(0)
    for line in client.build(fileobj=buffer, custom_context=True, tag=tag, rm=True, forcerm=True, decode=True):
        if "error" in line:
            raise RuntimeError(f"building {tag}: {line['error']}")
    return str(client.inspect_image(tag)["Id"])
