"""Data of a volume from one real LXD server to another, with the cable pulled in the middle."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hosts.engine_address import ConnectionSpec
from hosts.engine_errors import EngineError
from hosts.lxd.server import Server
from hosts.lxd.volume_copy import LxdVolumeCopies
from hosts.volume_copies import End, Kept, copy
from tests.engines.fleet import Fleet
from tests.engines.lxd import LxdServer

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]
BIG = 160 << 20  # bytes: some seconds on the way


def copies(server: LxdServer) -> LxdVolumeCopies:
    return LxdVolumeCopies(Server(ConnectionSpec("local", str(server.socket))))


def folder(server: LxdServer, name: str) -> Path:
    return server.directory / "storage-pools/default/custom" / f"default_{name}"


def tree(path: Path) -> dict[str, tuple[int, str]]:
    """Owner and content of each file."""
    found = (one for one in path.rglob("*") if one.is_file())
    return {
        str(one.relative_to(path)): (one.stat().st_uid, hashlib.sha256(one.read_bytes()).hexdigest()) for one in found
    }


def patient(seconds: float, when: Callable[[], None] = lambda: None) -> Callable[[float], None]:
    """Waits, but not for ever; `when`: done at each turn."""
    until = time.monotonic() + seconds

    def rest(pause: float) -> None:
        assert time.monotonic() < until, "the copy does not come to an end"
        when()
        time.sleep(pause)

    return rest


def test_a_cut_in_the_middle_loses_nothing(clean_fleet: Fleet) -> None:
    one, two = clean_fleet.lxd(2)
    source, target = copies(one), copies(two)
    pool = source.pool()
    assert pool == target.pool() == "default"
    source.make(pool, Kept("data", pool, {"volatile.idmap.last": "[]"}, {}), "data", {"xq.platform": "me"})
    inside = folder(one, "data")
    for number in range(20):
        (inside / f"row{number}").write_text(f"row {number}\n")
        os.chown(inside / f"row{number}", 100_000 + number, 100_000)
    (inside / "big").write_bytes(os.urandom(BIG))

    kept = source.find(pool, "data")
    assert kept is not None
    assert (kept.config["volatile.idmap.last"], kept.marks) == ("[]", {"xq.platform": "me"})
    target.make(pool, kept, "data", {"xq.moving": "7"})
    with pytest.raises(EngineError) as taken:
        target.make(pool, kept, "data", {})
    assert taken.value.kind == "conflict"

    gives, takes = End(source, pool, "data"), End(target, pool, "data")
    told: list[int] = []
    cut: list[float] = []

    def pull_the_cable() -> None:
        if told and told[-1] > BIG // 20 and not cut:
            cut.append(time.monotonic())
            one.cut()

    with pytest.raises(EngineError) as lost:
        copy(gives, takes, rest=patient(120, pull_the_cable), tell=told.append)
    assert cut, "it was through before the cable was pulled"
    assert (lost.value.kind, lost.value.retry) == ("unreachable", True)
    assert lost.value.words.startswith("The copy was broken off on its way.")
    assert tree(folder(two, "data")) != tree(inside)

    one.heal()
    copy(gives, takes, rest=patient(120), tell=told.append)
    assert tree(folder(two, "data")) == tree(inside)
    assert len(tree(inside)) == 21
    arrived = target.find(pool, "data")
    assert arrived is not None
    assert arrived.config["volatile.idmap.last"] == "[]"
    assert arrived.marks == {"xq.platform": "me", "xq.moving": "7"}
    target.mark(pool, "data", {"xq.moving": ""})
    found = target.find(pool, "data")
    assert found is not None
    assert (found.marks.get("xq.moving", ""), found.config["volatile.idmap.last"]) == ("", "[]")

    # What was removed there is removed here, and a name makes room for another one.
    (inside / "big").unlink()
    copy(gives, takes, rest=patient(60), tell=told.append)
    assert tree(folder(two, "data")) == tree(inside)
    target.rename(pool, "data", "xq-moved-1")
    assert target.find(pool, "data") is None
    for _again in range(2):
        target.remove(pool, "xq-moved-1")
    assert target.find(pool, "xq-moved-1") is None


def test_what_a_container_has_is_not_removed(clean_fleet: Fleet) -> None:
    server = clean_fleet.lxd()[0]
    side = copies(server)
    side.make("default", Kept("data", "default", {}, {}), "data", {})
    server.image("tiny")
    server.lxc("init", "tiny", "copied-1")
    server.lxc("config", "device", "add", "copied-1", "data1", "disk", "pool=default", "source=data", "path=/data")
    with pytest.raises(EngineError, match="still has the volume") as refused:
        side.remove("default", "data")
    assert refused.value.kind == "conflict"
    side.rename("default", "data", "xq-moved-2")
    found = side.find("default", "xq-moved-2")
    assert found is not None
    assert found.users == ("copied-1",), "a stopped container follows the name"
