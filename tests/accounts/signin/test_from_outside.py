"""Unlocking, lost factors, sessions and providers by the API and the command line: the same verbs, the same events."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from tests.accounts.signin.parts import give_app, kinds, sign_in, signed_in
from xqplatform.accounts.models import Token, User
from xqplatform.accounts.signin.models import Provider
from xqplatform.audit.models import Event

pytestmark = pytest.mark.django_db


def bearer(user: User, **scope: Any) -> Client:
    return Client(headers={"Authorization": f"Bearer {Token.make(user, 'test', **scope)[1]}"})


def run(*words: str) -> str:
    out = StringIO()
    call_command("signin", *words, stdout=out)
    return out.getvalue()


def post(api: Client, path: str, body: Any = None) -> Any:
    return api.post(f"/api/v1{path}", body or {}, content_type="application/json")


@pytest.mark.parametrize("way", ["api", "command"])
def test_a_locked_out_person_is_let_in_again(developer: User, sre: User, way: str) -> None:
    for _ in range(10):
        sign_in(Client(), "dan", "wrong")
    client = Client()
    sign_in(client, "dan")
    assert not signed_in(client)
    if way == "api":
        assert [one["name"] for one in bearer(sre).get("/api/v1/sign-in/locks").json()["items"]] == ["dan"]
        assert bearer(developer).get("/api/v1/sign-in/locks").status_code == 403
        assert post(bearer(developer), "/sign-in/unlock", {"name": "dan"}).status_code == 403
        assert post(bearer(sre), "/sign-in/unlock", {"name": "dan"}).json()["count"] == 1
        assert post(bearer(sre), "/sign-in/unlock").status_code == 400
    else:
        assert "dan from 127.0.0.1: 10 attempts" in run("locked")
        assert "are gone" in run("unlock", "dan")
        with pytest.raises(CommandError, match="Nothing is locked"):
            run("unlock", "dan")
    sign_in(client, "dan")
    assert signed_in(client)
    event = Event.objects.get(action="login.unlocked")
    assert (event.object_name, event.actor) == ("dan", {"api": "sara", "command": "command line"}[way])


@pytest.mark.parametrize("way", ["api", "command"])
def test_lost_factors_and_open_sessions(developer: User, sre: User, way: str) -> None:
    give_app(developer)
    client = Client()
    client.force_login(developer)
    if way == "api":
        assert post(bearer(developer), "/people/dan/factors/reset").status_code == 403
        assert post(bearer(sre), "/people/dan/factors/reset").json()["count"] == 2
        assert len(bearer(sre).get("/api/v1/people/dan/sessions").json()["items"]) == 1
        assert post(bearer(sre), "/people/dan/sessions/end").json()["count"] == 1
        assert post(bearer(sre), "/people/nobody/sessions/end").status_code == 404
    else:
        assert "2 second factors" in run("reset-factors", "dan")
        assert "1 sessions" in run("end-sessions", "dan")
        with pytest.raises(CommandError, match="There is no"):
            run("end-sessions", "nobody")
    assert kinds(developer) == []
    assert client.get("/hosts/").status_code == 302
    assert {"factor.reset", "session.end"} <= set(Event.objects.values_list("action", flat=True))


def test_ones_own_sessions_by_a_token_that_may(developer: User, sre: User) -> None:
    for _ in range(3):
        Client().force_login(developer)
    own, narrow = bearer(developer), bearer(developer, rights=["read", "service.deploy"])
    rows = own.get("/api/v1/sessions").json()["items"]
    assert len(rows) == 3
    assert narrow.get("/api/v1/sessions").status_code == 403
    assert post(narrow, "/sessions/end").status_code == 403
    assert narrow.delete(f"/api/v1/sessions/{rows[0]['key']}").status_code == 403
    assert own.delete(f"/api/v1/sessions/{rows[0]['key']}").status_code == 204
    assert own.delete(f"/api/v1/sessions/{rows[0]['key']}").status_code == 404
    Client().force_login(sre)
    theirs = bearer(sre).get("/api/v1/sessions").json()["items"][0]["key"]
    assert own.delete(f"/api/v1/sessions/{theirs}").status_code == 403
    assert post(own, "/sessions/end").json() == {"count": 2}


def test_providers_from_the_machine_itself(tmp_path: Path, client: Client) -> None:
    (tmp_path / "secret").write_text("geheim 雪\n", encoding="utf-8")
    words = ["--name", "Corp", "--issuer", "https://id.example.com/", "--client-id", "xq"]
    run("add-provider", "corp", *words, "--secret-file", str(tmp_path / "secret"), "--makes-people")
    row = Provider.objects.get()
    assert (row.secret, row.issuer, row.makes_people) == ("geheim 雪", "https://id.example.com", True)
    assert "corp  Corp  https://id.example.com  on" in run("providers")
    assert "Sign in with Corp" in client.get("/login/").content.decode()
    for wrong in (
        words,
        [*words[:2], "--issuer", "http://id.example.com", *words[4:]],
        ["--secret-file", "/none", *words],
    ):
        with pytest.raises(CommandError):
            run("add-provider", "corp", *wrong)
    run("remove-provider", "corp")
    with pytest.raises(CommandError, match="no provider"):
        run("remove-provider", "corp")
    assert list(Event.objects.order_by("pk").values_list("action", flat=True)) == ["oidc.create", "oidc.remove"]
    assert "geheim" not in str(list(Event.objects.values()))
