"""Rules of a place and of its environment, and limits of host groups: what releases and moves go by."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from builds.models import Image, Project
from containers.models import Deployment, Environment, Instance, Service, ServiceEnvironment
from containers.services import catalog, moves, releases
from containers.services import settings as places
from hosts.models import Host, HostGroup, Segment
from hosts.services import machines
from xqplatform.accounts.actor import Actor
from xqplatform.audit.models import Event
from xqplatform.errors import Refused

ACTOR = Actor.system("tester")
GIB = 1 << 30
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fleet() -> list[Host]:
    """Two rooms, two hosts each, of 8 cores and 16 GiB, on one segment."""
    rooms = [HostGroup.objects.create(slug=f"room-{name}", title=f"Room {name.upper()}") for name in "ab"]
    hosts = [
        Host.objects.create(
            name=f"h{n}",
            address=f"10.9.0.{n}:2376",
            state="ready",
            api_version="1.41",
            cpus=8,
            memory=16 * GIB,
            group=rooms[(n - 1) // 2],
            labels={"disk": "ssd"} if n % 2 else {},
        )
        for n in (1, 2, 3, 4)
    ]
    row = Segment.objects.create(slug="seg", cidr="10.9.1.0/24", gateway="10.9.1.1")
    row.hosts.set(hosts)
    Environment.objects.filter(slug="isolated").update(segment=row)
    return hosts


def service(name: str, wanted: int = 1, **placement: Any) -> ServiceEnvironment:
    project = Project.objects.create(name=name)
    place: ServiceEnvironment = Service.objects.create(slug=name, project=project).places.create(
        environment=Environment.objects.get(slug="isolated"), wanted=wanted
    )
    places.save_config(ACTOR, place, {"memory": "2g", "cpus": 1})
    Image.objects.create(
        project=project, repository=name, tag=f"{name}-1", image_id=f"sha256:{name}", state="deployable"
    )
    if placement:
        catalog.change_place(ACTOR, place, {"placement": placement})
    return fresh(place)


def fresh(place: ServiceEnvironment) -> ServiceEnvironment:
    rows = ServiceEnvironment.objects.select_related("service", "environment", "config")
    return rows.get(pk=place.pk)


def deploy(place: ServiceEnvironment) -> Deployment:
    return releases.deploy(ACTOR, fresh(place), Image.objects.get(project=place.service.project_id))


def where(place: ServiceEnvironment) -> Counter[str]:
    return Counter(Instance.objects.filter(place=place, removed=None).values_list("host__name", flat=True))


def test_one_a_host_is_kept_and_the_refusal_says_how_many_fit() -> None:
    place = service("snow", wanted=5, per_host=1)
    with pytest.raises(Refused, match=r"No room for 1 of 5.*as many as its rule allows on a host"):
        deploy(place)
    catalog.change_place(ACTOR, place, {"placement": {"per_host": 2}})
    deploy(place)
    assert sorted(where(place).values()) == [1, 1, 1, 2]
    event = Event.objects.filter(action="service.change").first()
    assert event is not None
    assert (event.before, event.after) == ({"placement": {"per_host": 1}}, {"placement": {"per_host": 2}})


def test_a_place_goes_by_its_environment_where_it_sets_nothing() -> None:
    environment = Environment.objects.get(slug="isolated")
    catalog.save_environment(ACTOR, environment, {"placement": {"labels": ["disk=ssd"], "per_room": 1}})
    first = service("snow", wanted=2)
    deploy(first)
    assert where(first) == {"h1": 1, "h3": 1}
    other = service("rain", wanted=3, labels=[], per_room=0)
    deploy(other)
    assert len(where(other)) == 3


def test_services_that_avoid_each_other_share_no_host_whoever_comes_first() -> None:
    rain, snow = service("rain", wanted=2), service("snow", wanted=4, per_host=1, avoid=["rain"])
    deploy(rain)
    with pytest.raises(Refused, match=r"No room for 2 of 4.*must not be on one host with it"):
        deploy(snow)
    ServiceEnvironment.objects.filter(pk=snow.pk).update(wanted=2)
    deploy(snow)
    assert not set(where(rain)) & set(where(snow))
    hail = service("hail")
    catalog.change_place(ACTOR, snow, {"placement": {"avoid": ["rain", "hail"], "per_host": 1}})
    deploy(hail)  # it says nothing of snow, but snow does of it
    assert not set(where(hail)) & set(where(snow))
    ServiceEnvironment.objects.filter(pk=hail.pk).update(current_image=Image.objects.get(project__name="hail"))
    plan = moves.preview(ACTOR, fresh(hail), [1], Host.objects.get(name=min(where(snow))))
    assert "must not be on one host" in plan.refusal()


def test_an_environment_s_rule_to_avoid_holds_for_whoever_comes_later() -> None:
    rain, snow = service("rain", wanted=2), service("snow")
    environment = Environment.objects.get(slug="isolated")
    catalog.save_environment(ACTOR, environment, {"placement": {"avoid": ["rain"], "per_host": 3}})
    deploy(snow)
    deploy(rain)
    assert not set(where(rain)) & set(where(snow))


def test_who_changes_the_branch_leaves_what_somebody_else_changed_meanwhile() -> None:
    place = service("snow")
    looked = fresh(place)
    catalog.change_place(ACTOR, place, {"placement": {"per_host": 2}})
    catalog.change_place(ACTOR, looked, {"branch": "next"})
    assert (fresh(place).branch, fresh(place).placement) == ("next", {"per_host": 2})


def test_packed_instances_fill_one_host_first() -> None:
    place = service("snow", wanted=6, pack=True)
    deploy(place)
    assert where(place) == {"h1": 6}


def test_rooms_come_before_hosts_where_that_is_wanted() -> None:
    Host.objects.filter(name="h4").update(cordoned=True)
    place = service("snow", wanted=4, rooms=True)
    deploy(place)
    assert where(place) == {"h1": 1, "h2": 1, "h3": 2}


def test_a_group_says_how_much_of_its_hosts_may_be_promised() -> None:
    for group in HostGroup.objects.all():
        limits = {"reserve_cpus": 2, "reserve_memory": 4 * GIB, "overcommit_cpus": 1, "overcommit_memory": 1}
        machines.save_group(ACTOR, limits, group)
    place = service("snow", wanted=25)  # 12 GiB of each host: six of 2 GiB on each
    with pytest.raises(
        Refused, match=r"No room for 1 of 25.*h1 \(Room A\): 2.0 GiB more memory \(14.0 GiB would be promised, 12.0"
    ):
        deploy(place)
    ServiceEnvironment.objects.filter(pk=place.pk).update(wanted=24)
    deploy(place)
    assert set(where(place).values()) == {6}
    with pytest.raises(Refused, match="No room"):
        deploy(service("rain"))


@pytest.mark.parametrize(
    ("placement", "field"),
    [
        ([], "placement"),
        ({"nonsense": 1}, "placement"),
        ({"pack": "yes"}, "placement.pack"),
        ({"per_host": True}, "placement.per_host"),
        ({"per_room": 10**4300}, "placement.per_room"),
        ({"per_host": -1}, "placement.per_host"),
        ({"avoid": ["nobody"]}, "placement.avoid"),
        ({"avoid": "rain"}, "placement.avoid"),
        ({"labels": ["<b>\x00"]}, "placement.labels"),
        ({"unlabels": ["a"] * 21}, "placement.unlabels"),
    ],
)
def test_nonsense_is_refused_with_its_field(placement: Any, field: str) -> None:
    place = service("snow")
    with pytest.raises(Refused) as refused:
        catalog.change_place(ACTOR, place, {"placement": placement})
    assert refused.value.field == field
    assert fresh(place).placement == {}
