"""Data of a volume from one real LXD server to another, with the cable pulled in the middle."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from containers.keeping.copying import Pair, fill
from hosts.engine_address import ConnectionSpec
from hosts.engine_errors import EngineError
from hosts.lxd.server import Server
from hosts.lxd.volume_copy import LxdVolumeCopies
from hosts.volume_copies import End, Kept, copy
from tests.engines.fleet import Fleet
from tests.engines.lxd import DRIVERS, LxdServer

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]
BIG = 160 << 20  # bytes: some seconds on the way
WAYS = [(one, two) for one in DRIVERS for two in DRIVERS]


def copies(server: LxdServer) -> LxdVolumeCopies:
    return LxdVolumeCopies(Server(ConnectionSpec("local", str(server.socket))))


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
    inside = one.volume(pool, "data")
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
    assert tree(two.volume(pool, "data")) != tree(inside)

    one.heal()
    copy(gives, takes, rest=patient(120), tell=told.append)
    assert tree(two.volume(pool, "data")) == tree(inside)
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
    assert tree(two.volume(pool, "data")) == tree(inside)
    target.rename(pool, "data", "xq-moved-1")
    assert target.find(pool, "data") is None
    for _again in range(2):
        target.remove(pool, "xq-moved-1")
    assert target.find(pool, "xq-moved-1") is None


@pytest.mark.parametrize(("here", "there"), WAYS)
def test_data_goes_between_pools_of_any_kind(clean_fleet: Fleet, here: str, there: str) -> None:
    one, two = clean_fleet.lxd(2)
    source, target = copies(one), copies(two)
    gives, takes = End(source, one.use(here), "data"), End(target, two.use(there), "data")
    source.make(gives.pool, Kept("data", gives.pool, {"volatile.idmap.last": "[]"}, {}), "data", {"xq.platform": "me"})
    inside = one.volume(gives.pool, "data")
    for number in range(9):
        (inside / f"row{number}").write_text(f"row {number}\n")
        os.chown(inside / f"row{number}", 100_000 + number, 100_000)
    kept = source.find(gives.pool, "data")
    assert kept is not None
    target.make(takes.pool, kept, "data", {"xq.moving": "7"})
    copy(gives, takes, rest=patient(60), tell=lambda _count: None)
    assert tree(two.volume(takes.pool, "data")) == tree(inside)

    # Once more, into what is there: one changed, one gone, one new.
    (inside / "row3").write_text("other\n")
    (inside / "row4").unlink()
    (inside / "row10").write_text("row 10\n")
    copy(gives, takes, rest=patient(60), tell=lambda _count: None)
    assert tree(two.volume(takes.pool, "data")) == tree(inside)
    arrived = target.find(takes.pool, "data")
    assert arrived is not None
    assert arrived.config["volatile.idmap.last"] == "[]"
    assert arrived.marks == {"xq.platform": "me", "xq.moving": "7"}
    assert bool(source.whole(gives.pool)) == (here == "btrfs")

    # A snapshot of it into another volume there, which has its own data in a snapshot afterwards, too.
    source_of = Pair(gives.pool, "data", takes.pool, "theirs")
    one.lxc("storage", "volume", "snapshot", gives.pool, "data", "xq-1")
    (inside / "row3").write_text("later\n")
    target.make(takes.pool, Kept("theirs", takes.pool, {}, {}), "theirs", {"xq.service": "twin"})
    (two.volume(takes.pool, "theirs") / "own").write_text("precious\n")
    two.lxc("storage", "volume", "snapshot", takes.pool, "theirs", "xq-2")
    with pytest.raises(EngineError, match="removes the snapshots"):
        copy(gives, End(target, takes.pool, "theirs"), rest=patient(60), tell=lambda _count: None)
    fill(source, target, source_of, snapshot="xq-1", name="xq-copy-1", marks={"xq.moving": "copy"}, rest=patient(60))
    poured = tree(two.volume(takes.pool, "theirs"))
    assert poured == tree(two.volume(takes.pool, "data"))
    found = target.find(takes.pool, "theirs")
    assert found is not None
    assert (found.marks, found.config["volatile.idmap.last"]) == ({"xq.service": "twin"}, "[]")
    two.lxc("storage", "volume", "restore", takes.pool, "theirs", "xq-2")
    assert [file.name for file in two.volume(takes.pool, "theirs").iterdir()] == ["own"]
    names = [
        one.query(f"/1.0/storage-pools/{gives.pool}/volumes/custom"),
        two.query(f"/1.0/storage-pools/{takes.pool}/volumes/custom"),
    ]
    assert "xq-copy" not in str(names)


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
