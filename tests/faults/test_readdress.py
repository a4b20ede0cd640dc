"""Another address on real engines: the new one answers, the old one is silent, deaths at every stage change nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from containers.models import Instance, PersistedFolder
from containers.services import readdress, steering
from containers.services.settings import save_config
from containers.steps import points
from hosts.models import Address, Segment
from tests.faults.conftest import CONFIG, Site, wait_for
from tests.faults.test_kills import succeeded, walk
from tests.faults.test_kills_moves import (
    MADE,
    REMOVED,
    STARTED,
    STOPPED,
    SWITCHED,
    listened,
)
from tests.faults.test_moves import answers, places
from tests.faults.workers import Workers

pytestmark = [pytest.mark.engine, pytest.mark.timeout(900)]
ALL = ["before pull", "after pull", *MADE, "before probe", *STOPPED, *SWITCHED, *STARTED, *REMOVED, "before rename",
       "end", "before finish"]  # fmt: skip
BACK = [f"back {point}" for point in [*STOPPED, *SWITCHED, *STARTED, *REMOVED]]


@pytest.fixture
def two(site: Site, settings: Any, tmp_path: Path) -> tuple[Instance, Instance]:
    settings.PERSIST_ROOT = str(tmp_path)
    site.place.wanted = 2
    site.place.save()
    more = {"persist": True, "persist_in": "folder", "restart_policy": "always"}
    save_config(site.actor, site.place, {**CONFIG, **more})
    site.release("v1")
    rows = Instance.objects.select_related("host", "address", "place__service", "place__environment")
    first, second = rows.order_by("number")
    return first, second


def test_at_every_stage(site: Site, workers: Workers, two: tuple[Instance, Instance], tmp_path: Path) -> None:
    one, neighbour = two
    old, new = one.ip, site.fleet.segment.address(40)
    (tmp_path / old / "kept").write_text("here")
    assert answers(site, neighbour, old)
    with listened(site) as ears:
        row = readdress.readdress(site.actor, one, new, with_data=True, reason="their list")
        succeeded(walk(site, workers, row, ALL))
        wait_for("its start was heard", lambda: ears.starts(one))
        assert ears.starts(one) == 1
    one.refresh_from_db()
    assert one.ip == new
    wait_for("the neighbour reaches the new one", lambda: answers(site, neighbour, new))
    assert not answers(site, neighbour, old)
    assert new in places(site)[one.host.name][one.name]
    site.check(2, "v1")
    assert Address.objects.get(ip=old).state == "quarantine"
    assert (tmp_path / old / "kept").read_text() == "here"
    assert not (tmp_path / new / "kept").exists()
    assert PersistedFolder.objects.get(ip=new, removed=None).holder == "snow/isolated/1"
    assert {c["HostConfig"]["RestartPolicy"]["Name"] for c in site.containers()} == {"always"}
    # The next release knows nothing but the new one.
    site.release("v2")
    site.check(2, "v2")


def test_at_every_stage_of_the_way_back(site: Site, workers: Workers, two: tuple[Instance, Instance]) -> None:
    one, _neighbour = two
    before, new = places(site), site.fleet.segment.address(40)
    with listened(site):
        row = readdress.readdress(site.actor, one, new, with_data=True)
        assert workers.advance(row.pk, ["before healthy"]) == "before healthy"
        steering.rollback(site.actor, row)
        row = walk(site, workers, row, [*BACK, "before finish"])
    assert row.state == "rolled_back", row.outcome
    assert places(site) == before
    site.check(2, "v1")
    assert Address.objects.get(ip=new).state == "quarantine"
    assert {c["HostConfig"]["RestartPolicy"]["Name"] for c in site.containers()} == {"always"}


def test_a_strangers_address_is_not_used_and_nothing_is_stopped(site: Site, two: tuple[Instance, Instance]) -> None:
    one, neighbour = two
    new = site.fleet.segment.address(40)
    machine = next(host for host in site.fleet.hosts if host.name == neighbour.host.name)
    image = site.image("v1")
    with machine.local_client() as client:
        config = client.create_networking_config({"xq-lan": client.create_endpoint_config(ipv4_address=new)})
        made = client.create_container(image.image_id, name="stranger", networking_config=config)
        client.start(made["Id"])
        seen: list[str] = []
        points.PROBE.append(lambda point, step: seen.append(point))
        try:
            row = site.advance(readdress.readdress(site.actor, one, new, with_data=True))
        finally:
            client.remove_container("stranger", force=True)
    points.PROBE.clear()
    assert row.state == "rolled_back", row.outcome
    assert f"{new} answers from MAC" in row.outcome
    assert "after stop" not in seen[: seen.index("before probe") + 2]
    site.check(2, "v1")
    kept = Address.objects.get(ip=new)
    assert (kept.state, kept.holder) == ("reserved", "")
    assert Segment.objects.get().probe
