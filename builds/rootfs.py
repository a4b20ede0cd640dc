"""Files of this machine gathered into a root file system for an image: programs with the libraries they load."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from django.utils.translation import gettext as _

from xqplatform.errors import Refused

SECONDS = 20.0  # that one question may take
_LIBRARY = re.compile(r"(?:=>\s*)?(/\S+)\s+\(0x[0-9a-f]+\)")


@dataclass(frozen=True)
class File:
    """A file of the image; with `link` a symbolic link."""

    data: bytes = b""
    mode: int = 0o644
    link: str = ""


def programs(wanted: Mapping[str, str]) -> dict[str, File]:
    """The programs (path → Debian package) and their libraries, each at the path where it is looked for.

    Raises Refused with the packages to install where one is missing.
    """
    missing = sorted({package for path, package in wanted.items() if not Path(path).is_file()})
    if missing:
        words = _("The platform's machine lacks programs for this image: install %(packages)s there, then try again.")
        raise Refused(words % {"packages": " ".join(missing)}, code=409)
    found = {path: File(Path(path).read_bytes(), 0o755) for path in wanted}
    for library in libraries(wanted):
        found.setdefault(library, File(Path(library).read_bytes(), 0o755))
    return found


def libraries(paths: Iterable[str]) -> list[str]:
    """What the programs load, the loader included. Raises Refused when a library is missing."""
    found: set[str] = set()
    for path in paths:
        done = subprocess.run(["ldd", path], capture_output=True, text=True, timeout=SECONDS, check=False)
        if "not found" in done.stdout:
            raise Refused(_("%(path)s lacks a library: %(text)s") % {"path": path, "text": done.stdout.strip()[:300]})
        found |= set(_LIBRARY.findall(done.stdout))
    return sorted(found)
