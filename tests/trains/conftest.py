"""Services that run, newer images for them, and trains over them."""

from __future__ import annotations

from typing import Any

import pytest

from containers.finish import finish
from containers.models import Deployment, Guardrails, ServiceEnvironment, Train
from containers.services import beginning
from containers.trains import running, services
from containers.trains.rows import cars_of, release_of
from containers.trains.services import Wanted
from tests import factories
from xqplatform.accounts.actor import Actor


class Line:
    """Three services of one team in production, each with a newer image than what runs."""

    def __init__(self, team: Any, actor: Actor) -> None:
        self.team, self.actor = team, actor
        self.places = [factories.make_running_place(slug, "production", 2, team=team) for slug in ("ant", "bee", "cat")]
        for place in self.places:
            place.current_config = place.config
            place.save()
        Guardrails.objects.get_or_create(
            environment=self.places[0].environment
        )  # a row of its own: no proof is asked for
        self.images = [factories.make_image(place.service.project) for place in self.places]

    def save(self, *stages: int, **fields: Any) -> Train:
        """A car a place, each in the stage that is named."""
        cars = [Wanted(stage, place) for stage, place in zip(stages, self.places, strict=False)]
        return services.save(self.actor, cars, **{"name": "evening", **fields})

    def begin(self, *stages: int, **fields: Any) -> Train:
        train = services.begin(self.actor, self.save(*stages, **fields))
        self.go(train)
        return train

    def go(self, train: Train) -> None:
        """All that is due: the train's decisions, and its places' queues."""
        for _n in range(4):
            running.advance(train.pk)
            for place in self.places:
                beginning.begin(place.pk)
        train.refresh_from_db()

    def states(self, train: Train) -> list[str]:
        return [release_of(car) for car in cars_of(train)]

    def release(self, train: Train, car: int) -> Deployment:
        row = cars_of(train)[car].deployment
        assert row is not None
        row.refresh_from_db()
        return row

    def end(self, train: Train, car: int, state: str = "succeeded") -> None:
        self.finish(self.release(train, car), state)
        self.go(train)

    def finish(self, row: Deployment, state: str = "succeeded") -> None:
        row.steps.update(state="done" if state == "succeeded" else "failed")
        assert finish(row.pk, state)

    def place(self, at: int) -> ServiceEnvironment:
        return ServiceEnvironment.objects.get(pk=self.places[at].pk)


@pytest.fixture
def line(team: Any, actor_dev: Actor) -> Line:
    return Line(team, actor_dev)
