"""«Who may what here» on the pages of a service and of an environment."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests import factories
from tests.conftest import make_person
from xqplatform.accounts.models import Grant, OwnRole, Role, Team, User
from xqplatform.audit.models import Event

pytestmark = pytest.mark.django_db
PAGES = ("/services/snow/", "/settings/environments/production/")


@pytest.fixture
def eve(team: Team) -> User:
    factories.make_running_place("snow", "production", 1, team=team)
    person = make_person("eve", "reader")
    Grant.objects.create(user=person, role=Role.DEVELOPER, service="snow", environment="production")
    return person


def page(client: Client, address: str) -> str:
    text = client.get(address).content.decode()
    return text[text.index('id="access"') :]


def test_everybody_reads_who_has_what_and_asks_why(eve: User, developer: User, client: Client) -> None:
    client.force_login(developer)
    for address in PAGES:
        text = page(client, address)
        assert f"/settings/people/{eve.pk}/rights/" in text
        assert "environment=production" in text
        assert "Give a role here" not in text
        assert "/take/" not in text
    found = client.get("/settings/access/?right=service.deploy&service=snow&environment=production")
    assert "eve" in found.content.decode()


def test_who_may_gives_it_here(eve: User, client: Client) -> None:
    """Also somebody who may only for this service; what is wrong is said on a page that keeps what was typed."""
    OwnRole.objects.create(slug="lead", title="Lead", rights=["roles.manage", "service.restart"])
    OwnRole.objects.create(slug="bounce", title="Bounce", rights=["service.restart"])
    lead = make_person("lea", "reader")
    Grant.objects.create(user=lead, role="lead", service="snow")
    make_person("otto", "reader")
    client.force_login(lead)
    assert "Give a role here" in page(client, PAGES[0])
    assert "Give a role here" not in page(client, PAGES[1])
    data: dict[str, Any] = {"user": "otto", "role": "bounce", "service": "snow", "environment": "production"}
    answer = client.post("/settings/grants/give/", data | {"next": PAGES[0]})
    assert answer["Location"] == PAGES[0]
    assert Grant.objects.get(user__username="otto").where == "snow · production"
    assert "otto" in page(client, PAGES[0])
    answer = client.post("/settings/grants/give/", data | {"user": "nobody", "next": PAGES[0], "reason": "on call"})
    assert answer.status_code == 400
    assert "on call" in answer.content.decode()
    answer = client.post("/settings/grants/give/", data | {"next": "//evil.example/", "until": "2099-01-01T00:00"})
    assert "evil" not in answer["Location"]
    assert client.post("/settings/grants/give/", data | {"service": ""}).status_code == 403
    assert Event.objects.filter(action="roles.manage", denied=True).exists()
