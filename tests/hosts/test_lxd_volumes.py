"""What `hosts.volume_types.Volumes` promises, asked of a real LXD server."""

from __future__ import annotations

import contextlib

import pytest

from hosts.engine import ConnectionSpec, ContainerSpec, EngineError, connect_spec
from tests.engines.fleet import Fleet

BIND = "xq-vol-kv.data:/data"


def test_snapshots_of_a_volume(clean_fleet: Fleet) -> None:
    server = clean_fleet.lxd()[0]
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
        assert (volume.name, volume.target, volume.pool) == ("xq-vol-kv.data", "/data", "default")
        assert volume.users == (made,)
        assert volume.copies  # the pool's driver is «dir»
        assert volumes.named("xq-vol-kv.data", "default", "/data") == volume
        assert volumes.named("xq-vol-none", "default") is None
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
        server.lxc("storage", "volume", "snapshot", "default", "xq-vol-kv.data", "monday")
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
