"""A server's volumes in memory: what is written, held still, snapshot and put back; and what goes wrong there when a test says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from hosts.engine import EngineError
from hosts.inventory import Space
from hosts.volume_types import Volume


@dataclass
class Pool:
    """`data`: a volume's content by its name; `mounts`: identity of a container → {target: volume}."""

    data: dict[str, str] = field(default_factory=dict)
    mounts: dict[str, dict[str, str]] = field(default_factory=dict)
    kept: dict[str, dict[str, str]] = field(default_factory=dict)  # volume → snapshot → content
    still: set[str] = field(default_factory=set)
    left: Space | None = None
    copies: bool = False
    newest: bool = False  # only a volume's newest snapshot is put back
    counts: bool = True  # whether the pool itself knows the sizes
    calls: list[str] = field(default_factory=list)
    wrong: dict[str, Callable[[], None]] = field(default_factory=dict)  # verb → what happens instead of quiet success

    def _call(self, verb: str, what: str) -> None:
        self.calls.append(f"{verb} {what}")
        if verb in self.wrong:
            self.wrong[verb]()

    def of(self, container: str) -> list[Volume]:
        if container not in self.mounts:
            raise EngineError("not_found", container)
        return [self._seen(name, target) for target, name in sorted(self.mounts[container].items())]

    def measured(self, container: str, volume: Volume) -> int | None:
        self._call("measured", volume.name)
        return len(self.data[volume.name])

    def named(self, name: str, pool: str, target: str = "") -> Volume | None:
        return self._seen(name, target) if name in self.data else None

    def _seen(self, name: str, target: str) -> Volume:
        users = tuple(sorted(one for one, its in self.mounts.items() if name in its.values()))
        size = len(self.data[name]) if self.counts else None
        return Volume(name, target, "default", size, users, self.copies, self.newest)

    def room(self, pool: str) -> Space | None:
        return self.left

    def find(self, name: str) -> Volume | None:
        return self.named(name, "default")

    def remove(self, volume: Volume, timeout: float) -> None:
        self._call("remove", volume.name)
        assert not self._seen(volume.name, "").users, "somebody has it"
        self.data.pop(volume.name, None)
        self.kept.pop(volume.name, None)

    def freeze(self, container: str) -> None:
        self._call("freeze", container)
        self.still.add(container)

    def thaw(self, container: str) -> None:
        self._call("thaw", container)
        self.still.discard(container)

    def frozen(self, container: str) -> bool:
        return container in self.still

    def take(self, volume: Volume, snapshot: str, timeout: float) -> None:
        assert set(volume.users) <= self.still, "a snapshot of what moves"
        self._call("take", f"{volume.name}/{snapshot}")
        self.kept.setdefault(volume.name, {})[snapshot] = self.data[volume.name]

    def snapshots(self, volume: Volume) -> list[str]:
        return sorted(self.kept.get(volume.name, {}))

    def put_back(self, volume: Volume, snapshot: str, timeout: float) -> None:
        self._call("put_back", f"{volume.name}/{snapshot}")
        if snapshot not in self.kept.get(volume.name, {}):
            raise EngineError("not_found", snapshot)
        if self.later(volume, snapshot):
            raise EngineError("conflict", "subsequent snapshots")
        self.data[volume.name] = self.kept[volume.name][snapshot]

    def later(self, volume: Volume, snapshot: str) -> list[str]:
        names = list(self.kept.get(volume.name, {}))
        return names[names.index(snapshot) + 1 :] if self.newest else []

    def drop(self, volume: Volume, snapshot: str, timeout: float) -> None:
        self._call("drop", f"{volume.name}/{snapshot}")
        self.kept.get(volume.name, {}).pop(snapshot, None)


def dies() -> None:
    """The worker is killed here: nothing of it catches this, nothing of it cleans up after itself."""
    raise SystemExit("killed")


def fails(kind: str, words: str) -> Callable[[], None]:
    def fail() -> None:
        raise EngineError(kind, words, words)  # type: ignore[arg-type]

    return fail
