"""Saved views: kept, shared, renamed, removed; each an event."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from xqplatform.accounts.actor import Actor
from xqplatform.audit import services
from xqplatform.audit.models import Event, SavedView
from xqplatform.errors import Denied, Refused

pytestmark = pytest.mark.django_db


def actions() -> list[str]:
    return list(Event.objects.order_by("pk").values_list("action", flat=True))


def test_a_view_is_kept_changed_and_removed(actor_sre: Actor) -> None:
    view = services.save_view(actor_sre, "  Broken   glass ", "?q=action:deployment.break_glass")
    assert (view.name, view.query, view.shared) == ("Broken glass", "q=action:deployment.break_glass", False)
    services.change_view(actor_sre, view, name="Glass", shared=True)
    services.change_view(actor_sre, view, name="Glass", shared=True)
    services.remove_view(actor_sre, view)
    assert actions() == ["audit.view.create", "audit.view.change", "audit.view.remove"]
    changed = Event.objects.get(action="audit.view.change")
    assert changed.after == {"name": "Glass", "shared": True}


def test_own_ones_are_nobody_elses_and_shared_ones_are_of_all_who_read_the_log(
    actor_sre: Actor, actor_dev: Actor, actor_manager: Actor
) -> None:
    services.save_view(actor_sre, "own", "")
    services.save_view(actor_sre, "all", "", shared=True)
    assert [view.name for view in services.views_of(actor_sre)] == ["all", "own"]
    assert [view.name for view in services.views_of(actor_manager)] == ["all"]
    assert list(services.views_of(actor_dev)) == []


def test_who_does_not_read_the_log_shares_nothing(actor_dev: Actor) -> None:
    view = services.save_view(actor_dev, "own", "q=x")
    with pytest.raises(Denied):
        services.change_view(actor_dev, view, name="own", shared=True)
    with pytest.raises(Denied):
        services.save_view(actor_dev, "all", "", shared=True)
    assert Event.objects.filter(denied=True, action="audit.read").count() == 2
    assert not SavedView.objects.filter(shared=True).exists()


@pytest.mark.parametrize("name", ["", "  ", "\x00", "x" * 61])
def test_a_name_is_needed(actor_sre: Actor, name: str) -> None:
    with pytest.raises(Refused) as refused:
        services.save_view(actor_sre, name, "")
    assert refused.value.field == "name"


def test_what_is_wrong_stands_beside_the_field_and_what_was_typed_stays(
    client: Client, sre: Any, actor_sre: Actor
) -> None:
    view = services.save_view(actor_sre, "taken", "")
    other = services.save_view(actor_sre, "other", "")
    client.force_login(sre)
    answer = client.post("/audit/views/new/", {"name": "taken", "query": "q=who:dan"})
    assert answer.status_code == 409
    assert 'value="taken" aria-invalid="true"' in answer.content.decode()
    assert 'value="q=who:dan"' in answer.content.decode()
    assert client.post(f"/audit/views/{other.pk}/", {"name": "taken"}).status_code == 409
    assert client.post(f"/audit/views/{9**30}/", {"name": "x"}).status_code == 404
    kept = client.post("/audit/views/new/", {"name": "mine", "query": "?q=who:dan"})
    assert kept["Location"] == "/audit/?q=who:dan"
    assert "mine" in client.get("/audit/").content.decode()
    assert view.pk


def test_there_is_an_end_to_how_many(actor_sre: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MOST_VIEWS", 1)
    services.save_view(actor_sre, "one", "")
    with pytest.raises(Refused):
        services.save_view(actor_sre, "two", "")
    with pytest.raises(Refused):
        services.save_view(Actor.system(), "three", "")


def test_the_api_does_the_same(client: Client, developer: Any, actor_sre: Actor) -> None:
    theirs = services.save_view(actor_sre, "theirs", "", shared=True)
    client.force_login(developer)
    asked = {"content_type": "application/json"}
    made = client.post("/api/v1/audit/views", {"name": "mine", "query": "q=snow"}, **asked)
    assert made.status_code == 201
    address = f"/api/v1/audit/views/{made.json()['id']}"
    assert client.put(address, {"name": "renamed"}, **asked).json()["name"] == "renamed"
    assert client.put(address, {"name": "renamed", "shared": True}, **asked).status_code == 403
    assert [view["name"] for view in client.get("/api/v1/audit/views").json()] == ["renamed"]
    assert client.delete(f"/api/v1/audit/views/{theirs.pk}").status_code == 404
    assert client.put(f"/api/v1/audit/views/{theirs.pk}", {"name": "x"}, **asked).status_code == 404
    assert client.post("/api/v1/audit/views", {"name": " "}, **asked).status_code == 400
    assert client.delete(address).status_code == 204
    assert not SavedView.objects.filter(owner=developer).exists()
