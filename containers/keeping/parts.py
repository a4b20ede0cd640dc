"""What a backup consists of: parts of its volumes under keys of the store, and the manifest that names them. Pure.

    <service>/<environment>/<instance's number>/<id>/manifest.json
    <service>/<environment>/<instance's number>/<id>/<volume's number>/<part's number>-<begin of its SHA-256>.age

A part is a piece of the volume's file (a tarball as the server writes it), sealed by itself: joined in their order, opened parts are the
file again. Whoever has the key needs no platform: `cat` of what `age -d` gives of each, into `lxc storage volume import`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

PART = 16 << 20  # bytes of a volume's file in one part: what a worker holds in memory, twice
FORMAT = 1
MOST_MANIFEST = 64 << 20


class BadManifest(ValueError):
    """What is there is no manifest of ours; the text says what is wrong with it."""


@dataclass(frozen=True)
class Part:
    """`size` and `sha256` of what lies in the store, sealed."""

    number: int
    size: int
    sha256: str

    @classmethod
    def of(cls, number: int, stored: bytes) -> Part:
        return cls(number, len(stored), hashlib.sha256(stored).hexdigest())

    def fits(self, stored: bytes) -> bool:
        return len(stored) == self.size and hashlib.sha256(stored).hexdigest() == self.sha256


@dataclass(frozen=True)
class Saved:
    """A volume. `source`: its name in the service's settings; `bytes`: of its file before it was sealed."""

    source: str
    target: str
    bytes: int
    parts: tuple[Part, ...]

    @property
    def stored(self) -> int:
        return sum(part.size for part in self.parts)


@dataclass(frozen=True)
class Manifest:
    """All that is needed to have it again. `image`: reference with digest; `config`: version of the settings; `taken`: ISO time of the
    moment that the data are of; `stood`: milliseconds for which its processes were held still.
    """

    service: str
    environment: str
    instance: int
    image: str
    config: int
    address: str
    taken: str
    stood: int
    recipient: str
    volumes: tuple[Saved, ...]
    format: int = FORMAT
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def stored(self) -> int:
        return sum(one.stored for one in self.volumes)

    def as_bytes(self) -> bytes:
        return json.dumps(asdict(self), ensure_ascii=False, indent=1, sort_keys=True).encode()


def read(text: bytes) -> Manifest:
    """Raises BadManifest."""
    if len(text) > MOST_MANIFEST:
        raise BadManifest("too long")
    try:
        found = json.loads(text)
    except ValueError as error:
        raise BadManifest(str(error)) from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise BadManifest("no manifest, or one of a newer platform")
    try:
        volumes = tuple(
            Saved(_text(one, "source"), _text(one, "target"), _number(one, "bytes"), tuple(map(_part, one["parts"])))
            for one in found["volumes"]
        )
        manifest = Manifest(
            _text(found, "service"), _text(found, "environment"), _number(found, "instance"), _text(found, "image"),
            _number(found, "config"), _text(found, "address"), _text(found, "taken"), _number(found, "stood"),
            _text(found, "recipient"), volumes, FORMAT, dict(found.get("more") or {}),
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise BadManifest(f"{type(error).__name__}: {error}") from error
    for one in volumes:
        if [part.number for part in one.parts] != list(range(1, len(one.parts) + 1)):
            raise BadManifest(f"parts of {one.source} are missing")
    return manifest


def _part(found: Any) -> Part:
    part = Part(_number(found, "number"), _number(found, "size"), _text(found, "sha256"))
    if len(part.sha256) != 64:
        raise BadManifest("no sha256")
    return part


def _text(found: Any, key: str) -> str:
    value = found[key]
    if not isinstance(value, str):
        raise TypeError(key)
    return value


def _number(found: Any, key: str) -> int:
    value = found[key]
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 63:
        raise TypeError(key)
    return value


def folder(service: str, environment: str, instance: int, backup: int) -> str:
    return f"{service}/{environment}/{instance}/{backup}"


def manifest_key(folder: str) -> str:
    return f"{folder}/manifest.json"


def part_key(folder: str, volume: int, number: int, sha256: str) -> str:
    """`volume`: from 0 on; `sha256`: of what is stored. Each sealing gives other bytes: what a worker still puts there that was thought
    dead, as its store was slow, overwrites nothing of the one that went on.
    """
    return f"{folder}/{volume}/{number:06}-{sha256[:16]}.age"


def old_key(folder: str, volume: int, number: int) -> str:
    """What a part was called in backups of before."""
    return f"{folder}/{volume}/{number:06}.age"


def pieces(stream: Iterable[bytes], size: int = PART) -> Iterator[bytes]:
    """The same bytes in pieces of exactly so many; the last one has what is left, and of nothing there is one empty piece."""
    held, some = bytearray(), False
    for chunk in stream:
        held += chunk
        while len(held) >= size:
            some = True
            yield bytes(held[:size])
            del held[:size]
    if held or not some:
        yield bytes(held)
