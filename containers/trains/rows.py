"""Rows of trains into the views that decisions are made of."""

from __future__ import annotations

from containers.models import Car, Deployment, ServiceEnvironment, Train
from containers.trains.deciding import Back, CarView, Release, TrainView

State = Deployment.State


def cars_of(train: Train) -> list[Car]:
    """In their order, with what pages and decisions need."""
    rows = train.cars.select_related(
        "place__service__team", "place__environment", "place__current_image", "place__config", "image__build",
        "deployment__old_image", "deployment__old_config", "deployment__place__environment", "back",
    )  # fmt: skip
    return list(rows)


def view_of(train: Train) -> TrainView:
    return TrainView(train.state, train.on_failure, train.stage, train.aborted)


def views_of(cars: list[Car]) -> list[CarView]:
    return [CarView(car.pk, car.stage, release_of(car), touched(car), back_of(car)) for car in cars]


def release_of(car: Car) -> Release:
    row = car.deployment
    if row is None:
        return "bad" if car.trouble else "new"
    if row.state == State.WAITING:
        return "queued"
    if row.state == State.ROLLING_BACK or (row.is_active and row.asked == "rollback"):
        return "turning"
    if row.is_active:
        return "running"
    return "good" if row.state == State.SUCCEEDED else "bad"


def touched(car: Car) -> bool:
    """Whether it left anything new: it succeeded, or it ended on the way (its own way back leaves nothing)."""
    row = car.deployment
    if row is None or row.state not in {State.SUCCEEDED, State.FAILED, State.CANCELLED}:
        return False
    return row.state == State.SUCCEEDED or row.started is not None


def back_of(car: Car) -> Back:
    row = car.back
    if row is None:
        return "failed" if car.back_trouble else ""
    if row.state == State.WAITING:
        return "queued"
    if row.is_active:
        return "running"
    return "done" if row.state == State.SUCCEEDED else "failed"


def other_train(place: ServiceEnvironment, train: Train) -> Train | None:
    """Another train under way that has a release in hand, or still to make, in the place."""
    rows = Car.objects.filter(place=place, train__state__in=Train.ACTIVE, trouble="").exclude(train=train)
    car = rows.exclude(deployment__state__in=Deployment.TERMINAL).select_related("train").first()
    return car.train if car is not None else None
