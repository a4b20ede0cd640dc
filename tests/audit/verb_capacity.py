"""Valid data for verbs of capacity (see verb_data.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from containers.capacity import objectives, prices, rebalancing, resizing, sizes
from containers.capacity.models import Objective
from containers.capacity.resizing import Shown
from containers.capacity.rightsizing import Wish
from tests.accounts.access_table import World
from tests.capacity.size_data import make_days
from tests.capacity.uneven import make_uneven
from xqplatform.accounts.actor import Actor

PRICE = {"monthly": "300", "currency": "EUR", "valid_from": "2026-11-01"}


def remove_objective(world: World, actor: Actor) -> Callable[[], Any]:
    place = world.more["place"]
    Objective.objects.get_or_create(place=place, defaults={"target": 99})
    return lambda: objectives.remove(actor, place)


def remove_price(world: World, actor: Actor) -> Callable[[], Any]:
    row = prices.add(Actor.system("test"), PRICE)
    return lambda: prices.remove(actor, row)


def rebalance(_world: World, actor: Actor) -> Callable[[], Any]:
    make_uneven()
    found = rebalancing.find(Actor.system("test"))
    return lambda: rebalancing.begin(actor, len(found.proposal.moves), found.mark)


def resize(world: World, actor: Actor) -> Callable[[], Any]:
    place = world.more["instance"].place
    make_days(place)
    (one,) = sizes.of_actor(actor, Wish(), [place.pk])
    return lambda: resizing.resize(actor, [Shown(place.pk, one.version, one.advice.proposed)], Wish())


CAPACITY: dict[str, Callable[[World, Actor], Callable[[], Any]]] = {
    "containers.capacity.objectives.remove": remove_objective,
    "containers.capacity.prices.add": lambda w, a: lambda: prices.add(a, PRICE),
    "containers.capacity.prices.remove": remove_price,
    "containers.capacity.rebalancing.begin": rebalance,
    "containers.capacity.resizing.resize": resize,
}
