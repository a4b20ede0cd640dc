"""What `hosts.volume_types.Volumes` promises, asked of a real LXD server."""

from __future__ import annotations

import contextlib
import os

import pytest

from hosts.engine import ConnectionSpec, ContainerSpec, EngineError, connect_spec
from tests.engines.fleet import Fleet
from tests.engines.lxd import DRIVERS
from tests.engines.machine import wait_for

BIND = "xq-vol-kv.data:/data"
SECOND = 1_700_000_000_000_000_000  # of a file's time, in nanoseconds


@pytest.mark.parametrize("driver", DRIVERS)
def test_snapshots_of_a_volume(clean_fleet: Fleet, driver: str) -> None:
    server = clean_fleet.lxd()[0]
    pool = server.use(driver)
    server.image("tiny")
    spec = ConnectionSpec("local", str(server.socket), name=server.name, runtime="lxd")
    with contextlib.closing(connect_spec(spec)) as engine:
        volumes = engine.volumes
        assert volumes is not None
        made = engine.create(ContainerSpec("keep-volumes-1", "tiny", binds=(BIND,), stop_timeout=1))
        with pytest.raises(EngineError) as unknown:
            volumes.of("nobody")
        assert unknown.value.kind == "not_found"

        def run(command: str) -> str:
            code, said = engine.exec(made, ["sh", "-c", command])
            assert code == 0, said
            return said

        volumes.freeze(made)  # it does not run: nothing to hold, nothing to let go
        volumes.thaw(made)
        engine.start(made)
        run("echo one > /data/row; sync")
        (volume,) = volumes.of(made)
        assert (volume.name, volume.target, volume.pool) == ("xq-vol-kv.data", "/data", pool)
        assert volume.users == (made,)
        assert volume.copies == (driver == "dir")
        assert volumes.named("xq-vol-kv.data", pool, "/data") == volume
        assert volumes.named("xq-vol-none", pool) is None
        assert volumes.snapshots(volume) == []

        for _again in range(2):
            volumes.freeze(made)
        assert volumes.frozen(made)
        assert engine.inspect(made)["State"]["Status"] == "paused"
        volumes.take(volume, "xq-1", 30)
        for _again in range(2):
            volumes.thaw(made)
        assert not volumes.frozen(made)
        run("echo two > /data/row; echo more > /data/more; sync")

        # Somebody else's snapshot; and one of ours is made anew under its name.
        server.lxc("storage", "volume", "snapshot", pool, "xq-vol-kv.data", "monday")
        volumes.take(volume, "xq-2", 30)
        run("echo three > /data/row; sync")
        volumes.take(volume, "xq-2", 30)
        assert volumes.snapshots(volume) == ["monday", "xq-1", "xq-2"]

        with pytest.raises(EngineError):
            volumes.put_back(volume, "xq-1", 30)  # it runs
        assert run("cat /data/row") == "three\n"
        engine.stop(made, 1)
        for name, wanted in (("xq-1", "one\n"), ("xq-2", "three\n"), ("xq-1", "one\n")):
            for _again in range(2):
                volumes.put_back(volume, name, 30)
            engine.start(made)
            assert run("cat /data/row") == wanted
            engine.stop(made, 1)
        # What is written anew at once, as long as before and in the same second, is put back as well.
        row = server.volume(pool, volume.name) / "row"
        os.utime(row, ns=(SECOND, SECOND))
        volumes.take(volume, "xq-3", 30)
        row.write_text("two\n")
        os.utime(row, ns=(SECOND + 4_000_000, SECOND + 4_000_000))
        volumes.put_back(volume, "xq-3", 30)
        row = server.volume(pool, volume.name) / "row"
        assert (row.read_text(), row.stat().st_mtime_ns) == ("one\n", SECOND)
        volumes.drop(volume, "xq-3", 30)

        with pytest.raises(EngineError) as missing:
            volumes.put_back(volume, "xq-9", 30)
        assert missing.value.kind == "not_found"

        # A container that is replaced has the same volume with its snapshots.
        engine.remove(made)
        volumes.freeze(made)
        volumes.thaw(made)
        for _again in range(2):
            volumes.drop(volume, "xq-2", 30)
        assert volumes.snapshots(volume) == ["monday", "xq-1"]


def test_a_full_pool_gives_back_what_was(clean_fleet: Fleet) -> None:
    """One with copy-on-write takes a snapshot although nothing can be written any more, and puts back what needs room by making some."""
    server = clean_fleet.lxd()[0]
    pool = server.use("btrfs", 160)
    server.image("tiny")
    spec = ConnectionSpec("local", str(server.socket), name=server.name, runtime="lxd")
    with contextlib.closing(connect_spec(spec)) as engine:
        volumes = engine.volumes
        assert volumes is not None
        made = engine.create(ContainerSpec("keep-volumes-1", "tiny", binds=(BIND,), stop_timeout=1))
        engine.start(made)
        assert engine.exec(made, ["sh", "-c", "echo one > /data/row; sync"])[0] == 0
        (volume,) = volumes.of(made)
        volumes.take(volume, "xq-1", 30)
        fill = "echo two > /data/row; dd if=/dev/urandom of=/data/fill bs=64k; sync; echo more > /data/more"
        _code, said = engine.exec(made, ["sh", "-c", fill], timeout=120)
        assert said.count("No space left") == 2, said
        volumes.take(volume, "xq-2", 30)
        engine.stop(made, 1)
        volumes.put_back(volume, "xq-1", 30)
        engine.start(made)
        assert engine.exec(made, ["sh", "-c", "cat /data/row; ls /data"])[1].split() == ["one", "row"]
        room = volumes.room(pool)
        assert room is not None

        # The room is there again once the last snapshot that holds it has gone.
        volumes.drop(volume, "xq-2", 30)
        wait_for("there is room", lambda: engine.exec(made, ["sh", "-c", "sync; echo more > /data/more"])[0] == 0)
        now = volumes.room(pool)
        assert now is not None
        assert now.free > room.free + (30 << 20)


if "btrfs" not in DRIVERS:
    del test_a_full_pool_gives_back_what_was
