"""A day that is rolled up weeks later has what stood on it, not what stands now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from containers.capacity import past, rollup
from containers.capacity.models import Day, HostDay, Of, PlaceDay, SegmentDay, SumDay
from containers.models import Container, Deployment, Instance, Step
from hosts.models import Host, HostChange, HostGroup
from hosts.services import machines
from tests import factories

pytestmark = pytest.mark.django_db
GIB = 1 << 30


def ago(days: float) -> datetime:
    return timezone.now() - timedelta(days=days)


def at(row: Any, **times: datetime) -> Any:
    type(row).objects.filter(pk=row.pk).update(**times)
    return row


@pytest.fixture
def world(actor_sre: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Until three days ago: two instances of 1 core on «old» in room A; then one of them was moved to «new», with settings of 4 cores,
    the other was removed, and a third came. Meanwhile «old» went to room B, and room A got other rules."""
    old, new = (factories.make_host(name, connection="local", address=f"/run/{name}.sock") for name in ("old", "new"))
    segment = factories.make_segment(hosts=[old, new])
    place = factories.make_place(segment=segment)
    small, large = (factories.make_config(place, {"cpus": n, "memory": n * GIB}) for n in (1, 4))
    moved, gone = (factories.make_instance(place, old, n, segment) for n in (1, 2))
    for one in (old, new, moved, gone):
        at(one, created=ago(20))
    for one in (moved, gone):
        at(factories.make_container(one, config=small), created=ago(20), ended=ago(3))
    Instance.objects.filter(pk=gone.pk).update(removed=ago(3), address=None)
    gone.address.delete()
    Instance.objects.filter(pk=moved.pk).update(host=new)
    moved.refresh_from_db()
    at(factories.make_container(moved, config=large), created=ago(3))
    third = at(factories.make_instance(place, new, 3, segment), created=ago(3))
    at(factories.make_container(third, config=large), created=ago(3))
    place.config = place.current_config = large
    place.save()
    factories.make_group("room-b")
    HostGroup.objects.update(overcommit_cpus=2.0)
    then = ago(3)
    with monkeypatch.context() as patch:
        patch.setattr(timezone, "now", lambda: then)
        machines.change_host(actor_sre, old, {"group": "room-b"})
        machines.save_group(
            actor_sre, {"overcommit_cpus": 1.0, "slug": "room-a1"}, HostGroup.objects.get(slug="room-a")
        )
    return {"old": old, "new": new, "place": place, "segment": segment, "moved": moved, "small": small}


def day(days: int) -> Any:
    return ago(days).astimezone(UTC).date()


def test_a_late_day_has_what_stood_on_it(world: dict[str, Any]) -> None:
    assert rollup.run() is True
    before = {row.host.name: row for row in HostDay.objects.filter(day=day(7)).select_related("host", "group")}
    assert (before["old"].instances, before["old"].cpus_committed, before["old"].memory_committed) == (2, 2.0, 2 * GIB)
    assert (before["old"].cpus_allocatable, before["old"].group.slug) == (32.0, "room-a1")
    assert (before["new"].instances, before["new"].cpus_committed) == (0, 0.0)
    after = {row.host.name: row for row in HostDay.objects.filter(day=day(1)).select_related("host", "group")}
    assert (after["old"].instances, after["old"].cpus_allocatable, after["old"].group.slug) == (0, 32.0, "room-b")
    assert (after["new"].instances, after["new"].cpus_committed, after["new"].cpus_allocatable) == (2, 8.0, 16.0)
    limits = dict(PlaceDay.objects.filter(place=world["place"]).values_list("day", "cpus_limit"))
    assert (limits[day(7)], limits[day(1)]) == (2.0, 8.0)
    taken = dict(SegmentDay.objects.values_list("day", "taken"))
    assert taken[day(7)] == taken[day(1)] == 2
    of_room = {row.day: row.hosts for row in SumDay.objects.filter(of=Of.GROUP, key=before["old"].group_id)}
    assert (of_room[day(7)], of_room[day(1)]) == (2, 1)
    assert set(Day.objects.values_list("recorded", flat=True)) == {True}


def test_addresses_count_by_who_stood_there(world: dict[str, Any]) -> None:
    late = at(factories.make_instance(world["place"], world["new"], 9, world["segment"]), created=ago(1))
    assert past.addresses(ago(2))[world["segment"].pk] == -1
    Instance.objects.filter(pk=late.pk).update(created=ago(9))
    assert past.addresses(ago(2))[world["segment"].pk] == 0


def test_limits_that_were_changed_in_place_since_are_those_of_then(world: dict[str, Any]) -> None:
    place, moved = world["place"], world["moved"]
    newest = Container.objects.filter(instance=moved).latest("pk")
    work = factories.make_deployment(place, kind=Deployment.Kind.LIMITS)
    Step.objects.create(
        deployment=work, instance=moved, position=0, action=Step.Action.LIMITS, state=Step.State.DONE,
        config=newest.config, old_config=world["small"],
    )  # fmt: skip
    at(work, created=ago(1))
    assert past.committed(ago(2)).hosts[world["new"].pk].cpus == 1.0 + 4.0
    assert past.committed(ago(0)).hosts[world["new"].pk].cpus == 8.0
    # A container that was gone by then was not the one that was changed.
    assert past.committed(ago(7)).hosts[world["old"].pk].cpus == 2.0


def test_a_host_that_was_retired_since_was_there(world: dict[str, Any]) -> None:
    Host.objects.filter(name="old").update(state=Host.State.RETIRED)
    HostChange.objects.create(host=world["old"], old="ready", new="retired", time=ago(2))
    assert {row.name for row in past.hosts(ago(5))} == {"old", "new"}
    assert {row.name for row in past.hosts(ago(1))} == {"new"}
    assert next(row for row in past.hosts(ago(5)) if row.name == "old").state == "ready"
