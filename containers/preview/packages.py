"""Packages of a distribution in an image: read from its data base, and compared. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

MOST = 5000  # packages of an image
LONGEST = 120  # of a name or a version
Packages = dict[str, str]  # name → version


@dataclass(frozen=True)
class Changed:
    added: Packages
    removed: Packages
    changed: dict[str, tuple[str, str]]  # name → version before and after


def dpkg(text: str) -> Packages:
    """Of `/var/lib/dpkg/status`; only what is installed."""
    return _read(text, "Package", "Version", lambda entry: entry.get("Status", "").endswith(" installed"))


def apk(text: str) -> Packages:
    """Of `/lib/apk/db/installed`."""
    return _read(text, "P", "V", lambda _entry: True)


def _read(text: str, name: str, version: str, counts: Callable[[Mapping[str, str]], bool]) -> Packages:
    """Paragraphs of «Key: value» lines; what is not of this shape is passed over."""
    found: Packages = {}
    for paragraph in text.replace("\r\n", "\n").split("\n\n"):
        entry: dict[str, str] = {}
        for line in paragraph.split("\n"):
            key, colon, value = line.partition(":")
            if colon and key and not line[0].isspace():
                entry.setdefault(key, value.strip())
        if entry.get(name) and entry.get(version) and counts(entry) and len(found) < MOST:
            found[_plain(entry[name])] = _plain(entry[version])
    return found


def _plain(text: str) -> str:
    return "".join(c for c in text if c.isprintable())[:LONGEST]


def compare(old: Mapping[str, str], new: Mapping[str, str]) -> Changed:
    return Changed(
        {name: new[name] for name in sorted(new.keys() - old.keys())},
        {name: old[name] for name in sorted(old.keys() - new.keys())},
        {name: (old[name], new[name]) for name in sorted(old.keys() & new.keys()) if old[name] != new[name]},
    )
