"""Of the layers of a Docker image, the one tarball that LXD takes: metadata, and the root file system below `rootfs/`.

Layers as the OCI image specification has them: https://github.com/opencontainers/image-spec/blob/main/layer.md
"""

from __future__ import annotations

import io
import json
import lzma
import posixpath
import tarfile
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

WHITEOUT, OPAQUE = ".wh.", ".wh..wh..opq"
ARCHITECTURES = {
    "amd64": "x86_64",
    "arm64": "aarch64",
    "386": "i686",
    "arm": "armv7l",
    "ppc64le": "ppc64le",
    "s390x": "s390x",
}
INITS = ("sbin/init", "usr/sbin/init", "etc/init", "bin/init")
MOST_ENTRIES = 2_000_000
# What tarfile raises for bytes that are no tarball, or one made to be none.
UNREADABLE = (
    tarfile.TarError,
    EOFError,
    ValueError,
    KeyError,
    RecursionError,
    OverflowError,
    lzma.LZMAError,
    zlib.error,
)


class Unusable(Exception):
    """No image can be made of it; the text says why, for people."""


@dataclass(frozen=True)
class Layers:
    """An image as it was fetched: files of its layers, the lowest first, and its configuration."""

    files: Sequence[Path]
    config: Mapping[str, Any]


@dataclass
class Contents:
    """What layers have said: there already, deleted, whole folders made anew; where links lead, and whose second names there are."""

    there: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)
    opaque: set[str] = field(default_factory=set)
    links: dict[str, str] = field(default_factory=dict)
    seconds: set[str] = field(default_factory=set)

    def covers(self, path: str) -> bool:
        if path in self.there or path in self.hidden:
            return True
        parent = posixpath.dirname(path)
        while parent:
            if parent in self.hidden or parent in self.opaque:
                return True
            parent = posixpath.dirname(parent)
        return False


def clean_path(name: str) -> str:
    """A member's path without a slash before it; «» for the root itself. Raises Unusable for one that leads out of it. Pure."""
    path = posixpath.normpath("/" + name).lstrip("/")
    if ".." in name.split("/"):
        raise Unusable(_("The image has a file «%(name)s», which leads out of it.") % {"name": name[:120]})
    return "" if path == "." else path


def metadata(reference: str, config: Mapping[str, Any], architecture: str) -> bytes:
    """What LXD wants to know of an image. Raises Unusable for another machine's. Pure."""
    theirs = ARCHITECTURES.get(str(config.get("architecture") or ""), str(config.get("architecture") or ""))
    if theirs and theirs != architecture:
        words = _("The image is for another kind of machine: %(theirs)s, the host is %(ours)s.")
        raise Unusable(words % {"theirs": theirs, "ours": architecture})
    said = config.get("config") or {}
    properties = {
        "description": reference, "xq.reference": reference, "xq.env": json.dumps(list(said.get("Env") or [])),
        "xq.healthcheck": json.dumps(said.get("Healthcheck") or {}),
        **{f"label.{key}": str(value) for key, value in (said.get("Labels") or {}).items()},
    }  # fmt: skip
    return json.dumps({"architecture": architecture, "creation_date": 1, "properties": properties}).encode()


def write(layers: Layers, about: bytes, out: Path, most: int, check: Callable[[], None] = lambda: None) -> None:
    """Writes the tarball. `most`: bytes that the files together may have. Raises Unusable, whatever `check` raises, OSError."""
    with tarfile.open(out, "w", format=tarfile.PAX_FORMAT) as target:
        head = tarfile.TarInfo("metadata.yaml")
        head.size, head.mode = len(about), 0o644
        target.addfile(head, io.BytesIO(about))
        found = flatten(layers.files, target, most, check=check, prefix="rootfs/")
    if not any(path in found.there for path in INITS):
        words = _("The image has no /sbin/init: a system container is a small machine, and needs one.")
        raise Unusable(words)


def flatten(
    files: Sequence[Path],
    target: tarfile.TarFile,
    most: int,
    *,
    check: Callable[[], None] = lambda: None,
    prefix: str = "",
    inside: str = "",
    without: Collection[str] = (),
    entries: int = MOST_ENTRIES,
    opened: Callable[[Path], AbstractContextManager[tarfile.TarFile]] = tarfile.open,
) -> Contents:
    """Lays layers (the lowest first) upon one another into one tarball, below `prefix`; what was written.

    `inside`: the folder of the layers that counts («rootfs/»); `without`: paths that are left out. `most`, `entries`: bytes and files that they may have together.
    Raises Unusable, whatever `check` raises, OSError.
    """
    above, size, count = Contents(hidden=set(without)), 0, 0
    for file in reversed(files):
        mine = Contents()
        try:
            with opened(file) as source:
                for member in source:
                    check()
                    count += 1
                    size += member.size
                    if size > most or count > entries:
                        raise Unusable(_("The image unpacks to more than there is room for."))
                    _take(source, member, _Way(target, above, mine, prefix, inside))
        except UNREADABLE as error:
            raise Unusable(_("A layer of the image cannot be read: %(why)s") % {"why": error}) from error
        above.there |= mine.there
        above.hidden |= mine.hidden
        above.opaque |= mine.opaque
        above.links = mine.links | above.links
        above.seconds |= mine.seconds
    return above


@dataclass(frozen=True)
class _Way:
    """Where a layer's members go: the tarball and the folder in it, what layers above have said, what this one says."""

    target: tarfile.TarFile
    above: Contents
    mine: Contents
    prefix: str
    inside: str


def _take(source: tarfile.TarFile, member: tarfile.TarInfo, way: _Way) -> None:
    above, mine = way.above, way.mine
    path = clean_path(member.name)
    if way.inside:
        if not path.startswith(way.inside):
            return
        path = path.removeprefix(way.inside)
    folder, name = posixpath.split(path)
    if name == OPAQUE:
        mine.opaque.add(folder)
        return
    if name.startswith(WHITEOUT):
        mine.hidden.add(posixpath.join(folder, name.removeprefix(WHITEOUT)))
        return
    # Devices are the runtime's own: an unprivileged container may make none.
    if not path or above.covers(path) or member.ischr() or member.isblk():
        return
    data = None
    if member.islnk():
        linked = clean_path(member.linkname).removeprefix(way.inside)
        if above.covers(linked):
            # What it is a second name of is another file by now: it becomes a file of its own.
            data = source.extractfile(member)
            member.type, member.size = tarfile.REGTYPE, source.getmember(member.linkname).size
        else:
            member.linkname = f"{way.prefix}{linked}"
            mine.seconds.add(linked)
    elif member.isreg():
        data = source.extractfile(member)
        member.type = tarfile.REGTYPE  # one with holes is written whole
    elif member.issym():
        mine.links[path] = member.linkname
    member.name = f"{way.prefix}{path}"
    member.pax_headers = {
        key: value
        for key, value in member.pax_headers.items()
        if key not in {"path", "linkpath", "size"} and not key.startswith("GNU.sparse")
    }
    way.target.addfile(member, data)
    mine.there.add(path)
