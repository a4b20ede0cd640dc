"""Of the layers of a Docker image, the one tarball that LXD takes: metadata, and the root file system below `rootfs/`.

Layers as the OCI image specification has them: https://github.com/opencontainers/image-spec/blob/main/layer.md
"""

from __future__ import annotations

import io
import json
import posixpath
import tarfile
from collections.abc import Callable, Mapping, Sequence
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


class Unusable(Exception):
    """No image can be made of it; the text says why, for people."""


@dataclass(frozen=True)
class Layers:
    """An image as it was fetched: files of its layers, the lowest first, and its configuration."""

    files: Sequence[Path]
    config: Mapping[str, Any]


@dataclass
class _Above:
    """What upper layers have said: there already, deleted, whole folders made anew."""

    there: set[str] = field(default_factory=set)
    hidden: set[str] = field(default_factory=set)
    opaque: set[str] = field(default_factory=set)

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
    above, size, entries, init = _Above(), 0, 0, False
    with tarfile.open(out, "w", format=tarfile.PAX_FORMAT) as target:
        head = tarfile.TarInfo("metadata.yaml")
        head.size, head.mode = len(about), 0o644
        target.addfile(head, io.BytesIO(about))
        for file in reversed(layers.files):
            mine = _Above()
            try:
                with tarfile.open(file, "r:*") as source:
                    for member in source:
                        check()
                        entries += 1
                        size += member.size
                        if size > most or entries > MOST_ENTRIES:
                            raise Unusable(_("The image unpacks to more than the storage pool has room for."))
                        _take(source, member, target, above, mine)
            except (tarfile.TarError, EOFError) as error:
                raise Unusable(_("A layer of the image cannot be read: %(why)s") % {"why": error}) from error
            above.there |= mine.there
            above.hidden |= mine.hidden
            above.opaque |= mine.opaque
        init = any(path in above.there for path in INITS)
    if not init:
        words = _("The image has no /sbin/init: a system container is a small machine, and needs one.")
        raise Unusable(words)


def _take(
    source: tarfile.TarFile, member: tarfile.TarInfo, target: tarfile.TarFile, above: _Above, mine: _Above
) -> None:
    path = clean_path(member.name)
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
        linked = clean_path(member.linkname)
        if above.covers(linked):
            # What it is a second name of is another file by now: it becomes a file of its own.
            data = source.extractfile(member)
            member.type, member.size = tarfile.REGTYPE, source.getmember(member.linkname).size
        else:
            member.linkname = f"rootfs/{linked}"
    elif member.isreg():
        data = source.extractfile(member)
    member.name = f"rootfs/{path}"
    member.pax_headers = {
        key: value for key, value in member.pax_headers.items() if key not in {"path", "linkpath", "size"}
    }
    target.addfile(member, data)
    mine.there.add(path)
