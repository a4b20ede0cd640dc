"""One layer of what was read, checked: nothing leads out of it, it starts, and on machines that there are."""

from __future__ import annotations

import gzip
import hashlib
import json
import posixpath
import tarfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from builds.imports import packed
from builds.imports.archives import MOST_ENTRIES, Source
from builds.imports.machines import HEAD, PROGRAMS, machine_of, resolved
from hosts.lxd.roots import INITS, Contents, Unusable, flatten

Check = Callable[[], None]
KEPT = (
    "Env",
    "Entrypoint",
    "Cmd",
    "Healthcheck",
    "Labels",
    "WorkingDir",
    "User",
    "StopSignal",
    "ExposedPorts",
    "Volumes",
)


@dataclass(frozen=True)
class Made:
    """A layer that lies in a file, packed, and what is known of it."""

    digest: str
    diff: str
    size: int  # bytes, packed
    unpacked: int  # bytes
    files: int
    architecture: str
    init: bool
    config: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def make(source: Source, folder: Path, most: int, check: Check, *, ours: Collection[str]) -> Made:
    """Writes `layer.tar.gz` into the folder. `ours`: the machines that there are. Raises Unusable, OSError, whatever `check` raises."""
    plain = folder / "layer.tar"
    with tarfile.open(plain, "w", format=tarfile.PAX_FORMAT) as target:
        found = flatten(
            source.files, target, most, check=check, inside=source.inside, without=source.without, entries=MOST_ENTRIES,
            opened=packed.opened,
        )  # fmt: skip
    confined(found)
    init = any(resolved(path, found.links, found.there) for path in INITS)
    config = configuration(source.config, init=init)
    if not init and not config.get("Entrypoint") and not config.get("Cmd"):
        words = _("Nothing in it could be started: it has no /sbin/init, and names no command.")
        raise Unusable(words)
    architecture = fitting(source.architecture, _machine(plain, found), ours)
    for path in source.files:
        path.unlink(missing_ok=True)
    digest, diff, size = pack(plain, folder / "layer.tar.gz", check)
    unpacked = plain.stat().st_size
    plain.unlink()
    return Made(digest, diff, size, unpacked, len(found.there), architecture, init, config)


def confined(found: Contents) -> None:
    """Raises Unusable for files below a link, and for second names of what is not there. Pure."""
    for path in found.there:
        above = posixpath.dirname(path)
        while above:
            if above in found.links:
                words = _("There is a file «%(name)s» below a link, which may lead out of the image.")
                raise Unusable(words % {"name": path[:120]})
            above = posixpath.dirname(above)
    for path in found.seconds:
        if path not in found.there:
            words = _("There is a hard link to «%(name)s», which is not in the image.")
            raise Unusable(words % {"name": path[:120]})


def fitting(said: str, found: str, ours: Collection[str]) -> str:
    """The architecture. Raises Unusable where what is said is not what is found, or no machine is of it. Pure."""
    if said and found and said != found:
        words = _("It says that it is for %(said)s, and its programs are for %(found)s.")
        raise Unusable(words % {"said": said, "found": found})
    architecture = found or said
    if not architecture:
        raise Unusable(_("It is not known for which machines it is: it has no program at the usual places."))
    if architecture not in ours:
        words = _("It is for another kind of machine: %(theirs)s, the hosts are %(ours)s.")
        raise Unusable(words % {"theirs": architecture, "ours": ", ".join(sorted(ours))})
    return architecture


def configuration(said: Mapping[str, Any], *, init: bool) -> dict[str, Any]:
    """What engines are told of the image: what it said itself, or that its init is to be started. Pure."""
    config = {key: said[key] for key in KEPT if said.get(key)}
    if init and not config.get("Entrypoint") and not config.get("Cmd"):
        config["Entrypoint"] = ["/sbin/init"]
    return config


def image_config(made: Made, created: str, words: str) -> bytes:
    """The configuration as the registry keeps it: https://github.com/opencontainers/image-spec/blob/main/config.md. Pure."""
    return json.dumps({
        "architecture": made.architecture, "os": "linux", "created": created, "config": dict(made.config),
        "rootfs": {"type": "layers", "diff_ids": [made.diff]}, "history": [{"created": created, "created_by": words}],
    }, sort_keys=True).encode()  # fmt: skip


def pack(plain: Path, out: Path, check: Check) -> tuple[str, str, int]:
    """Packs a file, the same bytes each time: digest of what was written, digest of what is in it, size."""
    inner, outer = hashlib.sha256(), hashlib.sha256()
    with plain.open("rb") as source, out.open("w+b") as target:
        with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=target, mtime=0) as zipped:
            while piece := source.read(packed.PIECE):
                check()
                inner.update(piece)
                zipped.write(piece)
        size = target.tell()
        target.seek(0)
        while piece := target.read(packed.PIECE):
            outer.update(piece)
    return f"sha256:{outer.hexdigest()}", f"sha256:{inner.hexdigest()}", size


def _machine(plain: Path, found: Contents) -> str:
    with tarfile.open(plain, "r:") as tar:
        for path in PROGRAMS:
            real = resolved(path, found.links, found.there)
            file = tar.extractfile(real) if real else None
            if file is not None and (machine := machine_of(file.read(HEAD))):
                return machine
    return ""
