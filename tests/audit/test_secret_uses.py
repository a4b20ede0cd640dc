"""Where a person has a stored secret used beside a verb that tells of it, an event says so; the platform's own work is none."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.test import Client
from django.utils import timezone

from builds.models import Registry
from builds.services import builds, registries
from hosts.services import machines
from tests import factories
from tests.hosts.ssh_server import new_key
from xqplatform.accounts.actor import Actor
from xqplatform.audit import folding
from xqplatform.audit.models import Event
from xqplatform.audit.reviews import feeding
from xqplatform.audit.reviews.models import Review
from xqplatform.errors import Denied

pytestmark = pytest.mark.django_db


def uses() -> list[Event]:
    return list(Event.objects.filter(action="secret.use").order_by("pk"))


@pytest.fixture
def registry(db: None) -> Registry:
    return Registry.objects.create(name="main", address="127.0.0.1:9", username="u", password="pass word")


def test_what_a_person_has_used_is_told_once_with_a_count(registry: Registry, client: Client, sre: Any) -> None:
    client.force_login(sre)
    for _n in range(3):
        assert client.post(f"/settings/registries/{registry.pk}/check/").status_code == 302
    (event,) = uses()
    assert (event.actor, event.object_name, event.after) == (sre.username, "main", {"secret": "password"})
    assert "pass word" not in str(event.after)
    folding.close(timezone.now() + timedelta(minutes=11))
    assert uses()[-1].after["more"] == 2
    feeding.feed()
    assert Review.objects.filter(action="secret.use").exists()


def test_only_a_stored_key_counts(sre: Any, actor_sre: Actor) -> None:
    stored, typed = new_key()[0], new_key()[0]
    host = factories.make_host("run-1", connection="ssh", address="ssh://root@10.0.0.1", ssh_key=stored)
    with patch.object(machines.engine, "diagnose"):
        machines.test_connection(actor_sre, {"ssh_key": typed}, host)
        machines.test_connection(actor_sre, {"connection": "ssh", "address": "ssh://root@10.0.0.1", "ssh_key": typed})
        assert uses() == []
        machines.test_connection(actor_sre, {}, host)
    assert [one.after for one in uses()] == [{"secret": "ssh key"}]


def test_what_the_platform_does_by_itself_is_not_told(registry: Registry, actor_dev: Actor, team: Any) -> None:
    registries.check_registry(registry)
    with pytest.raises(Denied):
        registries.check_now(actor_dev, registry)
    assert uses() == []
    project = factories.make_place(factories.make_service("snow", team), factories.make_environment()).service.project
    with patch.object(builds, "_fetch"):
        builds.fetch_now(actor_dev, project)  # without a password there is nothing to tell
        assert uses() == []
        project.repository_password = "pass word"
        builds.fetch_now(actor_dev, project)
    assert [one.after for one in uses()] == [{"secret": "repository password"}]
