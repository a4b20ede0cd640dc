"""How a train stands, stage by stage and car by car: for its page and the API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from containers.holding_words import held
from containers.models import Car, Deployment, Step, Train
from containers.progress import progress
from containers.trains.rows import back_of, cars_of, release_of
from containers.trains.words import trouble
from containers.waiting_words import lines


@dataclass
class CarStanding:
    """`state`: a word of releases; `words`: what it does, waits for, or why it failed."""

    car: Car
    state: str
    words: list[str] = field(default_factory=list)
    done: int = 0
    total: int = 0
    percent: int = 0
    back: str = ""  # a word of releases, of its way back
    back_words: str = ""


@dataclass
class StageStanding:
    number: int
    cars: list[CarStanding]
    state: str

    @property
    def words(self) -> str:
        count = len(self.cars)
        return ngettext("%(n)d release", "%(n)d releases, side by side", count) % {"n": count}


def stages_of(train: Train, cars: Sequence[Car] | None = None) -> list[StageStanding]:
    """Stage by stage; of what waits in queues, what it waits for."""
    rows = list(cars) if cars is not None else cars_of(train)
    steps = _steps(rows)
    waits = {
        line.row.pk: list(line.words)
        for found in lines([car.place for car in rows if release_of(car) == "queued"]).values()
        for line in found
    }
    stages: dict[int, list[CarStanding]] = {}
    for car in rows:
        stages.setdefault(car.stage, []).append(_standing(car, train, steps, waits))
    return [StageStanding(number, mine, _state(mine)) for number, mine in sorted(stages.items())]


def _steps(cars: Sequence[Car]) -> dict[int, list[Step]]:
    found: dict[int, list[Step]] = {}
    rows = Step.objects.filter(deployment__car__in=[car.pk for car in cars]).select_related("instance__host")
    for step in rows.order_by("position"):
        found.setdefault(step.deployment_id, []).append(step)
    return found


def _standing(car: Car, train: Train, steps: dict[int, list[Step]], waits: dict[int, list[str]]) -> CarStanding:
    row = car.deployment
    if row is None:
        left = train.state in Train.TERMINAL
        one = CarStanding(car, "failed" if car.trouble else "skipped" if left else "pending")
        one.words = [car.trouble] if car.trouble else [_("It did not begin.")] if left else []
    else:
        one = _released(car, row, steps.get(row.pk, []), waits)
    back = back_of(car)
    if back:
        one.back = car.back.state if car.back is not None else "failed"
        one.back_words = car.back_trouble or (car.back.outcome if car.back is not None else "")
    return one


def _released(car: Car, row: Deployment, steps: list[Step], waits: dict[int, list[str]]) -> CarStanding:
    one = CarStanding(car, row.state)
    if row.state == Deployment.State.WAITING:
        one.words = waits.get(row.pk, []) or [_("It begins in a moment.")]
        return one
    shown = progress(row, steps)
    one.done, one.total, one.percent = shown.done, shown.total, shown.percent
    if not row.is_active:
        one.words = [row.outcome] if row.outcome else [trouble(car)]
        return one
    one.words = [str(word) for word in shown.words]
    holding = held(row, steps)
    if holding is not None:
        one.words += [word for word in (holding.title, holding.text) if word]
    if row.held_why:
        one.words.append(row.held_why)
    return one


def _state(cars: list[CarStanding]) -> str:
    """One word for the stage: what needs a look comes first."""
    states = [car.state for car in cars]
    if any(car.back in {"waiting", "queued", "running", "paused"} for car in cars):
        return "rolling_back"
    for word in ("rolling_back", "running", "queued", "paused", "waiting"):
        if word in states:
            return "active" if word in {"running", "queued"} else word
    for word in ("failed", "rolled_back", "cancelled", "pending", "skipped"):
        if word in states:
            return word
    return "succeeded"


def summary(cars: Sequence[Car]) -> dict[str, Any]:
    """How many of its releases are how far."""
    states = [release_of(car) for car in cars]
    return {
        "all": len(states),
        "good": states.count("good"),
        "bad": states.count("bad"),
        "open": sum(state in {"queued", "running", "turning"} for state in states),
    }
