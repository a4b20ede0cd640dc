"""What moves leave on hosts: put aside, kept for its time, removed; and never somebody else's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from containers import left_behind
from containers.keeping.models import Snapshot
from containers.models import Instance, MovedVolume, Step
from containers.services import moves
from hosts.engine_errors import EngineError
from hosts.models import Host
from hosts.volume_copies import Kept, Look, Offer
from tests.factories import make_config, make_container, make_deployment, make_host, make_step
from xqplatform.audit.models import Event

pytestmark = pytest.mark.django_db(transaction=True)
NAME = "xq-vol-store"


class Server:
    """Volumes of one server by name; `away`: it does not answer."""

    def __init__(self, **marks: dict[str, str]) -> None:
        self.volumes = {
            name.replace("_", "-"): Kept(name.replace("_", "-"), "default", {}, its) for name, its in marks.items()
        }
        self.away = False

    def pool(self) -> str:
        if self.away:
            raise EngineError("unreachable", "cut", "store-1 does not answer.")
        return "default"

    def whole(self, pool: str) -> str:
        return ""

    def find(self, pool: str, name: str) -> Kept | None:
        self.pool()
        return self.volumes.get(name)

    def make(self, pool: str, like: Kept, name: str, marks: Mapping[str, str]) -> None:
        self.volumes[name] = Kept(name, pool, {}, marks)

    def mark(self, pool: str, name: str, marks: Mapping[str, str]) -> None:
        self.volumes[name] = replace(self.volumes[name], marks={**self.volumes[name].marks, **marks})

    def rename(self, pool: str, name: str, other: str) -> None:
        self.volumes[other] = replace(self.volumes.pop(name), name=other)

    def remove(self, pool: str, name: str) -> None:
        self.volumes.pop(name, None)

    def clone(self, pool: str, name: str, snapshot: str, other: str, marks: Mapping[str, str]) -> None: ...
    def pour(self, pool: str, name: str, other: str) -> None: ...
    def owned_as(self, pool: str, name: str, like: Kept) -> None: ...

    def offer(self, pool: str, name: str) -> Offer:
        raise NotImplementedError

    def fetch(self, pool: str, name: str, offer: Offer, address: str) -> str:
        raise NotImplementedError

    def look(self, operation: str) -> Look:
        return Look("gone")

    def filling(self, pool: str, name: str) -> list[str]:
        return []


@pytest.fixture
def row(instance: Instance) -> MovedVolume:
    """Of a move from `store-1` that is through."""
    step = make_step(make_deployment(instance.place, kind="move"), instance, action="move")
    return MovedVolume.objects.create(
        instance=instance, step=step, host=instance.host, name=NAME, was=NAME, kind="left",
        until=timezone.now() + timedelta(days=1),
    )  # fmt: skip


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Server]:
    def put(**marks: dict[str, str]) -> Server:
        made = Server(**marks)
        monkeypatch.setattr(left_behind, "copies_of", lambda host: made)
        return made

    return put


def test_it_is_put_aside_kept_and_removed_with_its_snapshots(row: MovedVolume, at: Callable[..., Server]) -> None:
    server = at(xq_vol_store={}, other={})
    snapshot = Snapshot.objects.create(
        instance=row.instance,
        host=row.host,
        state="ready",
        volumes=[{"name": NAME, "pool": "default", "target": "/data"}],
    )
    server.away = True
    assert left_behind.tidy() == 0
    row.refresh_from_db()
    assert (row.name, row.words) == (NAME, "store-1 does not answer.")
    server.away = False
    assert left_behind.tidy() == 0
    row.refresh_from_db()
    assert set(server.volumes) == {row.aside, "other"}
    assert (row.name, row.words, row.removed) == (row.aside, "", None)
    snapshot.refresh_from_db()
    assert snapshot.volumes[0]["name"] == row.aside

    MovedVolume.objects.update(until=timezone.now())
    Snapshot.objects.update(pinned=True)
    assert left_behind.tidy() == 0
    row.refresh_from_db()
    assert "snapshots that are pinned" in row.words
    assert row.aside in server.volumes
    Snapshot.objects.update(pinned=False)
    assert left_behind.tidy() == 1
    assert set(server.volumes) == {"other"}
    snapshot.refresh_from_db()
    assert snapshot.state == "gone"
    event = Event.objects.get(action="moved.remove")
    assert event.after["volume"] == NAME
    assert left_behind.tidy() == 0


def test_what_is_on_its_way_is_left_to_its_move(row: MovedVolume, at: Callable[..., Server]) -> None:
    mark = {left_behind.MOVING: str(row.pk)}
    server = at(xq_vol_store=mark)
    MovedVolume.objects.update(kind="arriving", until=None)
    assert row.step is not None
    type(row.step.deployment).objects.update(state="running")
    assert left_behind.tidy() == 0
    assert set(server.volumes) == {NAME}
    # Its move is over, and did not get that far: nothing was ever started with it.
    type(row.step.deployment).objects.update(state="failed")
    Step.objects.update(times={})
    assert left_behind.tidy() == 1
    assert not server.volumes


def test_what_was_written_to_is_kept_for_its_time(row: MovedVolume, at: Callable[..., Server]) -> None:
    server = at(xq_vol_store={left_behind.MOVING: str(row.pk)})
    MovedVolume.objects.update(kind="arriving", until=None)
    Step.objects.update(times={"start": [1, 2]})
    assert left_behind.tidy() == 0
    assert set(server.volumes) == {row.aside}


@pytest.mark.parametrize("marks", [{}, {left_behind.MOVING: "999999"}])
def test_somebody_elses_of_the_same_name_is_not_touched(
    row: MovedVolume, at: Callable[..., Server], marks: dict[str, str]
) -> None:
    server = at(xq_vol_store=marks)
    MovedVolume.objects.update(kind="arriving", until=None)
    Step.objects.update(times={})
    left_behind.tidy()
    assert set(server.volumes) == {NAME}
    assert server.volumes[NAME].marks == marks
    # Nor one that somebody gave the name of one that was put aside.
    MovedVolume.objects.update(name=row.aside, kind="left", removed=None, until=timezone.now())
    server.volumes = {row.aside: Kept(row.aside, "default", {}, {})}
    left_behind.tidy()
    assert set(server.volumes) == {row.aside}


def test_the_page_says_what_is_where(row: MovedVolume, client: Client, developer: Any) -> None:
    client.force_login(developer)
    MovedVolume.objects.update(name=row.aside, words="<b>away</b>")
    text = client.get("/services/store/production/data/").content.decode()
    assert row.aside in text
    assert "left by a move" in text
    assert "&lt;b&gt;away" in text


def test_a_move_takes_data_along_where_both_hosts_can(instance: Instance, sre: Any) -> None:
    place = instance.place
    config = make_config(
        place, {"volumes": [{"source": "data", "target": "/data"}], "persist": True, "memory": 64 << 20}
    )
    make_container(instance, config=config)
    place.current_config = place.config = config
    place.save()
    make_host("docker-1")
    other = make_host("store-9", runtime="lxd", api_version="1.0")
    group = instance.host.group
    if group is not None:
        Host.objects.filter(pk=other.pk).update(group=group)
    entry = moves.plan_for(place, [instance.number], moves.Wish()).entries[0]
    assert (entry.host_name, entry.problem) == ("store-9", "")
    assert "its data moves along: data (/data), /persist" in entry.note
    # A host that cannot be reached gives nothing away.
    Host.objects.filter(pk=instance.host_id).update(state="unreachable")
    lost = moves.plan_for(place, [instance.number], moves.Wish(fenced=True)).entries[0]
    assert "does not move" in lost.problem
