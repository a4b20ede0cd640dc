"""Pools that put back only the newest snapshot: what is asked of such a server, and what never is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosts.engine_errors import EngineError, from_response
from hosts.lxd import pools
from hosts.lxd.engine import LxdEngine
from hosts.lxd.server import Server
from hosts.lxd.volume_copy import LxdVolumeCopies
from hosts.lxd.volume_moves import LxdVolumeMoves
from hosts.lxd.volumes import LxdVolumes
from hosts.volume_copies import Offer
from hosts.volume_types import Volume

NEVER = "0001-01-01T00:00:00Z"  # how a server says that it does not know
DATA = Volume("data", "/data", "fast")
REFUSES = 'Snapshot "xq-1" cannot be restored due to subsequent snapshot(s). Set zfs.remove_snapshots to override'


@dataclass
class Link:
    """A server with one volume in one pool; it is asked, and what would change something is noted."""

    driver: str = "zfs"
    config: dict[str, str] = field(default_factory=dict)  # of the pool
    taken: dict[str, str] = field(default_factory=dict)  # when, by the snapshot's name
    refuses: str = ""
    where: str = "store-1"
    busy: str = ""  # the volume that it works on, and goes on to
    changes: list[tuple[str, Any]] = field(default_factory=list)

    def ask(self, method: str, path: str, *, body: Any = None, params: Any = None, **_: Any) -> Any:
        if method != "GET":
            self.changes.append((method, body))
            if self.refuses:
                raise from_response(500, self.refuses, self.where)
            return {"id": "1", "status_code": 200}
        if path == "/operations":
            resources = {"storage_volumes": [f"/1.0/storage-pools/fast/volumes/custom/{self.busy}"]}
            task = {"id": "9", "status": "Running", "class": "task", "resources": resources}
            return {"running": [task]} if self.busy else {}
        if path == "/operations/9/wait":
            return {"id": "9", "status": "Running", "status_code": 103}
        if path == "/storage-pools/fast":
            return {"name": "fast", "driver": self.driver, "config": self.config}
        if path.endswith("/data/snapshots"):
            if params:
                return [{"name": f"data/{name}", "created_at": when} for name, when in self.taken.items()]
            return [f"/1.0/storage-pools/fast/volumes/custom/data/snapshots/{name}" for name in self.taken]
        if path.startswith("/operations/"):
            return {"id": "1", "status_code": 200}
        return {"config": {}}

    operate = ask

    def server(self) -> Server:
        return cast(Server, SimpleNamespace(link=self, where=self.where))

    def volumes(self) -> LxdVolumes:
        return LxdVolumes(cast(LxdEngine, self.server()))


def test_the_newest_is_put_back() -> None:
    link = Link(taken={"xq-1": "2024-05-01T10:00:00Z", "xq-2": "2024-05-01T10:00:00.000000001Z"})
    link.volumes().put_back(DATA, "xq-2", 30)
    assert link.changes == [("PUT", {"restore": "xq-2"})]


@pytest.mark.parametrize(
    ("config", "taken"),
    [
        ({}, {"xq-1": "2024-05-01T10:00:00Z", "xq-2": "2024-05-01T10:00:01+00:00"}),
        # The server would remove the later one, and says of none when it was taken.
        ({"volume.zfs.remove_snapshots": "true"}, {"xq-1": NEVER, "xq-2": NEVER}),
    ],
)
def test_later_ones_are_never_removed_for_it(config: dict[str, str], taken: dict[str, str]) -> None:
    link = Link(config=config, taken=taken)
    with pytest.raises(
        EngineError, match=r"only the newest snapshot of data, and xq-1 is not: xq-2\. Nothing"
    ) as blocked:
        link.volumes().put_back(DATA, "xq-1", 30)
    assert (blocked.value.kind, blocked.value.retry, link.changes) == ("conflict", False, [])


def test_a_server_that_does_not_say_when_refuses_itself() -> None:
    link = Link(taken={"xq-1": NEVER, "xq-2": NEVER}, refuses=REFUSES)
    with pytest.raises(EngineError, match="only the newest snapshot of data, and xq-1 is not") as blocked:
        link.volumes().put_back(DATA, "xq-1", 30)
    assert blocked.value.kind == "conflict"


def test_other_data_does_not_come_into_a_volume_with_snapshots() -> None:
    """Newer servers remove the volume with all of its snapshots before they copy."""
    link = Link(taken={"xq-1": NEVER})
    side, moves = LxdVolumeCopies(link.server()), LxdVolumeMoves(link.server())
    for fill in (
        lambda: moves.overwrite("fast", "data", "other"),
        lambda: side.pour("fast", "other", "data"),
        lambda: side.fetch("fast", "data", Offer("o", (), {}, ""), "10.0.0.1:8443"),
    ):
        with pytest.raises(EngineError, match="removes the snapshots of data") as refused:
            fill()
        assert (refused.value.kind, link.changes) == ("conflict", [])
    for free in (Link(), Link(driver="btrfs", taken={"xq-1": NEVER})):
        LxdVolumeCopies(free.server()).pour("fast", "other", "data")
        assert len(free.changes) == 1
    with pytest.raises(EngineError, match="removes the snapshots of data"):  # from outside, whatever the pool is
        LxdVolumeCopies(free.server()).fetch("fast", "data", Offer("o", (), {}, ""), "10.0.0.1:8443")
    assert len(free.changes) == 1


MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))


@given(st.lists(MOMENTS, min_size=1, unique=True), st.data(), st.booleans())
def test_later_are_those_that_were_taken_later(moments: list[datetime], data: st.DataObject, removes: bool) -> None:
    taken = {f"xq-{number}": moment for number, moment in enumerate(moments)}
    told = [{"name": f"data/{name}", "created_at": moment.isoformat()} for name, moment in taken.items()]
    name = data.draw(st.sampled_from(sorted(taken)))
    found = pools.later(told, name, removes=removes)
    assert found == sorted(one for one, moment in taken.items() if moment > taken[name])
    untold = {"name": "data/odd", "created_at": data.draw(st.sampled_from(["", NEVER, "yesterday"]))}
    assert ("odd" in pools.later([*told, untold], name, removes=removes)) == removes


def test_times_in_any_zone() -> None:
    moment = datetime(2024, 5, 1, 12, tzinfo=UTC)
    told = [
        {"name": "v/a", "created_at": "2024-05-01T14:00:00+02:00"},
        {"name": "v/b", "created_at": (moment + timedelta(seconds=1)).isoformat()},
    ]
    assert pools.later(told, "a", removes=False) == ["b"]


def test_nothing_is_done_to_a_volume_that_the_server_still_works_on() -> None:
    link = Link(driver="dir", taken={"xq-1": NEVER}, busy="data")
    for do in (link.volumes().put_back, link.volumes().take, link.volumes().drop):
        with pytest.raises(EngineError, match="still works on the volume data") as busy:
            do(DATA, "xq-1", 1)
        assert (busy.value.kind, link.changes) == ("timeout", [])
    link.busy = "another"
    link.volumes().drop(DATA, "xq-1", 1)
    assert link.changes
