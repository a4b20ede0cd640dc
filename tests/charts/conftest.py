"""A running place with an hour of made-up samples; a gap in the middle, a release and a kill for lack of memory."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from tests import factories
from tests.browser import metrics_seed


@dataclass
class Measured:
    place: Any
    instance: Any
    host: Any
    now: float
    hours: float = 1.0

    @property
    def gap(self) -> tuple[float, float]:
        return self.now - 0.55 * self.hours * 3600, self.now - 0.51 * self.hours * 3600


@pytest.fixture
def measured(db: None) -> Measured:
    place = factories.make_running_place("snow", "production", 3)
    instance = place.instances.get(number=1)
    metrics_seed.happened(instance, hours=1)
    now = time.time()
    hosts = sorted({row.host for row in place.instances.all()}, key=lambda host: host.name)
    metrics_seed.fill(place.instances.order_by("number"), hosts, hours=1, now=now)
    return Measured(place, instance, instance.host, now)


@pytest.fixture
def instance(db: None) -> Any:
    """Without a sample."""
    return factories.make_running_place("snow", "production", 1).instances.get()


@pytest.fixture
def sara(sre: Any) -> Client:
    client = Client()
    client.force_login(sre)
    return client
