"""What a train would do, before it begins: each car's plan, what its guardrails say now, and what it would wait for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from builds.models import Image
from containers.guardrails import asking
from containers.guardrails.verdict import Check, Verdict
from containers.how import batch_rows, policy_words
from containers.models import Car, Train
from containers.plan import Plan, Policy
from containers.services import holders
from containers.services.planning import check_image, plan_for
from containers.services.waiting import can_wait
from containers.trains import choosing
from containers.trains.rows import other_train
from containers.waiting_words import lines
from xqplatform.errors import Refused


@dataclass
class CarPlan:
    """`refusal`: why it would fail if it began now; `later`: what it would wait for; `blocked`: a guardrail that time does
    not take away.
    """

    car: Car
    image: Image | None
    plan: Plan | None = None
    refusal: str = ""
    checks: tuple[Check, ...] = ()
    blocked: bool = False
    later: list[str] = field(default_factory=list)

    @property
    def same(self) -> bool:
        return self.image is not None and self.image.pk == self.car.place.current_image_id

    @property
    def how(self) -> list[tuple[str, str]]:
        return policy_words(self.car.policy, "deploy")

    @property
    def batches(self) -> list[Any]:
        return batch_rows(self.plan)

    @property
    def hosts(self) -> int:
        return len({entry.host for entry in self.plan.entries}) if self.plan is not None else 0


@dataclass
class StagePlan:
    number: int
    cars: list[CarPlan]

    @property
    def instances(self) -> int:
        return sum(len(one.plan.entries) for one in self.cars if one.plan is not None)


def plan_of(train: Train, cars: Sequence[Car]) -> list[StagePlan]:
    """Its stages as they would go now. Later stages are judged by what is true now, too: the pages say so."""
    queues = lines([car.place for car in cars])
    found: dict[int, list[CarPlan]] = {}
    for car in cars:
        one = _plan(car, train)
        holder = holders.held_by(car.place)
        if holder:
            one.later.append(holder)
        waits = len(queues[car.place_id])
        if waits:
            text = ngettext("%(n)d release waits there before it.", "%(n)d releases wait there before it.", waits)
            one.later.append(text % {"n": waits})
        if (other := other_train(car.place, train)) is not None:
            one.later.append(_("The train #%(n)d releases there, too.") % {"n": other.pk})
        found.setdefault(car.stage, []).append(one)
    return [StagePlan(number, mine) for number, mine in sorted(found.items())]


def mark_of(stages: Sequence[StagePlan]) -> dict[str, int]:
    """The images of this very plan, as `services.begin` takes them."""
    return {str(one.car.pk): one.image.pk if one.image is not None else 0 for stage in stages for one in stage.cars}


def _plan(car: Car, train: Train) -> CarPlan:
    place = car.place
    image = car.image or choosing.newest(place)
    one = CarPlan(car, image)
    try:
        if image is None:
            raise Refused(_("Nothing was built for it yet."))
        check_image(place, image)
        one.plan = plan_for(
            place, "deploy", policy=Policy.parse(car.policy), image=image, config=place.config, wanted=place.wanted
        )
        one.refusal = one.plan.refusal()
        verdict = asking.ask(place, one.plan, image, place.config, train.reason)
    except Refused as refused:
        one.refusal = refused.message
        return one
    one.checks = verdict.checks
    one.blocked = not can_wait(verdict)
    one.later += [check.words for check in Verdict(verdict.checks).blocking if not one.blocked]
    return one
