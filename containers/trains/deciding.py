"""What a train does next. Pure: from what is stored now to one action, or to none; asked again after each.

However cars fare and whatever people click, it ends once its releases have ended, and no stage begins before the one
before it is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

# How a release stands: there is none yet; it waits in its place's queue; it is under way; it goes back; it has ended.
Release = Literal["new", "queued", "running", "turning", "good", "bad"]
Back = Literal["", "queued", "running", "done", "failed"]


@dataclass(frozen=True)
class CarView:
    """`touched`: its release, which has ended, left something new that a way back would undo."""

    pk: int
    stage: int
    release: Release = "new"
    touched: bool = False
    back: Back = ""

    @property
    def open(self) -> bool:
        return self.release in {"queued", "running", "turning"}


@dataclass(frozen=True)
class TrainView:
    """`stage`: which one goes back, while it is rolled back."""

    state: str
    on_failure: str = "stop"
    stage: int = 0
    aborted: bool = False


@dataclass(frozen=True)
class Action:
    """`release`, `cancel` (it does not begin), `roll back` (it is under way), `return` (to what ran before) are of a car;
    `cancel back` of its way back; `turn` and `end` put the train into `state`.
    """

    kind: Literal["release", "cancel", "roll back", "return", "cancel back", "turn", "end"]
    car: int = 0
    state: str = ""
    stage: int = 0


def decide(train: TrainView, cars: Sequence[CarView]) -> Action | None:
    """The next action; None: it waits, or is over."""
    if train.state == "running":
        return _running(train, cars)
    if train.state == "paused":
        return _paused(train, cars)
    if train.state == "stopping":
        return _stopping(train, cars)
    if train.state == "rolling_back":
        return _rolling_back(train, cars)
    return None


def current(cars: Iterable[CarView]) -> int | None:
    """The stage under way, or the next one: the first that is not over."""
    return min((car.stage for car in cars if car.release == "new" or car.open), default=None)


def reached(cars: Iterable[CarView]) -> int:
    """The last stage of which anything was begun; 0: none."""
    return max((car.stage for car in cars if car.release != "new"), default=0)


def _running(train: TrainView, cars: Sequence[CarView]) -> Action | None:
    bad = [car for car in cars if car.release == "bad"]
    if bad and train.on_failure != "go_on":
        to = "rolling_back" if train.on_failure == "rollback" else "stopping"
        return Action("turn", state=to, stage=reached(cars))
    stage = current(cars)
    if stage is None:
        return Action("end", state="failed" if bad else "succeeded")
    return next((Action("release", car.pk) for car in cars if car.stage == stage and car.release == "new"), None)


def _paused(train: TrainView, cars: Sequence[CarView]) -> Action | None:
    """Nothing begins, nor goes back; where nothing is left to begin, it is over."""
    over = all(car.release == "good" for car in cars)
    return Action("end", state="succeeded") if over else None


def _stopping(train: TrainView, cars: Sequence[CarView]) -> Action | None:
    for car in cars:
        if car.release == "queued":
            return Action("cancel", car.pk)
        if car.back == "queued":
            return Action("cancel back", car.pk)
    if any(car.open or car.back == "running" for car in cars):
        return None
    return Action("end", state="cancelled" if train.aborted else "failed")


def _rolling_back(train: TrainView, cars: Sequence[CarView]) -> Action | None:
    for car in cars:
        if car.release == "queued":
            return Action("cancel", car.pk)
        if car.release == "running" and not car.back:
            return Action("roll back", car.pk)
    mine = [car for car in cars if car.stage == train.stage]
    for car in mine:
        if car.touched and not car.back:
            return Action("return", car.pk)
    if any(car.open or car.back in {"queued", "running"} for car in cars):
        return None
    return Action("end", state="failed" if any(car.back == "failed" for car in mine) else "rolled_back")
