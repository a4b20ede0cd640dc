"""A place that runs, a new image for it, and a time that tests move."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from containers.finish import finish
from containers.models import Deployment, Guardrails
from containers.services import beginning, waiting
from tests import factories
from xqplatform.accounts.actor import Actor


class Yard:
    def __init__(self, team: Any) -> None:
        self.place = factories.make_running_place("snow", "production", 2, team=team)
        self.new = factories.make_image(self.place.service.project)
        self.other = factories.make_image(self.place.service.project)
        self.actor = Actor.system("tester")
        Guardrails.objects.get_or_create(environment=self.place.environment)  # a row of its own: no proof is asked for

    def wait(self, actor: Actor | None = None, image: Any = None, **fields: Any) -> Deployment:
        return waiting.wait(actor or self.actor, self.place, image or self.new, **fields)

    def begin(self) -> Deployment | None:
        return beginning.begin(self.place.pk)

    def end(self, row: Deployment, state: str = "succeeded") -> None:
        row.steps.update(state="done")
        assert finish(row.pk, state)

    def pass_to(self, row: Deployment) -> None:
        """As if its time had come."""
        Deployment.objects.filter(pk=row.pk).update(not_before=timezone.now() - timedelta(seconds=1))

    def freeze(self, hours: float) -> Any:
        now = timezone.now()
        return self.place.environment.freezes.create(
            kind="once", reason="audit", starts=now - timedelta(hours=1), ends=now + timedelta(hours=hours)
        )


def soon(minutes: float = 30) -> datetime:
    return timezone.now() + timedelta(minutes=minutes)


@pytest.fixture
def yard(team: Any) -> Yard:
    return Yard(team)
