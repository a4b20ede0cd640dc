"""Uploads for tests: small roots, LXD images, what `docker save` writes; programs are heads of ELF files."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import tarfile
from collections.abc import Mapping
from typing import Any

X86, ARM = 62, 183
Content = bytes | str | tuple[str, str]  # a file's bytes; where a link leads; ("hard" | "char" | "dir" | "fifo", to)


def elf(machine: int = X86) -> bytes:
    return b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 2, machine) + bytes(44)


TINY: dict[str, Content] = {
    "etc/passwd": b"root:x:0:0::/root:/bin/sh\n", "bin/busybox": elf(), "bin/sh": "busybox", "sbin/init": "../bin/busybox"
}  # fmt: skip


def tar(entries: Mapping[str, Content], mode: str = "w", **options: Any) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode, **options) as made:  # type: ignore[call-overload]
        for name, content in entries.items():
            one = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                one.size, one.mode = len(content), 0o755
                made.addfile(one, io.BytesIO(content))
                continue
            kind, one.linkname = content if isinstance(content, tuple) else ("link", content)
            one.type = {
                "link": tarfile.SYMTYPE, "hard": tarfile.LNKTYPE, "char": tarfile.CHRTYPE, "dir": tarfile.DIRTYPE,
                "fifo": tarfile.FIFOTYPE,
            }[kind]  # fmt: skip
            made.addfile(one)
    return buffer.getvalue()


def lxd(entries: Mapping[str, Content], architecture: str = "x86_64") -> bytes:
    about = f"architecture: {architecture}\ncreation_date: 1\nproperties:\n  os: tiny\n".encode()
    return tar({"metadata.yaml": about, **{f"rootfs/{name}": content for name, content in _inside(entries).items()}})


def _inside(entries: Mapping[str, Content]) -> dict[str, Content]:
    return {name: ("hard", f"rootfs/{one[1]}") if isinstance(one, tuple) and one[0] == "hard" else one
            for name, one in entries.items()}  # fmt: skip


def docker(*layers: bytes, oci: bool = False, **config: Any) -> bytes:
    """What `docker save` (or skopeo, with `oci`) writes of an image of these layers."""
    about = json.dumps({
        "architecture": "amd64", "os": "linux", "config": config,
        "rootfs": {"type": "layers", "diff_ids": [digest(one) for one in layers]},
    }).encode()  # fmt: skip
    if not oci:
        names = {f"{number}/layer.tar": one for number, one in enumerate(layers)}
        manifest = [{"Config": "config.json", "RepoTags": ["a:b"], "Layers": list(names)}]
        return tar({**names, "config.json": about, "manifest.json": json.dumps(manifest).encode()})
    blobs = {digest(one): one for one in (about, *layers)}
    entry = {"layers": [{"digest": digest(one)} for one in layers], "config": {"digest": digest(about)}}
    manifest_text = json.dumps(entry).encode()
    blobs[digest(manifest_text)] = manifest_text
    index = {"manifests": [{"digest": digest(manifest_text)}]}
    files: dict[str, Content] = {"blobs/" + key.replace(":", "/"): one for key, one in blobs.items()}
    return tar({**files, "index.json": json.dumps(index).encode(), "oci-layout": b"{}"})


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
