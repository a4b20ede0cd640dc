"""What kind of upload it is, and what of it makes an image: a root file system, an LXD image, what `docker save` wrote."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

import yaml
from django.utils.translation import gettext as _

from builds.imports import packed
from builds.imports.machines import image_name
from hosts.lxd.roots import UNREADABLE, Unusable, clean_path

Kind = Literal["root", "unified", "docker", "oci"]
Check = Callable[[], None]
MOST_TEXT = 4 << 20  # bytes of a manifest or configuration
MOST_ENTRIES = 500_000
TOP = {"etc", "usr", "bin", "sbin", "lib"}  # of which a root file system has some


@dataclass(frozen=True)
class Source:
    """What an image is made of: tarballs of files, the lowest first; the folder in them that counts; its configuration."""

    kind: Kind
    files: tuple[Path, ...]
    inside: str = ""
    architecture: str = ""  # as it is said there; empty: not said
    config: Mapping[str, Any] = field(default_factory=dict)  # Env, Entrypoint, Cmd, Healthcheck, Labels …
    without: tuple[str, ...] = ()  # paths that do not get into the image


def read(upload: Path, folder: Path, budget: packed.Budget, check: Check) -> Source:
    """Looks into an upload; unpacked files go into `folder`. Raises Unusable, OSError, whatever `check` raises."""
    plain = folder / "plain.tar"
    with upload.open("rb") as file:
        packed.unpack(file, plain, budget, check)
    try:
        with packed.opened(plain) as tar:
            archive = _Archive(tar, folder, budget, check)
            if "manifest.json" in archive.members:
                return archive.docker()
            if "oci-layout" in archive.members and "index.json" in archive.members:
                return archive.oci()
            if "metadata.yaml" in archive.members:
                return archive.lxd(plain)
    except UNREADABLE as error:
        raise Unusable(_("This is no tarball, or a damaged one: %(why)s") % {"why": str(error)[:200]}) from error
    tops = {name.partition("/")[0] for name in archive.members} - {""}
    if not TOP & tops:
        words = _(
            "This is no root file system (no /etc, /usr, /bin), no LXD image and no docker save: there is «%(seen)s»."
        )
        raise Unusable(words % {"seen": ", ".join(sorted(tops)[:5])[:200]})
    return Source("root", (plain,))


class _Archive:
    """An unpacked tarball and what is in it, by name. Methods raise Unusable, and what tarfile raises."""

    def __init__(self, tar: tarfile.TarFile, folder: Path, budget: packed.Budget, check: Check) -> None:
        self.tar, self.folder, self.budget, self.check = tar, folder, budget, check
        self.members: dict[str, tarfile.TarInfo] = {}
        for number, member in enumerate(tar):
            check()
            if number >= MOST_ENTRIES:
                raise Unusable(_("It has more than %(most)d files.") % {"most": MOST_ENTRIES})
            self.members[clean_path(member.name)] = member
        if not self.members:
            raise Unusable(_("It is empty."))

    def file(self, name: str) -> IO[bytes]:
        """A file by its name; links to other files (as older engines wrote them) are followed by tarfile."""
        member = self.members.get(clean_path(name))
        file = self.tar.extractfile(member) if member is not None else None
        if file is None:
            raise Unusable(_("It lacks a file that its manifest names: «%(name)s».") % {"name": name[:120]})
        return file

    def text(self, name: str) -> bytes:
        with self.file(name) as file:
            data = file.read(MOST_TEXT + 1)
        if len(data) > MOST_TEXT:
            raise Unusable(_("«%(name)s» is larger than any manifest.") % {"name": name[:120]})
        return data

    def lxd(self, plain: Path) -> Source:
        if not any(name.startswith("rootfs/") for name in self.members):
            words = _("This is the metadata half of a split LXD image: upload the other half, the root file system.")
            raise Unusable(words)
        try:
            about = yaml.safe_load(self.text("metadata.yaml"))
        except (yaml.YAMLError, RecursionError) as error:
            raise Unusable(_("Its metadata.yaml cannot be read.")) from error
        if not isinstance(about, dict):
            raise Unusable(_("Its metadata.yaml cannot be read."))
        return Source("unified", (plain,), "rootfs/", image_name(str(about.get("architecture") or "")[:20]))

    def docker(self) -> Source:
        images = _parsed(self.text("manifest.json"), list)
        if len(images) != 1:
            words = _("There are %(n)d images in it: save the one that is meant (docker save NAME).")
            raise Unusable(words % {"n": len(images)})
        try:
            config, names = str(images[0]["Config"]), [str(name) for name in images[0]["Layers"]]
        except (KeyError, TypeError) as error:
            raise Unusable(_("Its manifest cannot be read.")) from error
        return self.layers("docker", self.text(config), names)

    def oci(self) -> Source:
        try:
            entries = _parsed(self.text("index.json"), dict)["manifests"]
            if len(entries) != 1:
                raise Unusable(_("There are %(n)d images in it: save the one that is meant.") % {"n": len(entries)})
            manifest = _parsed(self.text(_blob(entries[0])), dict)
            if "manifests" in manifest:
                raise Unusable(_("It is an image for several machines: save the one that is meant (--platform)."))
            config, names = self.text(_blob(manifest["config"])), [_blob(one) for one in manifest["layers"]]
        except (KeyError, TypeError, AttributeError) as error:
            raise Unusable(_("Its manifest cannot be read.")) from error
        return self.layers("oci", config, names)

    def layers(self, kind: Kind, config: bytes, names: list[str]) -> Source:
        about = _parsed(config, dict)
        root, said = about.get("rootfs"), about.get("config")
        diffs = root.get("diff_ids") if isinstance(root, dict) else None
        if not names or not isinstance(diffs, list) or len(diffs) != len(names):
            raise Unusable(_("Its manifest cannot be read."))
        files = []
        for number, (name, diff) in enumerate(zip(names, diffs, strict=True)):
            path = self.folder / f"layer-{number}.tar"
            with self.file(name) as file:
                packed.unpack(file, path, self.budget, self.check)
            with path.open("rb") as file:
                if diff != f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}":
                    words = _("Its layer %(n)d does not match its digest in the image.")
                    raise Unusable(words % {"n": number + 1})
            files.append(path)
        architecture = image_name(str(about.get("architecture") or "")[:20])
        return Source(kind, tuple(files), "", architecture, said if isinstance(said, dict) else {})


def _blob(entry: Any) -> str:
    return "blobs/" + str(entry["digest"]).replace(":", "/", 1)


def _parsed(data: bytes, kind: type[Any]) -> Any:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Unusable(_("Its manifest cannot be read.")) from error
    if not isinstance(found, kind):
        raise Unusable(_("Its manifest cannot be read."))
    return found
