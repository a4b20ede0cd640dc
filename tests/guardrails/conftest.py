"""A service that stands in pre-release and in production, where a promotion proof is asked for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from builds.models import Image
from containers.models import Container, Guardrails, Instance, ServiceEnvironment
from tests import factories
from xqplatform.accounts.actor import Actor


class Stage:
    """`before`: the place in pre-release; `place`: the one in production, which runs `old`; `new` waits to get there."""

    def __init__(self) -> None:
        self.place: ServiceEnvironment = factories.make_running_place("snow", "production", 4)
        self.before: ServiceEnvironment = factories.make_running_place("snow", "pre-release", 2)
        self.old: Image = self.place.current_image
        self.new = factories.make_image(self.place.service.project)
        self.actor = Actor.system("tester")
        Guardrails.objects.all().delete()  # the defaults hold: production asks for proof

    def ran(self, place: ServiceEnvironment, image: Image, hours: float, ended: float | None = None) -> list[Container]:
        """On each instance of the place the image became healthy so many hours ago, and ended so many hours ago."""
        now, made = timezone.now(), []
        for one in place.instances.filter(removed=None):
            Container.objects.filter(instance=one, ended=None).update(ended=now - timedelta(hours=hours))
            fields: dict[str, Any] = {"healthy": now - timedelta(hours=hours)}
            if ended is not None:
                fields["ended"] = now - timedelta(hours=ended)
            made.append(factories.make_container(one, image, **fields))
        return made

    def rule(self, **fields: Any) -> Guardrails:
        """The rules of production."""
        from_ = fields.pop("proof_from", [self.before.environment])
        row, _made = Guardrails.objects.update_or_create(environment=self.place.environment, defaults=fields)
        row.proof_from.set(from_)
        return row

    def ill(self, number: int, state: str = "unhealthy") -> None:
        Instance.objects.filter(place=self.before, number=number).update(state=state)


@pytest.fixture
def stage(team: Any) -> Stage:
    return Stage()
