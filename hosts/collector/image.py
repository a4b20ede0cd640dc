"""The collector's image: this machine's static busybox and the program, built by the engine itself, so that no registry is needed."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from django.utils.translation import gettext as _

from hosts import busybox, helper
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
    words = _(
        "%(where)s is a machine of another kind (%(theirs)s) than the platform's (%(ours)s): no collector for it."
    )
    return helper.built(engine, name, busybox_program(), context, words)


def context(program: bytes) -> bytes:
    files = (("Dockerfile", DOCKERFILE.encode(), 0o644), ("busybox", program, 0o755))
    return helper.packed((*files, *((name, data, 0o644) for name, data in program_files())), {"sh": "busybox"})
