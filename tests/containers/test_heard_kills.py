"""Each time that the engine tells of a kill is kept on the container, so that measurements count it once."""

from __future__ import annotations

import time
from typing import Any

import pytest

from containers import happenings, measured
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def container(team: Any) -> Any:
    return factories.make_running_place("snow", "production", 1, team).instances.get().containers.get()


def test_the_moments_of_its_kills_are_known_by_its_engine_id(container: Any) -> None:
    began = time.time()
    assert measured.killed({container.engine_id: 0.0}) == {}
    happenings.oom(container)
    happenings.oom(container)
    heard = measured.killed({container.engine_id: began, "another": 0.0})
    assert [began <= when <= time.time() for when in heard[container.engine_id]] == [True, True]
    assert measured.killed({container.engine_id: time.time()}) == {container.engine_id: []}


def test_only_the_newest_are_kept(container: Any) -> None:
    for _ in range(happenings.OOMS + 3):
        happenings.oom(container)
    assert len(measured.killed({container.engine_id: 0.0})[container.engine_id]) == happenings.OOMS
