"""The machine's static busybox: all that the platform's own tiny images are made of, so that no registry is needed."""

from __future__ import annotations

import shutil
from pathlib import Path

from django.utils.translation import gettext as _

from xqplatform.errors import Refused

_ELF = b"\x7fELF"
_INTERPRETED = 3  # PT_INTERP: a program header that names a dynamic loader
_MACHINES = {3: "i386", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv64", 21: "ppc64le", 22: "s390x"}
# What engines say of their machine, in one spelling.
_SAME = {"amd64": "x86_64", "arm64": "aarch64", "armv7l": "arm", "armv6l": "arm", "i686": "i386", "386": "i386"}


def static_busybox() -> bytes:
    """The machine's static busybox. Raises Refused with what to install when there is none."""
    for name in ("/bin/busybox", "/usr/bin/busybox", shutil.which("busybox") or "", "/bin/busybox.static"):
        path = Path(name)
        if name and path.is_file():
            data = path.read_bytes()
            if data[:4] == _ELF and not _is_dynamic(data):
                return data
    raise Refused(
        _(
            "There is no static busybox on the platform's machine: install the package busybox-static there, then try "
            "again."
        ),
        code=409,
    )


def architecture(program: bytes) -> str:
    """For which machine an ELF program was made, as `uname -m` says it; empty if that is not known."""
    order = "big" if program[5:6] == b"\x02" else "little"
    return _MACHINES.get(int.from_bytes(program[18:20], order), "")  # type: ignore[arg-type]


def fits(program: bytes, machine: str) -> bool:
    """Whether the program runs on a machine that its engine calls so; what is not known is taken to fit."""
    mine = architecture(program)
    theirs = _SAME.get(machine, machine)
    return not mine or not theirs or mine == theirs or (mine, theirs) == ("i386", "x86_64")


def _is_dynamic(data: bytes) -> bool:
    """Whether an ELF program (64 or 32 bits, little endian) asks for a dynamic loader."""
    wide = data[4] == 2
    offset = int.from_bytes(data[32:40], "little") if wide else int.from_bytes(data[28:32], "little")
    at = 54 if wide else 42
    size, count = int.from_bytes(data[at : at + 2], "little"), int.from_bytes(data[at + 2 : at + 4], "little")
    return any(
        int.from_bytes(data[offset + n * size : offset + n * size + 4], "little") == _INTERPRETED for n in range(count)
    )
