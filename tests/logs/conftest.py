"""A place of three instances whose engine is a stand-in that says what it is told to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hosts.models import Host
from tests import factories
from tests.log_engine import LogEngine


@pytest.fixture
def log_engine(tmp_path: Path) -> Iterator[LogEngine]:
    made = LogEngine(tmp_path / "e.sock")
    yield made
    made.close()


@pytest.fixture
def place(transactional_db: None, log_engine: LogEngine) -> Any:
    """«snow» in production, three instances; each container has a log that is empty."""
    made = factories.make_running_place("snow", "production", 3)
    Host.objects.update(connection="local", address=f"unix://{log_engine.path}")
    for one in made.instances.all():
        log_engine.say(id_of(one))
    return made


def id_of(instance: Any) -> str:
    return str(instance.containers.latest("id").engine_id)


@pytest.fixture
def ids(place: Any) -> list[str]:
    """The containers of #1, #2, #3."""
    return [id_of(one) for one in place.instances.order_by("number")]
