"""Short-lived containers of the platform's own on a host, for what an engine's API does not tell.

Their image is made by the engine itself of this machine's static busybox, so no registry is needed. Inventories do not
list them (label `xq.helper`). Each is removed as soon as it has ended; its label says until when it may live, and what a
killed worker left behind longer than that is swept with the next inventory.
"""

from __future__ import annotations

import hashlib
import io
import logging
import secrets
import tarfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext as _

from hosts import busybox, labels
from hosts.engine import ContainerSpec, Engine, EngineError, Limits
from xqplatform.errors import Refused

log = logging.getLogger(__name__)
DOCKERFILE = 'FROM scratch\nCOPY busybox /bin/busybox\nENV PATH=/bin\nENTRYPOINT ["/bin/busybox"]\n'
SECONDS = 30.0  # that a command may take
GRACE = 120.0  # seconds after its time until a container counts as left behind
MEMORY = 64 << 20


class NoHelper(Exception):
    """No helper can run there; the text says why and what to do."""


@dataclass(frozen=True)
class Result:
    exit: int
    output: str  # both streams, in order


@lru_cache(maxsize=1)
def _program() -> bytes:
    return busybox.static_busybox()


def image_name(program: bytes) -> str:
    """Another busybox or another Dockerfile is another image."""
    return f"xq-helper:{hashlib.sha256(DOCKERFILE.encode() + program).hexdigest()[:12]}"


def ensure_image(engine: Engine) -> str:
    """The name of the helper's image, made on the engine unless it is there. Raises NoHelper, EngineError."""
    try:
        program = _program()
    except Refused as refusal:
        raise NoHelper(refusal.message) from refusal
    words = _("%(where)s is a machine of another kind (%(theirs)s) than the platform's (%(ours)s): no helper for it.")
    return built(engine, image_name(program), program, _context, words)


def built(engine: Engine, name: str, program: bytes, context: Callable[[bytes], bytes], elsewhere: str) -> str:
    """The image's name; the engine builds it of the program's `context` unless it is there. Raises NoHelper, EngineError.

    `elsewhere`: what is said of a machine on which the program cannot run.
    """
    if engine.has_image(name):
        return name
    build = getattr(engine, "build", None)
    if build is None:
        raise NoHelper(_("%(where)s is no Docker Engine: it takes no helpers.") % {"where": engine.where})
    machine = str(engine.info().get("Architecture") or "")
    if not busybox.fits(program, machine):
        values = {"where": engine.where, "theirs": machine, "ours": busybox.architecture(program)}
        raise NoHelper(elsewhere % values)
    mine = {labels.PLATFORM: labels.installation(), labels.HELPER: "image"}
    build(context(program), tags=[name], labels=mine)
    return name


def _context(program: bytes) -> bytes:
    return packed((("Dockerfile", DOCKERFILE.encode(), 0o644), ("busybox", program, 0o755)))


def packed(files: Iterable[tuple[str, bytes, int]], links: Mapping[str, str] | None = None) -> bytes:
    """A tar of files (name, content, mode) and symbolic links."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, target in (links or {}).items():
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            tar.addfile(link)
        for name, data, mode in files:
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(data), mode
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def run(
    engine: Engine,
    command: Iterable[str],
    binds: Iterable[str] = (),
    network: str = "none",
    timeout: float = SECONDS,
    *,
    among_processes: bool = False,
) -> Result:
    """Runs a busybox command (`("df", "/")`) on the host in a container that is removed afterwards, whatever happens.

    `among_processes`: it sees the host's processes and may enter their name spaces (`hosts.inside`).
    Kind `timeout` after so many seconds. Raises NoHelper, EngineError.
    """
    with said(engine, command, binds, network, timeout, among_processes=among_processes) as result:
        return result


@contextmanager
def said(
    engine: Engine,
    command: Iterable[str],
    binds: Iterable[str] = (),
    network: str = "none",
    timeout: float = SECONDS,
    *,
    among_processes: bool = False,
    begun: Callable[[], object] | None = None,
) -> Iterator[Result]:
    """The same for whoever cannot wait until the container is gone: it is removed when the block is left.

    `begun` is called as soon as the command runs.
    """
    spec = ContainerSpec(
        name=f"xq-helper-{secrets.token_hex(6)}",
        image=ensure_image(engine),
        command=tuple(command),
        labels={labels.PLATFORM: labels.installation(), labels.HELPER: str(int(time.time() + timeout + GRACE))},
        network=network,
        binds=tuple(binds),
        read_only=True,
        pid_mode="host" if among_processes else "",
        cap_add=("SYS_PTRACE", "SYS_ADMIN") if among_processes else (),
        # AppArmor's and SELinux's rules for containers forbid to look at the processes of others.
        security_opt=("apparmor=unconfined", "label=disable") if among_processes else (),
        limits=Limits(memory=MEMORY),
        restart_policy="no",
        log_driver="json-file",  # the engine's own default may be one that cannot be read
    )
    made = engine.create(spec)
    try:
        engine.start(made)
        if begun is not None:
            begun()
        code = engine.wait(made, timeout)
        with engine.logs(made) as lines:
            result = Result(code, "\n".join(line.text for line in lines))
        yield result
    finally:
        _remove(engine, made)


def sweep(engine: Engine, entries: Iterable[Mapping[str, Any]]) -> int:
    """Removes what killed workers left, of the containers that the engine listed; returns how many."""
    gone = 0
    for entry in entries:
        mine = entry.get("Labels") or {}
        until = str(mine.get(labels.HELPER, ""))
        if labels.is_ours(mine) and until.isdigit() and int(until) < time.time():
            gone += _remove(engine, str(entry["Id"]))
    return gone


def _remove(engine: Engine, container: str) -> bool:
    try:
        engine.remove(container, force=True)
    except EngineError as error:
        log.info("A helper on %s could not be removed, the next inventory tries again: %s", engine.where, error)
        return False
    return True
