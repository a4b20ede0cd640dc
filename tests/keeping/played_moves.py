"""Volumes out of a server in memory and into it: what `hosts.volume_moves` promises, of `tests.keeping.played.Pool`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from hosts.engine import EngineError
from hosts.volume_moves import Check, go_on
from tests.keeping.played import Pool


@dataclass
class Moves:
    pool_: Pool
    labels: dict[str, dict[str, str]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    breaks: int = 0  # so many reads of files end in the middle

    def pool(self) -> str:
        return "default"

    def clone(
        self, pool: str, volume: str, snapshot: str, name: str, labels: Mapping[str, str], *, check: Check = go_on
    ) -> None:
        if name in self.pool_.data:
            raise EngineError("conflict", name)
        self.pool_.data[name], self.labels[name] = self.pool_.kept[volume][snapshot], dict(labels)

    def write_file(self, pool: str, volume: str, *, check: Check = go_on) -> int:
        self.files[volume] = self.pool_.data[volume].encode()
        return len(self.files[volume])

    def read_file(self, pool: str, volume: str, offset: int = 0) -> Iterator[bytes]:
        if volume not in self.files:
            raise EngineError("not_found", volume)
        for n in range(offset, len(self.files[volume])):
            if self.breaks and n >= offset + 7:
                self.breaks -= 1
                raise EngineError("unreachable", "broken off", "It broke off.")
            yield self.files[volume][n : n + 1]

    def take_in(
        self, pool: str, name: str, pieces: Iterable[bytes], labels: Mapping[str, str], *, check: Check = go_on
    ) -> None:
        self.pool_.data[name], self.labels[name] = b"".join(pieces).decode(), dict(labels)

    def overwrite(self, pool: str, volume: str, source: str, *, check: Check = go_on) -> None:
        self.pool_.data[volume] = self.pool_.data[source]

    def remove_marked(self, pool: str, prefix: str, labels: Mapping[str, str]) -> list[str]:
        gone = [one for one, its in self.labels.items() if one.startswith(prefix) and labels.items() <= its.items()]
        for one in gone:
            del self.labels[one], self.pool_.data[one]
            self.files.pop(one, None)
        return gone
