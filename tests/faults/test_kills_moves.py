"""`kill -9` of real worker processes at every stage of a move, of its way back, and in the middle of a drain.

All the while the engines themselves are listened to: what they say of starts and ends shows that no address ever had two.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from builds.models import Image, Project
from containers import leases
from containers.models import Container, Deployment, Instance, PersistedFolder, Service
from containers.services import drains, moves, releases, steering
from containers.services.settings import save_config
from hosts.models import Address, Host, Segment
from tests.faults.conftest import CONFIG, Site, wait_for
from tests.faults.test_kills import nothing_doubled, succeeded, walk
from tests.faults.test_moves import places
from tests.faults.workers import Workers
from xqplatform.audit.models import Event

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]
MADE = ["before create", "after create"]
STOPPED = ["before stop", "after stop"]
SWITCHED = ["before switch", "after switch"]
STARTED = ["before start", "after start", "before healthy", "after announce"]
REMOVED = ["before remove", "after remove"]
MOVE = ["before pull", "after pull", *MADE, *STOPPED, *SWITCHED, *STARTED, *REMOVED, "end", "before finish"]
BACK = [f"back {point}" for point in [*STOPPED, *SWITCHED, *STARTED, *REMOVED]]
DRAIN = ["drain before move", "drain after move", "drain in its end"]


class Ears:
    """What the engines say of starts and ends, in the order in which it happened (they share a clock)."""

    def __init__(self, site: Site) -> None:
        self.heard: list[tuple[int, str, str, str]] = []  # when, what, instance, container
        self.clients = [one.local_client() for one in site.fleet.hosts]
        wanted = {"type": "container", "event": ["start", "die"], "label": "xq.instance"}
        self.streams = [client.events(decode=True, filters=wanted) for client in self.clients]
        self.threads = [threading.Thread(target=self._listen, args=(one,), daemon=True) for one in self.streams]
        for thread in self.threads:
            thread.start()

    def _listen(self, stream: Any) -> None:
        with contextlib.suppress(ValueError, AttributeError):  # at the end it is closed while it is read
            for event in stream:
                marks = event["Actor"]["Attributes"]
                self.heard.append((event["timeNano"], event["Action"], marks["xq.instance"], event["Actor"]["ID"]))

    def close(self) -> None:
        for stream, client in zip(self.streams, self.clients, strict=True):
            with contextlib.suppress(OSError, AttributeError):  # the engine has closed it
                stream.close()
            client.close()

    def starts(self, instance: Instance) -> int:
        return sum(what == "start" and pk == str(instance.pk) for _when, what, pk, _id in self.heard)

    def never_two(self, standing: dict[str, str]) -> None:
        """No instance, and so no address, ran twice at any moment. `standing`: instance → container when it began."""
        assert all(thread.is_alive() for thread in self.threads), "all engines were listened to until now"
        runs: dict[str, set[str]] = {pk: {engine_id} for pk, engine_id in standing.items()}
        for _when, what, pk, engine_id in sorted(self.heard):
            mine = runs.setdefault(pk, set())
            mine.add(engine_id) if what == "start" else mine.discard(engine_id)
            assert len(mine) <= 1, f"instance {pk} ran in two containers at once: {sorted(self.heard)}"


@contextlib.contextmanager
def listened(site: Site) -> Iterator[Ears]:
    standing = {str(row.instance_id): row.engine_id for row in Container.objects.filter(ended=None)}
    ears = Ears(site)
    try:
        yield ears
        ears.never_two(standing)
    finally:
        ears.close()


def free_host(site: Site) -> Host:
    taken = set(Instance.objects.filter(removed=None).values_list("host", flat=True))
    return next(host for host in site.hosts if host.pk not in taken)


def addresses() -> dict[str, tuple[str, str]]:
    rows = Instance.objects.filter(removed=None).select_related("address", "place__service", "place__environment")
    return {one.name: (one.address.ip, one.address.mac) for one in rows if one.address}


def test_at_every_stage_of_a_move(site: Site, workers: Workers, settings: Any, tmp_path: Path) -> None:
    settings.PERSIST_ROOT = str(tmp_path)
    site.place.wanted = 2
    site.place.save()
    more = {"persist": True, "persist_in": "folder", "restart_policy": "always"}
    save_config(site.actor, site.place, {**CONFIG, **more})
    site.release("v1")
    one = Instance.objects.select_related("host", "address").order_by("number")[0]
    assert one.address is not None
    (tmp_path / one.address.ip / "kept").write_text("here")
    before, old, new = addresses(), one.host, free_host(site)
    with listened(site) as ears:
        row = moves.move(site.actor, site.place, [one.number], new, with_data=True)
        succeeded(walk(site, workers, row, MOVE))
        wait_for("its start was heard", lambda: ears.starts(one))
        assert ears.starts(one) == 1, "whoever comes next starts nothing a second time"
    one.refresh_from_db()
    assert one.host_id == new.pk
    assert addresses() == before
    assert " ".join(before[one.name]) == places(site)[new.name][one.name]
    site.check(2, "v1")
    # The folder stays where it was, nobody has it mounted there any more, and the new host has one of its own.
    folders = PersistedFolder.objects.filter(ip=one.address.ip, removed=None)
    assert set(folders.values_list("host", flat=True)) == {old.pk, new.pk}
    assert (tmp_path / one.address.ip / "kept").read_text() == "here"
    assert {c["HostConfig"]["RestartPolicy"]["Name"] for c in site.containers()} == {"always"}


def test_at_every_stage_of_a_moves_way_back(site: Site, workers: Workers) -> None:
    site.place.wanted = 2
    site.place.save()
    save_config(site.actor, site.place, {**CONFIG, "restart_policy": "always"})
    site.release("v1")
    before, where = addresses(), places(site)
    new = free_host(site)
    with listened(site):
        row = moves.move(site.actor, site.place, [1], new)
        assert workers.advance(row.pk, ["before healthy"]) == "before healthy"
        nothing_doubled(site)
        steering.rollback(site.actor, row)
        row = walk(site, workers, row, [*BACK, "before finish"])
    assert row.state == "rolled_back", row.outcome
    assert places(site) == where
    assert addresses() == before
    site.check(2, "v1")
    assert {c["HostConfig"]["RestartPolicy"]["Name"] for c in site.containers()} == {"always"}


def test_in_the_middle_of_a_drain(site: Site, workers: Workers) -> None:
    Segment.objects.update(probe=False)
    site.place.wanted = 4  # two of them on the first host
    site.place.save()
    site.release("v1")
    Image.objects.update(project=None)
    other = Service.objects.create(slug="rain", project=Project.objects.create(name="rain"))
    place = other.places.create(environment=site.environment, wanted=3)
    save_config(site.actor, place, CONFIG)
    site.succeeds(releases.deploy(site.actor, place, site.image("v1"), policy={"batch": 3, "deadline": 90}))
    before, host = addresses(), site.hosts[0]
    here = Instance.objects.filter(host=host, removed=None).count()
    assert here == 3
    left = {*MOVE, *DRAIN}
    with listened(site) as ears:
        row = drains.drain(site.actor, host, "new disk")
        while died := workers.drain(row.pk, left):
            left.remove(died)
            row.refresh_from_db()
            assert row.state == "active", f"{row.state} after a death at «{died}»"
            for one in row.deployments.filter(state__in=Deployment.ACTIVE).exclude(lease=""):
                assert leases.is_dead(one.lease)
            nothing_doubled(site)
        assert not left, "the drain never came to these points"
        wait_for("three starts were heard", lambda: sum(what == "start" for _w, what, *_more in ears.heard) >= here)
        assert sum(what == "start" for _w, what, *_more in ears.heard) == here
    row.refresh_from_db()
    assert row.state == "done", row.blocked
    assert row.deployments.count() == 2, "one move a service, however often its worker died"
    assert places(site)[host.name] == {}
    assert addresses() == before
    assert len(site.containers()) == 7
    assert Address.objects.filter(state="held").count() == 7
    assert set(Container.objects.filter(ended=None).values_list("engine_id", flat=True)) == {
        one["Id"] for one in site.containers()
    }
    host.refresh_from_db()
    assert (host.cordoned, host.draining) == (True, False)
    assert Event.objects.filter(action="host.drained").count() == 1
