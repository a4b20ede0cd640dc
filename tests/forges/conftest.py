"""A project with a repository and a forge that the developer of its team set up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from builds.forges import services
from builds.models import Forge
from tests.builds.conftest import data as data  # noqa: PLC0414  fixtures
from tests.builds.conftest import make_project as make_project  # noqa: PLC0414
from xqplatform.accounts.actor import Actor


@pytest.fixture
def make_forge(make_project: Callable[..., Any], actor_dev: Actor) -> Callable[..., Forge]:
    def make(kind: str = "github", name: str = "snow", **fields: Any) -> Forge:
        return services.save(actor_dev, make_project(name), {"kind": kind, **fields})[0]

    return make


@pytest.fixture
def forge(make_forge: Callable[..., Forge]) -> Forge:
    return make_forge()
