"""Which machine programs are for, by the head of an ELF file. Pure.

https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Mapping

from hosts.lxd.roots import ARCHITECTURES, INITS

HEAD = 20  # bytes that say it
MACHINES = {62: "amd64", 183: "arm64", 3: "386", 40: "arm", 21: "ppc64le", 22: "s390x", 243: "riscv64"}
# Where a program of the machine's own is found when the init is a script.
PROGRAMS = (
    *INITS,
    "bin/busybox",
    "bin/sh",
    "usr/bin/sh",
    "bin/bash",
    "usr/bin/bash",
    "usr/bin/env",
    "bin/ls",
    "usr/bin/ls",
)
MOST_STEPS = 40  # links after one another


def machine_of(head: bytes) -> str:
    """The architecture as images name it («amd64»); «?» for one without a name here; empty: no ELF file."""
    if len(head) < HEAD or head[:4] != b"\x7fELF" or head[5] not in {1, 2}:
        return ""
    return MACHINES.get(int.from_bytes(head[18:20], "little" if head[5] == 1 else "big"), "?")


def image_name(theirs: str) -> str:
    """An architecture as images name it, however it was called («x86_64»)."""
    return next((ours for ours, name in ARCHITECTURES.items() if theirs in {ours, name}), theirs)


def resolved(path: str, links: Mapping[str, str], there: Collection[str]) -> str | None:
    """The path of the file that a path leads to inside of a root; None: it leads nowhere, or round in circles."""
    done, left, steps = "", path.split("/"), 0
    while left:
        part, *left = left
        if part in {"", "."}:
            continue
        done = posixpath.dirname(done) if part == ".." else posixpath.join(done, part)
        if done in links:
            steps += 1
            if steps > MOST_STEPS:
                return None
            target = links[done]
            left = [*target.split("/"), *left]
            done = "" if target.startswith("/") else posixpath.dirname(done)
    return done if done in there else None
