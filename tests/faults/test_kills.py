"""`kill -9` of real worker processes at every stage: whoever comes next ends what was begun, and nothing is left over."""

from __future__ import annotations

import pytest

from containers import leases
from containers.models import Deployment, Instance
from containers.services import catalog, releases
from hosts.models import Address, Segment
from tests.faults.conftest import Site
from tests.faults.workers import Workers

pytestmark = pytest.mark.engine
RETIRE = ["before stop", "before remove", "after remove"]
MAKE = ["before create", "after create", "before start", "after start", "before healthy"]
ALL = ["before pull", "after pull", *MAKE, "before stop", "after stop", "before remove", "after remove", "before rename",
       "end", "before finish"]  # fmt: skip
BACK = [f"back {point}" for point in [*RETIRE, *MAKE]]


def nothing_doubled(site: Site) -> None:
    """What holds at any moment, also between a death and the next worker."""
    there = site.containers()
    running = [one["Config"]["Labels"]["xq.instance"] for one in there if one["State"]["Running"]]
    assert len(running) == len(set(running)), [(c["Name"], c["State"]["Status"]) for c in there]
    held = set(Address.objects.filter(state="held").values_list("ip", flat=True))
    used = [c["NetworkSettings"]["Networks"]["xq-lan"]["IPAddress"] for c in there if c["State"]["Running"]]
    assert set(used) <= held
    assert held == set(Instance.objects.filter(removed=None).values_list("address__ip", flat=True))


def walk(site: Site, workers: Workers, row: Deployment, points: list[str]) -> Deployment:
    """One worker after the other dies, each at a point where none died before; the last one goes on to the end."""
    left = set(points)
    while died := workers.advance(row.pk, left):
        left.remove(died)
        row.refresh_from_db()
        assert row.state in Deployment.ACTIVE, f"{row.state} after a death at «{died}»"
        assert leases.is_dead(row.lease), f"the lease of who died at «{died}» shows it"
        nothing_doubled(site)
    assert not left, "the release never came to these points"
    row.refresh_from_db()
    assert not row.lease
    return row


def succeeded(row: Deployment) -> None:
    steps = [(one.instance.number, one.state, one.reason) for one in row.steps.all()]
    assert row.state == "succeeded", (row.outcome, steps)
    assert {one.state for one in row.steps.all()} == {"done"}


def test_at_every_stage_of_a_release(site: Site, workers: Workers) -> None:
    Segment.objects.update(probe=False)
    site.release("v1")
    addresses = dict(Instance.objects.values_list("number", "address__ip"))
    succeeded(walk(site, workers, site.deploy("v2"), ALL))
    site.check(3, "v2")
    assert dict(Instance.objects.values_list("number", "address__ip")) == addresses


def test_at_every_stage_of_the_way_back(site: Site, workers: Workers) -> None:
    Segment.objects.update(probe=False)
    site.release("v1")
    addresses = dict(Instance.objects.values_list("number", "address__ip"))
    row = walk(site, workers, site.deploy("sick", batch=2, deadline=3), [*BACK, "before finish"])
    assert row.state == "rolled_back", row.outcome
    site.check(3, "v1")
    assert dict(Instance.objects.values_list("number", "address__ip")) == addresses


def test_at_every_stage_of_growing_shrinking_and_removing(site: Site, workers: Workers) -> None:
    site.place.wanted = 1
    site.place.save()
    site.release("v1")
    up = releases.scale(site.actor, site.place, 4)
    assert up is not None
    # They ask who has a new address on the wire: a dead worker's own container answers.
    succeeded(walk(site, workers, up, ["after create", "after start", "before finish"]))
    site.check(4, "v1")
    down = releases.scale(site.actor, site.place, 2)
    assert down is not None
    succeeded(walk(site, workers, down, [*RETIRE, "end", "before finish"]))
    site.check(2, "v1")
    (gone,) = catalog.remove_service(site.actor, site.service)
    succeeded(walk(site, workers, gone, ["before remove", "before finish"]))
    assert site.containers() == []
    assert not Address.objects.filter(state="held").exists()
    site.service.refresh_from_db()
    assert site.service.removed is not None
