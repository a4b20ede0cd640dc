"""An instance gets the data of another one; its own is kept, and comes back when it is not well with the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client

from containers.keeping import backup_beat, copying
from containers.keeping.models import Restore, Snapshot
from containers.keeping.services import copies
from containers.models import Instance
from hosts.engine import EngineError
from hosts.volume_copies import Kept, Look, Offer
from tests.keeping.played import Pool
from tests.keeping.played_moves import Moves
from tests.keeping.test_backups import moves as moves  # noqa: PLC0414  a fixture
from tests.keeping.test_restores import Engine, engine, run, snapshot
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused

__all__ = ["engine", "snapshot"]
pytestmark = pytest.mark.django_db(transaction=True)
TWO = "xq-vol-store-2"


class Servers:
    """All servers' volumes in one pool; `lost`: so many copies break on their way."""

    def __init__(self, pool: Pool, lost: int = 0) -> None:
        self.given, self.lost, self.seen = pool, lost, list[str]()
        self.marks: dict[str, dict[str, str]] = {}
        self.busy = False  # it goes on with what it fetches, and lets nobody remove that

    def pool(self) -> str:
        return "default"

    def whole(self, pool: str) -> str:
        return ""

    def find(self, pool: str, name: str) -> Kept | None:
        return Kept(name, pool, {}, {}) if name in self.given.data else None

    def make(self, pool: str, like: Kept, name: str, marks: Mapping[str, str]) -> None:
        self.given.data[name], self.marks[name] = "", dict(marks)

    def mark(self, pool: str, name: str, marks: Mapping[str, str]) -> None: ...
    def rename(self, pool: str, name: str, other: str) -> None: ...
    def owned_as(self, pool: str, name: str, like: Kept) -> None: ...

    def remove(self, pool: str, name: str) -> None:
        if self.busy and self.seen and name.endswith("-new"):
            raise EngineError("conflict", name, "It is in use.")
        self.given.data.pop(name, None)

    def clone(self, pool: str, name: str, snapshot: str, other: str, marks: Mapping[str, str]) -> None:
        if snapshot not in self.given.kept.get(name, {}):
            raise EngineError("not_found", snapshot)
        self.given.data[other] = self.given.kept[name][snapshot]

    def pour(self, pool: str, name: str, other: str) -> None:
        assert "" in {self.given.data[name], self.given.data[other]}, "what is there would be taken for what comes"
        self.given.data[other] = self.given.data[name]

    def offer(self, pool: str, name: str) -> Offer:
        return Offer(name, ("10.0.0.1:8443",), {}, "")

    def fetch(self, pool: str, name: str, offer: Offer, address: str) -> str:
        assert not self.given.kept.get(name), "its snapshots would go"
        self.seen.append(name)
        if self.lost > 0:
            self.lost -= 1
            return "lost"
        self.given.data[name] = self.given.data[offer.operation]
        return "done"

    def look(self, operation: str) -> Look:
        return Look("failed", "connection timed out", 1) if operation == "lost" else Look("done")

    def filling(self, pool: str, name: str) -> list[str]:
        return []


@pytest.fixture
def other(stand: Callable[..., Instance], snapshot: Snapshot) -> Instance:
    return stand("theirs")


@pytest.fixture
def servers(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> Servers:
    made = Servers(pool)
    monkeypatch.setattr(copying, "copies_of", lambda host: made)
    monkeypatch.setattr(copying, "PAUSE", 0.0)
    return made


def test_it_gets_what_the_snapshot_holds(
    other: Instance, snapshot: Snapshot, engine: Engine, pool: Pool, servers: Servers, actor_dev: Any
) -> None:
    engine.running = set(pool.mounts)
    servers.lost = 2
    row = run(copies.copy(actor_dev, snapshot, other.name, "for a test"))
    assert row.state == "done", row.operation and row.operation.words
    # The one that gave it goes on undisturbed, with what it has written since.
    assert pool.data == {"xq-vol-store-1": "two", TWO: "one"}
    assert servers.seen == [f"xq-copy-{row.pk}-1-new"] * 3
    assert engine.running == set(pool.mounts)
    assert row.safety is not None
    assert pool.kept[TWO][row.safety.label] == "theirs"
    event = Event.objects.get(action="data.copy")
    assert event.after["of"] == str(snapshot.instance)


def test_what_it_had_comes_back_when_it_is_not_well_with_it(
    other: Instance, snapshot: Snapshot, engine: Engine, pool: Pool, servers: Servers, actor_dev: Any
) -> None:
    engine.running, engine.ill = set(pool.mounts), "one"
    row = run(copies.copy(actor_dev, snapshot, other.name))
    assert row.state == "failed"
    assert pool.data == {"xq-vol-store-1": "two", TWO: "theirs"}
    assert engine.running == set(pool.mounts)


def test_a_way_that_stays_broken_loses_nothing(
    other: Instance, snapshot: Snapshot, engine: Engine, pool: Pool, servers: Servers, actor_dev: Any
) -> None:
    engine.running = set(pool.mounts)
    servers.lost = 99
    row = run(copies.copy(actor_dev, snapshot, other.name))
    assert row.state == "failed"
    assert row.operation is not None
    assert "broken off" in row.operation.words
    assert pool.data == {"xq-vol-store-1": "two", TWO: "theirs"}


def test_what_a_busy_server_kept_of_it_is_removed_later(
    other: Instance, snapshot: Snapshot, engine: Engine, pool: Pool, servers: Servers, moves: Moves, actor_dev: Any
) -> None:
    engine.running = set(pool.mounts)
    servers.lost, servers.busy = 99, True
    row = run(copies.copy(actor_dev, snapshot, other.name))
    assert row.state == "failed"
    assert [name for name in pool.data if name.startswith("xq-copy")] == [f"xq-copy-{row.pk}-1-new"]
    moves.labels |= servers.marks | {"xq-copy-7-1-new": {"user.xq.platform": "another"}}
    pool.data["xq-copy-7-1-new"] = "somebody else's"
    backup_beat.sweep()
    assert set(pool.data) == {"xq-vol-store-1", TWO, "xq-copy-7-1-new"}
    row.refresh_from_db()
    assert row.notes["copied"] is False


def test_nonsense_and_strangers_are_refused(
    other: Instance,
    snapshot: Snapshot,
    engine: Engine,
    actor_dev: Any,
    actor_manager: Any,
    client: Client,
    developer: Any,
) -> None:
    for name in ("", "store-production-9", "x" * 300, "9" * 4300, "store-production-²"):
        with pytest.raises(Refused) as refused:
            copies.copy(actor_dev, snapshot, name)
        assert refused.value.field == "name"
    with pytest.raises(Refused, match="own snapshot"):
        copies.copy(actor_dev, snapshot, snapshot.instance.name)
    with pytest.raises(Denied):
        copies.copy(actor_manager, snapshot, other.name)
    client.force_login(developer)
    wrong = client.post(f"/snapshots/{snapshot.pk}/copy/", {"name": "no\x00such", "reason": "kept words"})
    assert wrong.status_code == 400
    assert "kept words" in wrong.content.decode()
    assert not Restore.objects.exists()


def test_a_path_that_is_not_there_is_said(snapshot: Snapshot, pool: Pool) -> None:
    volumes = [replace(one, target="/elsewhere") for one in pool.of(next(iter(pool.mounts)))]
    with pytest.raises(Exception, match="no volume at /data"):
        copying.pairs(snapshot, volumes)
