"""Rebalancing beside changes of the very services that it moves, bills beside prices: nobody waits for ever, and nothing is done twice."""

from __future__ import annotations

from typing import Any

import pytest

from builds.models import Image
from containers.capacity import bills, prices, rebalancing
from containers.capacity.models import CostMonth, Price
from containers.models import Deployment, ServiceEnvironment, Step
from containers.services import moves, releases
from tests import factories
from tests.capacity.test_costs import JUNE, PRICE, day_of
from tests.capacity.uneven import make_uneven
from tests.containers.test_capacity import at_once
from xqplatform.accounts.actor import Actor

ACTOR = Actor.system("tester")
ROUNDS = 3


@pytest.mark.django_db(transaction=True)
def test_rebalancing_and_changes_of_the_same_services_at_the_same_moment() -> None:
    make_uneven()
    for _round in range(ROUNDS):
        found = rebalancing.find(ACTOR)
        mine = [move.place for move in found.proposal.moves]
        assert len(mine) == 4

        def place(pk: int) -> ServiceEnvironment:
            return ServiceEnvironment.objects.select_related("service", "environment").get(pk=pk)

        # Against the order in which rebalancing locks them, and the kinds that take the lock of all plans, too.
        verbs: list[Any] = [
            lambda found=found: rebalancing.begin(ACTOR, 4, found.mark),
            lambda found=found: rebalancing.begin(ACTOR, 4, found.mark),
            lambda pk=mine[3]: releases.scale(ACTOR, place(pk), 2),
            lambda pk=mine[0]: releases.deploy(ACTOR, place(pk), Image.objects.get(project__service__places=pk)),
            lambda pk=mine[2]: moves.move(ACTOR, place(pk), [1]),
        ]
        outcome = at_once(verbs)
        # Whoever came too late is told so in words: never a deadlock, a lock that times out, or an error nobody foresaw.
        assert not [word for word in outcome if word.split(":")[0].endswith("Error")], outcome
        assert sum(outcome.values()) == len(verbs)
        assert outcome["done"] >= 1
        active = Deployment.objects.filter(state__in=Deployment.ACTIVE).values_list("place", flat=True)
        assert len(active) == len(set(active))
        steps = Step.objects.filter(action="move").values_list("instance", flat=True)
        assert len(steps) == len(set(steps))
        ServiceEnvironment.objects.update(active=None)
        Deployment.objects.all().delete()
        for pk in mine:
            place(pk).instances.exclude(number=1).delete()


@pytest.mark.django_db(transaction=True)
def test_bills_counted_by_two_while_prices_come_are_those_of_all_prices(enqueued: Any) -> None:
    day_of(JUNE, factories.make_host("h1"), factories.make_place(factories.make_service("flake")))
    for n in range(ROUNDS):
        later = PRICE | {"monthly": str(300 + n), "valid_from": f"2026-06-0{n + 1}"}
        outcome = at_once([bills.count, bills.count, lambda later=later: prices.add(ACTOR, later), bills.count])  # type: ignore[misc]
        assert outcome == {"done": 4}
        assert Price.objects.count() == n + 1
        bills.count()  # as the new price's own task does
        row = CostMonth.objects.get()
        kept = row.bill
        row.delete()
        bills.count()
        assert CostMonth.objects.get().bill == kept  # nothing of before the price is left in it
