"""A place of the team «snow» in production, and people who may and may not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests import factories


@pytest.fixture
def instance(team: Any) -> Any:
    """The first instance of «snow» in production."""
    return factories.make_running_place("snow", "production", 1, team=team).instances.get()


@pytest.fixture(autouse=True)
def no_sessions_left() -> Iterator[None]:
    """Terminals that a test left open end with it."""
    yield
    from containers.terminal import keeper

    for one in list(keeper._keepers.values()):
        for session in list(one.sessions.values()):
            session.shut()
        one.sessions.clear()
    keeper._keepers.clear()
