"""Volumes out of a real LXD server and into another pool's name: what is written stays as it was, with its owners."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from hosts.engine import ConnectionSpec, EngineError
from hosts.lxd.engine import LxdEngine
from hosts.lxd.volume_moves import LxdVolumeMoves
from tests.engines.fleet import Fleet
from tests.engines.lxd import DRIVERS, LxdServer

MINE = {"xq.backup": "7"}


@dataclass
class Subject:
    server: LxdServer
    engine: LxdEngine
    moves: LxdVolumeMoves
    pool: str = "default"

    def run(self, instance: str, command: str) -> str:
        return self.server.lxc("exec", instance, "--", "sh", "-c", command)

    def instance(self, name: str, volume: str) -> None:
        self.server.image("tiny")
        self.server.lxc("init", "tiny", name)
        self.server.lxc(
            "config", "device", "add", name, "data", "disk", f"pool={self.pool}", f"source={volume}", "path=/data"
        )
        self.server.lxc("start", name)

    def volumes(self) -> set[str]:
        found = self.server.query(f"/1.0/storage-pools/{self.pool}/volumes/custom")
        return {one.rpartition("/")[2] for one in found if "/snapshots/" not in one}


@pytest.fixture
def subject(clean_fleet: Fleet) -> Iterator[Subject]:
    server = clean_fleet.lxd()[0]
    engine = LxdEngine(ConnectionSpec("local", str(server.socket), name=server.name, runtime="lxd"))
    yield Subject(server, engine, LxdVolumeMoves(engine))
    engine.close()


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_volume_goes_out_and_comes_back(subject: Subject, driver: str) -> None:
    moves, server = subject.moves, subject.server
    subject.pool = pool = server.use(driver)
    assert moves.pool() == pool
    subject.engine.ensure_volume(pool, "kv-data", {"xq.service": "kv"})
    subject.instance("moves-1", "kv-data")
    subject.run(
        "moves-1",
        "dd if=/dev/urandom of=/data/rows bs=1000 count=3000 2>/dev/null; chmod 600 /data/rows; echo 1 > /data/n",
    )
    rows = subject.run("moves-1", "cat /data/rows | busybox sha256sum")
    server.lxc("storage", "volume", "snapshot", pool, "kv-data", "xq-1")
    subject.run("moves-1", "echo 2 > /data/n; echo later > /data/later")

    moves.clone(pool, "kv-data", "xq-1", "xq-bak-7-1-0", MINE)
    with pytest.raises(EngineError) as taken:
        moves.clone(pool, "kv-data", "xq-1", "xq-bak-7-1-0", MINE)
    assert taken.value.kind == "conflict"
    assert moves.write_file(pool, "xq-bak-7-1-0") > 3_000_000
    size = moves.write_file(pool, "xq-bak-7-1-0")  # anew, where a worker died over it
    file = b"".join(moves.read_file(pool, "xq-bak-7-1-0"))
    assert len(file) == size
    half = size // 2
    assert b"".join(moves.read_file(pool, "xq-bak-7-1-0", half)) == file[half:]
    assert b"".join(moves.read_file(pool, "xq-bak-7-1-0", size - 1)) == file[-1:]

    # What is broken leaves nothing, whether it ends early, is nonsense, or its reader gives up.
    def given_up() -> Iterator[bytes]:
        yield file[:half]
        raise RuntimeError("the store went away")

    for pieces in (iter([file[:half]]), iter([os.urandom(5000)])):
        with pytest.raises(EngineError):
            moves.take_in(pool, "xq-rec-1", pieces, MINE)
    with pytest.raises(RuntimeError, match="went away"):
        moves.take_in(pool, "xq-rec-1", given_up(), MINE)
    assert subject.volumes() == {"kv-data", "xq-bak-7-1-0"}

    moves.take_in(pool, "xq-rec-1", iter([file[:half], file[half:]]), {"xq.drill": "3"})
    with pytest.raises(EngineError) as twice:
        moves.take_in(pool, "xq-rec-1", iter([file]), MINE)
    assert twice.value.kind == "conflict"
    config = server.query(f"/1.0/storage-pools/{pool}/volumes/custom/xq-rec-1")["config"]
    assert {key: text for key, text in config.items() if key.startswith("user.")} == {"user.xq.drill": "3"}
    subject.instance("moves-2", "xq-rec-1")
    assert subject.run("moves-2", "cat /data/rows | busybox sha256sum") == rows
    assert subject.run("moves-2", "cat /data/n; ls -ln /data/rows").split()[:4] == ["1", "-rw-------", "1", "0"]
    assert "later" not in subject.run("moves-2", "ls /data")

    # Over the old one: it keeps its name, its snapshots and labels.
    server.lxc("stop", "--force", "moves-1", "moves-2")
    moves.overwrite(pool, "kv-data", "xq-rec-1")
    server.lxc("start", "moves-1")
    assert subject.run("moves-1", "cat /data/n; ls /data").split() == ["1", "n", "rows"]
    assert subject.run("moves-1", "cat /data/rows | busybox sha256sum") == rows
    seen = server.query(f"/1.0/storage-pools/{pool}/volumes/custom/kv-data")
    assert seen["config"]["user.xq.service"] == "kv"
    assert len(server.query(f"/1.0/storage-pools/{pool}/volumes/custom/kv-data/snapshots")) == 1


def test_owners_that_another_server_mapped_otherwise(subject: Subject) -> None:
    """The map of a volume's users comes along, so that the next start moves the owners to those of here."""
    moves, server = subject.moves, subject.server
    for name in ("one", "two"):
        subject.engine.ensure_volume(subject.pool, name, {})
    subject.instance("maps-1", "one")
    subject.run("maps-1", "echo secret > /data/f; chmod 600 /data/f")
    server.lxc("stop", "--force", "maps-1")
    root = server.directory / "storage-pools" / subject.pool / "custom"
    theirs = '[{"Isuid":true,"Isgid":false,"Hostid":500000,"Nsid":0,"Maprange":65536},{"Isuid":false,"Isgid":true,"Hostid":500000,"Nsid":0,"Maprange":65536}]'
    for path in (root / "default_one", root / "default_one" / "f"):
        os.chown(path, 500000, 500000)
    config = server.query(f"/1.0/storage-pools/{subject.pool}/volumes/custom/one")["config"]
    moves._set(subject.pool, "one", config | dict.fromkeys(("volatile.idmap.last", "volatile.idmap.next"), theirs))
    subject.instance("maps-2", "two")
    server.lxc("stop", "--force", "maps-2")
    moves.overwrite(subject.pool, "two", "one")
    server.lxc("start", "maps-2")
    assert subject.run("maps-2", "cat /data/f; ls -ln /data/f").split()[:4] == ["secret", "-rw-------", "1", "0"]


def test_only_what_is_ours_is_removed(subject: Subject) -> None:
    moves = subject.moves
    subject.engine.ensure_volume(subject.pool, "xq-bak-7-1-0", MINE)
    subject.engine.ensure_volume(subject.pool, "xq-bak-7-1-1", MINE)
    subject.engine.ensure_volume(subject.pool, "xq-bak-7-foreign", {})
    subject.engine.ensure_volume(subject.pool, "xq-bak-7-another-platform", {"xq.backup": "8"})
    subject.engine.ensure_volume(subject.pool, "xq-bak-70-1-0", MINE)
    assert moves.remove_marked(subject.pool, "xq-bak-7-", MINE) == ["xq-bak-7-1-0", "xq-bak-7-1-1"]
    assert moves.remove_marked(subject.pool, "xq-bak-7-", MINE) == []
    assert subject.volumes() == {"xq-bak-7-foreign", "xq-bak-7-another-platform", "xq-bak-70-1-0"}
    with pytest.raises(EngineError) as gone:
        list(moves.read_file(subject.pool, "xq-bak-7-1-0"))
    assert gone.value.kind == "not_found"
