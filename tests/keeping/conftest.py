"""A stateful service on a host that keeps, with a server in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from containers.keeping import edge
from containers.models import Instance, ServiceEnvironment
from hosts import observe
from tests.factories import make_container, make_host, make_image, make_instance, make_place, make_service
from tests.keeping.played import Pool


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Pool:
    made = Pool()
    monkeypatch.setattr(edge, "volumes_of", lambda host: made)
    monkeypatch.setattr(observe, "refresh_host", lambda pk: False)
    return made


@pytest.fixture
def stand(pool: Pool, team: Any) -> Callable[..., Instance]:
    """Another instance of the service `store`, with a volume at /data."""
    place: ServiceEnvironment | None = None

    def make(content: str = "one", volume: str = "") -> Instance:
        nonlocal place
        if place is None:
            place = make_place(make_service("store", team=team, kind="stateful"), "production")
            place.current_image, place.current_config = make_image(place.service.project), place.config
            place.save()
        number = place.instances.count() + 1
        host = make_host(f"store-{number}", runtime="lxd", api_version="1.0")
        instance = make_instance(place, host, number)
        container = make_container(instance)
        name = volume or f"xq-vol-store-{number}"
        pool.mounts[container.engine_id] = {"/data": name}
        pool.data.setdefault(name, content)
        return instance

    return make


@pytest.fixture
def instance(stand: Callable[..., Instance]) -> Instance:
    return stand()
