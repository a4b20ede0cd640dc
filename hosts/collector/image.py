"""The collector's image: this machine's static busybox and the program, built by the engine itself, so that no registry is needed."""

from __future__ import annotations

import hashlib
import io
import tarfile
from functools import lru_cache
from pathlib import Path

from django.utils.translation import gettext as _

from hosts import busybox, labels
from hosts.engine import Engine
from hosts.helper import NoHelper
from xqplatform.errors import Refused

FOLDER = Path(__file__).parent / "program"
FILES = ("collect.sh", "collect.awk")
# Whoever reads the kernel's files needs no right: nobody, without any capability. (awk starts programs by /bin/sh.)
DOCKERFILE = """FROM scratch
COPY busybox sh collect.sh collect.awk /bin/
ENV PATH=/bin
USER 65534:65534
STOPSIGNAL SIGKILL
HEALTHCHECK NONE
ENTRYPOINT ["/bin/busybox", "sh", "/bin/collect.sh"]
"""


@lru_cache(maxsize=1)
def busybox_program() -> bytes:
    return busybox.static_busybox()


@lru_cache(maxsize=1)
def program_files() -> tuple[tuple[str, bytes], ...]:
    return tuple((name, (FOLDER / name).read_bytes()) for name in FILES)


def digest(*parts: bytes) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(len(part).to_bytes(8, "big") + part)
    return found.hexdigest()[:12]


def version(program: bytes) -> str:
    """Another busybox, program or Dockerfile is another version."""
    return digest(DOCKERFILE.encode(), program, *(data for _name, data in program_files()))


def name_of(wanted: str) -> str:
    return f"xq-collector:{wanted}"


def wanted_version() -> str:
    """The version that shall run everywhere. Raises NoHelper where this machine has no static busybox."""
    try:
        return version(busybox_program())
    except Refused as refusal:
        raise NoHelper(refusal.message) from refusal


def ensure(engine: Engine) -> str:
    """The image's name, made on the engine unless it is there. Raises NoHelper, EngineError."""
    name = name_of(wanted_version())
    if engine.has_image(name):
        return name
    program = busybox_program()
    machine = str(engine.info().get("Architecture") or "")
    if not busybox.fits(program, machine):
        words = _(
            "%(where)s is a machine of another kind (%(theirs)s) than the platform's (%(ours)s): no collector for it."
        )
        values = {"where": engine.where, "theirs": machine, "ours": busybox.architecture(program)}
        raise NoHelper(words % values)
    mine = {labels.PLATFORM: labels.installation(), labels.HELPER: "image"}
    engine.build(context(program), tags=[name], labels=mine)
    return name


def context(program: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        link = tarfile.TarInfo("sh")
        link.type, link.linkname = tarfile.SYMTYPE, "busybox"
        tar.addfile(link)
        files = (("Dockerfile", DOCKERFILE.encode(), 0o644), ("busybox", program, 0o755))
        for name, data, mode in (*files, *((name, data, 0o644) for name, data in program_files())):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), mode
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()
