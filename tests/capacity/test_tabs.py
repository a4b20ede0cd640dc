"""The side bar's way to capacity."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from containers.capacity import tabs
from tests import factories
from xqplatform.accounts.actor import Actor

pytestmark = pytest.mark.django_db


def test_who_reads_the_fleet_finds_it(client: Client, manager: Any) -> None:
    client.force_login(manager)
    assert "/capacity/" in client.get("/").content.decode()
    assert client.get("/capacity/").status_code == 200


def test_who_has_no_service_has_no_entry(client: Client, developer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tabs.Tab("own", "capacity:overview", "Own", tabs.of_everybody)
    monkeypatch.setattr(tabs, "TABS", [own])
    assert tabs.entry(Actor.person(developer)) == ""
    factories.make_service(team=developer.memberships.get().team)
    assert tabs.entry(Actor.person(developer)) == own.url


def test_the_first_page_that_is_allowed_is_the_entry(developer: Any, manager: Any) -> None:
    factories.make_service(team=developer.memberships.get().team)
    assert tabs.of_the_fleet(Actor.person(developer)) is False
    assert "overview" not in {tab.key for tab in tabs.shown(Actor.person(developer))}
    assert tabs.entry(Actor.person(manager)) == "/capacity/"
