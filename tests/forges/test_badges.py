"""Badges: seen by whoever has the address, well-formed whatever they say, and no way to what they do not show."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from builds.badges import services
from builds.badges.svg import badge
from builds.models import Badge
from tests import factories
from xqplatform.accounts.actor import Actor
from xqplatform.errors import Denied


@given(st.text(max_size=200), st.text(max_size=200), st.sampled_from(["ok", "bad", "nonsense"]))
def test_it_is_well_formed_and_shows_text_as_text(label: str, text: str, tone: str) -> None:
    root = ElementTree.fromstring(badge(label, text, tone))
    assert {element.tag.rpartition("}")[2] for element in root.iter()} == {
        "svg",
        "title",
        "clipPath",
        "rect",
        "g",
        "text",
    }
    assert int(root.attrib["width"]) < 1500


@pytest.mark.django_db
def test_by_the_address_or_for_everybody(client: Client, team: Any, developer: Any) -> None:
    place = factories.make_running_place("snow", "production", 1, team=team)
    project, actor = place.service.project, Actor.person(developer)
    assert client.get("/badges/snow/build.svg").status_code == 404
    row = services.save(actor, project, public=False)
    assert client.get("/badges/snow/build.svg").status_code == 404, "not for everybody"
    factories.make_build(project, "failed", branch="main")
    factories.make_build(project, "succeeded", branch="<b>")
    factories.make_build(project, "cancelled", branch="main")
    answer = client.get(f"/badges/{row.key}/build.svg")
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/svg+xml; charset=utf-8")
    assert answer["Cache-Control"] == "public, max-age=60"
    assert "failing" in answer.content.decode()
    text = client.get(f"/badges/{row.key}/build.svg", {"branch": "<b>"}).content.decode()
    assert "passing" in text
    assert "build &lt;b&gt;" in text
    assert "not built" in client.get(f"/badges/{row.key}/build.svg", {"branch": "\0x" * 900}).content.decode()
    text = client.get(f"/badges/{row.key}/at/production.svg").content.decode()
    assert place.current_image.revision[:8] in text
    assert client.get(f"/badges/{row.key}/at/nowhere.svg").status_code == 404
    services.save(actor, project, public=True)
    assert client.get("/badges/snow/at/production.svg").status_code == 200
    services.save(actor, project, public=False, renew=True)
    assert client.get(f"/badges/{row.key}/build.svg").status_code == 404, "the old address is worth nothing"
    services.remove(actor, project)
    assert not Badge.objects.exists()


@pytest.mark.django_db
def test_the_page_lists_them(client: Client, team: Any, developer: Any, actor_manager: Actor) -> None:
    place = factories.make_running_place("snow", "production", 1, team=team)
    with pytest.raises(Denied):
        services.save(actor_manager, place.service.project, public=True)
    client.force_login(developer)
    assert client.post("/builds/projects/snow/badges/", {"do": "save"}).status_code == 302
    text = client.get("/builds/projects/snow/forge/").content.decode()
    assert f"/badges/{Badge.objects.get().key}/at/production.svg" in text
    found = client.get("/api/v1/projects/snow/badges").json()
    assert set(found["paths"]) == {"build", "production"}
