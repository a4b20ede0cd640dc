"""What-if says what placement really does: simulated first, then planned by the code that releases, moves and drains go by."""

from __future__ import annotations

from collections import Counter

import pytest

from containers.capacity.whatif.gather import fleet
from containers.capacity.whatif.scenario import parse_all
from containers.capacity.whatif.simulate import Outcome, Part, simulate
from containers.models import Instance, ServiceEnvironment
from containers.moving import Wish
from containers.plan import Policy
from containers.services import moves
from containers.services.planning import plan_for
from hosts.models import Host, HostGroup
from tests import factories
from xqplatform.accounts.actor import Actor

GIB = 1024**3
pytestmark = pytest.mark.django_db
ME = Actor.system("tester")


@pytest.fixture
def place(db: None) -> ServiceEnvironment:
    """Six hosts in two rooms of unlike sizes, three services, some hosts that take nothing."""
    rooms = [factories.make_group("room-a"), factories.make_group("room-b")]
    HostGroup.objects.update(overcommit_memory=1, overcommit_cpus=2, reserve_memory=2 * GIB)
    hosts = [
        factories.make_host(f"h{n}", group=rooms[n % 2], cpus=8 * (1 + n % 3), memory=(16 + 8 * (n % 3)) * GIB)
        for n in range(6)
    ]
    Host.objects.filter(name="h4").update(cordoned=True, cordon_reason="disk")
    segment = factories.make_segment("lan", hosts)
    places = []
    for slug, memory, instances in (("snow", 4, 5), ("hail", 2, 9), ("sleet", 6, 3)):
        place = factories.make_place(factories.make_service(slug), "production", wanted=instances, segment=segment)
        content = {"cpus": 2, "memory": memory * GIB}
        place.config = place.current_config = factories.make_config(place, content)
        place.current_image = factories.make_image(place.service.project)
        place.save()
        for number in range(1, instances + 1):
            one = factories.make_instance(place, hosts[number % 6], number, segment)
            factories.make_container(one, place.current_image)
        places.append(place)
    return places[0]


def asked(*texts: str) -> Outcome:
    changes = parse_all(texts)
    return simulate(fleet(ME, changes), changes)


def of(found: Outcome, name: str) -> Part:
    return next(part for part in found.parts if part.name == name)


@pytest.mark.parametrize("more", [1, 5, 12, 60])
def test_more_instances_go_where_scaling_puts_them(place: ServiceEnvironment, more: int) -> None:
    part = of(asked(f"grow:snow/production:{more}"), "snow/production")
    plan = plan_for(
        place,
        "scale",
        policy=Policy(),
        image=place.current_image,
        config=place.current_config,
        wanted=place.instances.count() + more,
    )
    fits = [entry for entry in plan.entries if entry.action == "add" and not entry.problem]
    assert part.placed == len(fits)
    assert Counter(part.hosts) == Counter(entry.host for entry in fits)
    assert (part.missing == 0) == plan.fits


@pytest.mark.parametrize("name", ["h0", "h1", "h5"])
def test_a_lost_host_is_emptied_as_a_drain_does(place: ServiceEnvironment, name: str) -> None:
    """One service after the other, as a drain goes; what one brings to a host counts for the next."""
    host = Host.objects.get(name=name)
    found = asked(f"lose:{name}")
    moved, stuck = carried_out(host)
    assert found.placed == moved
    assert found.missing == stuck
    assert sum(part.asked for part in found.parts) == moved + stuck


def test_a_fleet_that_is_full_says_so_as_a_drain_does(place: ServiceEnvironment) -> None:
    hail = ServiceEnvironment.objects.get(service__slug="hail")
    config = factories.make_config(hail, {"cpus": 2, "memory": 9 * GIB})
    ServiceEnvironment.objects.filter(pk=hail.pk).update(config=config, current_config=config)
    found = asked("lose:h5")
    moved, stuck = carried_out(Host.objects.get(name="h5"))
    assert found.missing == stuck > 0
    assert found.placed == moved


@pytest.mark.parametrize(
    "rules", [{"per_host": 1}, {"pack": True}, {"rooms": True, "per_room": 4}, {"avoid": ["sleet"]}]
)
def test_rules_of_placement_hold_in_both(place: ServiceEnvironment, rules: dict[str, object]) -> None:
    ServiceEnvironment.objects.filter(pk=place.pk).update(placement=rules)
    place.refresh_from_db()
    part = of(asked("grow:snow/production:4"), "snow/production")
    plan = plan_for(
        place, "scale", policy=Policy(), image=place.current_image, config=place.current_config, wanted=9
    )  # fmt: skip
    fits = [entry.host for entry in plan.entries if entry.action == "add" and not entry.problem]
    assert Counter(part.hosts) == Counter(fits)
    found = asked("lose:h1")
    assert (found.placed, found.missing) == carried_out(Host.objects.get(name="h1"))


def carried_out(host: Host) -> tuple[int, int]:
    """Moves all that stands there by the plan of moves: how many went, and how many had nowhere to go."""
    Host.objects.filter(pk=host.pk).update(draining=True)
    moved = stuck = 0
    for place in ServiceEnvironment.objects.filter(instances__host=host).distinct().order_by("service__slug"):
        numbers = list(place.instances.filter(host=host).values_list("number", flat=True))
        plan = moves.plan_for(place, numbers, Wish())
        for entry in plan.entries:
            if entry.problem:
                stuck += 1
            else:
                moved += 1
                Instance.objects.filter(pk=entry.instance).update(host=entry.host)
    return moved, stuck


def test_figures_are_those_of_the_rows(place: ServiceEnvironment) -> None:
    found = asked()
    assert found.total.now == found.total.then
    now = found.total.now
    assert now is not None
    assert now.instances == 17
    assert now.hosts == 6
    assert now.closed == 1
    assert now.used_memory == (5 * 4 + 9 * 2 + 3 * 6) * GIB
    assert now.used_cpus == 34
    assert now.memory == sum(16 + 8 * (n % 3) - 2 for n in range(6)) * GIB
    assert now.may_cpus == 2 * now.cpus
