"""Stateful services go to LXD hosts as soon as there is one; the plan and the what-if say the same."""

from __future__ import annotations

from typing import Any

import pytest

from containers.capacity.whatif import gather
from containers.config import Config, parse
from containers.models import ServiceEnvironment
from containers.services.planning import host_views
from tests import factories
from xqplatform.accounts.actor import Actor

pytestmark = pytest.mark.django_db


def lacks(place: ServiceEnvironment, config: Config) -> dict[str, str]:
    return {one.name: "; ".join(one.missing) for one in host_views(place, [], config, None)}


def foreseen(place: ServiceEnvironment) -> dict[str, str]:
    fleet = gather.fleet(Actor.system())
    names = {host.pk: host.name for host in fleet.hosts}
    one = next(one.one for one in fleet.places if one.one.place == place.pk)
    return {name: one.missing.get(pk, "") for pk, name in names.items()}


@pytest.fixture
def stateful(team: Any) -> ServiceEnvironment:
    service = factories.make_service("store", team)
    service.kind = "stateful"
    service.save()
    return factories.make_place(service)


def test_each_kind_has_its_hosts(stateful: ServiceEnvironment, team: Any) -> None:
    stateless = factories.make_place(factories.make_service("web", team))
    factories.make_host("h1")
    config = parse({})
    assert lacks(stateful, config) == {"h1": ""}  # nobody else could take it

    lxd = factories.make_host("l1")
    lxd.runtime, lxd.api_version = "lxd", "1.0"
    lxd.save()
    assert "LXD hosts" in lacks(stateful, config)["h1"]
    assert lacks(stateful, config)["l1"] == ""
    assert lacks(stateless, config)["h1"] == ""
    assert "stateful services only" in lacks(stateless, config)["l1"]
    for place in (stateful, stateless):
        assert foreseen(place) == lacks(place, config)


def test_settings_that_a_system_container_cannot_have(stateful: ServiceEnvironment) -> None:
    lxd = factories.make_host("l1")
    lxd.runtime, lxd.api_version = "lxd", "1.0"
    lxd.save()
    assert lacks(stateful, parse({"persist": True})) == {"l1": ""}
    folder = lacks(stateful, parse({"persist": True, "persist_in": "folder"}))["l1"]
    assert "volumes" in folder
    words = lacks(stateful, parse({"read_only": True, "command": ["serve"]}))["l1"]
    assert "read-only root" in words
    assert "init" in words
