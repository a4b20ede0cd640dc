"""The pages and the API: who can, what can, own roles by ticking, giving and taking, requests."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from tests import factories
from tests.conftest import make_person
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import AccessRequest, Grant, OwnRole, Team, Token, User
from xqplatform.accounts.rights import can
from xqplatform.audit.models import Event

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client: Client, sre: User) -> Client:
    factories.make_environments()
    client.force_login(sre)
    return client


def test_a_role_is_ticked_given_asked_about_and_taken(admin: Client, team: Team) -> None:
    factories.make_running_place("snow", "production", 1, team=team)
    rita = make_person("rita", "reader")
    page = admin.get("/settings/roles/new/").content.decode()
    assert "Restart instances." in page
    data = {"slug": "restart", "title": "Restart only", "rights": ["service.restart"]}
    assert admin.post("/settings/roles/new/", data).status_code == 302
    assert admin.post("/settings/roles/new/", data).status_code == 400  # the name is taken
    given = {"user": "rita", "role": "restart", "service": "snow", "environment": "production", "reason": "night"}
    assert admin.post("/settings/grants/give/", given).status_code == 302
    question = "right=service.restart&service=snow&environment=production"
    page = admin.get(f"/settings/access/?{question}").content.decode()
    assert "Restart only" in page
    assert "to the person, by sara" in page
    rows = b"".join(admin.get(f"/settings/access/who.csv?{question}")).decode()  # type: ignore[arg-type]
    assert "rita,Rita,Restart only,snow · production" in rows
    assert "rita" not in b"".join(admin.get("/settings/access/who.csv?right=service.deploy")).decode()  # type: ignore[arg-type]
    page = admin.get(f"/settings/people/{rita.pk}/rights/").content.decode()
    assert "Restart instances." in page
    assert "Release a version" not in page
    assert admin.post("/settings/roles/restart/remove/").status_code == 302
    assert OwnRole.objects.exists()  # somebody has it
    admin.post(f"/settings/grants/{rita.grants.get().pk}/take/")
    admin.post("/settings/roles/restart/remove/")
    assert not OwnRole.objects.exists()


def test_what_waits_is_shown_with_its_diff_and_approved(admin: Client, sre: User) -> None:
    make_person("ada", "admin")
    make_person("dan", "reader")
    assert admin.post("/settings/grants/give/", {"user": "dan", "role": "sre"})["Location"].endswith("/requests/")
    page = admin.get("/settings/access/requests/").content.decode()
    assert "host.manage" in page
    assert "Somebody else has to approve it" in page
    other = Client()
    other.force_login(User.objects.get(username="ada"))
    assert 'value="approve"' in other.get("/settings/access/requests/").content.decode()
    request = AccessRequest.objects.get()
    assert other.post(f"/settings/access/requests/{request.pk}/decide/", {"do": "approve"}).status_code == 302
    assert Grant.objects.filter(user__username="dan", role="sre").exists()
    other.force_login(make_person("rita", "reader"))
    assert request.about not in other.get("/settings/access/requests/").content.decode()


@pytest.mark.parametrize("value", ["", "\x00", "<script>alert(1)</script>", "9" * 4300, "😀" * 300])
def test_nonsense_is_refused(admin: Client, value: str) -> None:
    names = (
        "user",
        "group",
        "role",
        "team",
        "service",
        "environment",
        "until",
        "slug",
        "title",
        "rights",
        "hours",
        "four_eyes",
    )
    data = {name: value for name in names}
    for address in ("/settings/grants/give/", "/settings/roles/new/", "/settings/access/policy/"):
        assert admin.post(address, data).status_code in {400, 409}, address
    answer = admin.get("/settings/access/", {"right": value, "service": value, "environment": value})
    assert answer.status_code == 400
    assert "<script>alert" not in answer.content.decode()
    assert admin.get("/settings/access/who.csv", {"right": value}).status_code == 200


def test_the_api_says_and_does_the_same(admin: Client, sre: User, team: Team) -> None:
    headers = {"Authorization": f"Bearer {Token.make(sre, 'x')[1]}"}
    api: Any = Client(headers=headers)

    def send(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        return getattr(api, method)(f"/api/v1{path}", body or {}, content_type="application/json")

    make_person("dan", "reader")
    role = {"slug": "ops", "title": "Ops", "rights": ["alerts.silence"]}
    assert send("post", "/roles", role).status_code == 201
    assert send("put", "/roles/ops", role | {"rights": ["everything"]}).status_code == 400
    assert send("put", "/roles/sre", role).status_code == 409
    made = send("post", "/grants", {"person": "dan", "role": "ops", "environment": "production"})
    assert made.status_code == 201
    assert send("post", "/grants", {"person": "nobody", "role": "ops"}).json()["field"] == "person"
    assert send("post", "/grants", {"person": "dan", "role": "ops", "service": "none"}).status_code == 400
    found = {
        one["person"]: one["why"]
        for one in api.get("/api/v1/access/who?right=alerts.silence&environment=production").json()
    }
    assert found["dan"][0]["grant"] == made.json()["id"]
    assert api.get("/api/v1/access/people/dan").json()[0]["rights"] == ["alerts.silence"]
    make_person("ada", "admin")
    waits = send("post", "/grants", {"person": "dan", "role": "sre"})
    assert waits.status_code == 202
    number = AccessRequest.objects.get().pk
    assert send("post", f"/access/requests/{number}/approve", {}).status_code == 409
    assert send("post", f"/access/requests/{number}/decline", {"comment": "no"}).json()["state"] == "withdrawn"
    assert send("delete", f"/grants/{made.json()['id']}").status_code == 204
    assert send("delete", "/roles/ops").status_code == 204


def test_the_machine_itself_is_the_way_back(db: None) -> None:
    person = make_person("dan", "developer")
    call_command("grant", "dan", "admin")
    assert can(Actor.person(person), "roles.manage")
    assert Event.objects.get(action="access.alone").via == "system"
