"""The name of an image: `<project>:<epoch>_<hash, 8>_<branch>_<base>`, made and parsed here and nowhere else.

A tag may hold letters, digits, «_», «.» and «-» only, 128 of them. What else a branch has is written so that it reads
well and can be read back: «/» as «--», any other byte as «-.» and two hex digits.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

LONGEST = 128
_PLAIN = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.")
_HEX = re.compile(r"[0-9A-F]{2}")
_TAG = re.compile(r"(?P<epoch>\d{1,12})_(?P<hash>[0-9a-f]{8})_(?P<branch>[\w.-]+)_(?P<base>[A-Za-z0-9.-]+)", re.ASCII)
_CUT = "-.00"  # no branch has a NUL: the mark of a branch that was too long
REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*")


@dataclass(frozen=True)
class Tag:
    """What a tag says. `branch` ends in «…» when it was too long to be held."""

    epoch: int
    hash: str
    branch: str
    base: str
    project: str = ""


def _escape(text: str, plain: set[str]) -> str:
    out = []
    for i, char in enumerate(text):
        follows = text[i + 1 : i + 2]
        if char in plain:
            out.append(char)
        elif char == "/":
            out.append("--")
        elif char == "-" and (not follows or (follows in plain and follows != ".")):
            out.append("-")
        else:
            out += [f"-.{byte:02X}" for byte in char.encode("utf-8", "surrogatepass")]
    return "".join(out)


def _unescape(text: str) -> str:
    out = bytearray()
    i = 0
    while i < len(text):
        if text.startswith("--", i):
            out += b"/"
            i += 2
        elif text.startswith("-.", i) and _HEX.fullmatch(text, i + 2, i + 4):
            out.append(int(text[i + 2 : i + 4], 16))
            i += 4
        else:
            out += text[i].encode()
            i += 1
    return out.decode("utf-8", "replace")


def make_tag(epoch: int, revision: str, branch: str, base: str) -> str:
    """The tag alone, without the project. `epoch` in seconds; `revision` a commit hash of 8 digits or more.

    Raises ValueError for what is no hash.
    """
    short = revision[:8].lower()
    if not re.fullmatch(r"[0-9a-f]{8}", short):
        raise ValueError(f"«{revision}» is no commit hash.")
    head = f"{int(epoch)}_{short}_"
    tail = "_" + (_escape(base or "none", _PLAIN - {"_"}))[:60]
    written = _escape(branch or "none", _PLAIN)
    room = LONGEST - len(head) - len(tail)
    if len(written) > room:
        mark = _CUT + hashlib.sha256(branch.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        kept = branch
        while len(_escape(kept, _PLAIN)) > room - len(mark):
            kept = kept[:-1]
        # The end of what is kept stands before an escape now: written as if something followed.
        written = _escape(kept + "\0", _PLAIN)[: -len(_CUT)]
        while len(written) > room - len(mark):
            kept = kept[:-1]
            written = _escape(kept + "\0", _PLAIN)[: -len(_CUT)]
        written += mark
    return head + written + tail


def make(project: str, epoch: int, revision: str, branch: str, base: str) -> str:
    """`<project>:<epoch>_<hash8>_<branch>_<base>`."""
    return f"{repository_name(project)}:{make_tag(epoch, revision, branch, base)}"


def parse(name: str) -> Tag | None:
    """What a tag (with or without its project) says; None when it was not made by `make`."""
    project, colon, tag = name.rpartition(":")
    if not colon:
        project, tag = "", name
    found = _TAG.fullmatch(tag)
    if found is None:
        return None
    branch = _unescape(found["branch"])
    if "\0" in branch:
        branch = branch.partition("\0")[0] + "…"
    return Tag(int(found["epoch"]), found["hash"], branch, _unescape(found["base"]), project)


def repository_name(name: str) -> str:
    """A project's or base image's name as registries take it: lower case. Raises ValueError for what cannot be one."""
    lowered = name.lower()
    if not all(REPOSITORY.fullmatch(part) for part in lowered.split("/")):
        raise ValueError(f"«{name}» cannot be the name of an image.")
    return lowered


def base_name(reference: str) -> str:
    """The short name of a parent image outside the tree: «registry/debian:12» → «debian-12»."""
    name = reference.partition("@")[0].rpartition("/")[2]
    return re.sub(r"[^A-Za-z0-9.-]+", "-", name).strip("-.")[:40] or "none"
