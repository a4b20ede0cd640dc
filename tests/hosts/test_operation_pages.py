"""Pages and API of operations, SSH accesses and reviewed commands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from hosts import observe, ssh
from hosts.models import Host, HostCommand, HostOperation, SshAccess
from hosts.services import commands, ssh_access
from tests.conftest import make_person
from tests.factories import make_host
from tests.hosts.ssh_server import RUN, SshServer, new_key, ssh_server
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.tokens import create_token

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def server() -> Iterator[SshServer]:
    with ssh_server(RUN) as running:
        yield running


@pytest.fixture
def host(db: None, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr(observe, "refresh_host", lambda pk: False)
    return make_host("run-a1")


def form_of(server: SshServer, **changes: Any) -> dict[str, Any]:
    return {"user": "me", "address": "127.0.0.1", "port": server.port, "key": server.user_key} | changes


def test_an_access_is_given_tested_and_never_shown(client: Client, sre: Any, host: Host, server: SshServer) -> None:
    client.force_login(sre)
    url = f"/hosts/{host.name}/ssh/"
    assert "root" in client.get(url).content.decode()
    page = client.post(url, form_of(server), follow=True).content.decode()
    print_ = ssh.fingerprint(server.host_key)
    assert "Logged in as me" in page
    assert print_ in page
    assert "PRIVATE KEY" not in page
    assert print_ in client.get(f"/hosts/{host.name}/").content.decode()


def test_a_key_with_a_passphrase_is_refused_at_its_field_and_what_was_typed_stays(
    client: Client, sre: Any, host: Host, server: SshServer
) -> None:
    from tests.hosts.test_shell import WRONG

    client.force_login(sre)
    answer = client.post(
        f"/hosts/{host.name}/ssh/", form_of(server, user="deploy", key=WRONG["passphrase, OpenSSH"][0])
    )
    page = answer.content.decode()
    assert answer.status_code == 400
    assert "ssh-keygen -p" in page
    assert "deploy" in page
    assert "PRIVATE KEY" not in page
    assert not SshAccess.objects.exists()


def test_a_changed_host_key_is_shown_and_trusted_by_a_button(
    client: Client, sre: Any, actor_sre: Any, host: Host, server: SshServer
) -> None:
    ssh_access.set_access(actor_sre, host, form_of(server))
    assert ssh_access.test_access(actor_sre, host).ok
    new = ssh.fingerprint(server.new_host_key())
    client.force_login(sre)
    page = client.post(f"/hosts/{host.name}/ssh/test/", follow=True).content.decode()
    assert "Another host key answers" in page
    assert new in page
    assert ssh.fingerprint(server.host_key) in page
    client.post(f"/hosts/{host.name}/ssh/trust/", {"fingerprint": new})
    assert "Logged in as me" in client.post(f"/hosts/{host.name}/ssh/test/", follow=True).content.decode()
    assert client.post(f"/hosts/{host.name}/ssh/remove/").status_code == 302
    assert not SshAccess.objects.exists()


def test_a_command_is_made_reviewed_and_run_on_ticked_hosts(
    client: Client, sre: Any, actor_sre: Any, host: Host, server: SshServer, enqueued: Any
) -> None:
    ssh_access.set_access(actor_sre, host, form_of(server))
    client.force_login(sre)
    data = {
        "name": "greet",
        "title": "Greet",
        "argv": "echo\nhello {hosts}",
        "parameters": "hosts regex [a-z]+",
        "timeout": "",
    }
    assert client.post("/hosts/commands/new/", data).status_code == 302
    page = client.get("/hosts/commands/greet/").content.decode()
    assert "waits for a review" in page
    assert "approve it" not in page, "not by who wrote it"
    other = Client()
    other.force_login(make_person("tom", "sre"))
    assert "approve it" in other.get("/hosts/commands/greet/").content.decode()
    assert other.post("/hosts/commands/greet/review/", {"version": "1"}).status_code == 302
    wrong = client.post("/hosts/commands/greet/", {"hosts": [host.name], "p_hosts": "A B"})
    assert wrong.status_code == 400
    assert "Not of the form" in wrong.content.decode()
    answer = client.post("/hosts/commands/greet/", {"hosts": [host.name], "p_hosts": "you", "reason": "because"})
    row = HostOperation.objects.get()
    assert answer.headers["Location"] == row.get_absolute_url()
    enqueued.drain()
    page = client.get(row.get_absolute_url()).content.decode()
    for text in ("hello you", "because", "Exit code", "succeeded"):
        assert text in page
    assert row.get_absolute_url() in client.get("/hosts/commands/greet/").content.decode()
    assert row.get_absolute_url() in client.get(f"/hosts/{host.name}/operations/").content.decode()
    assert "uptime" in client.get("/hosts/commands/").content.decode() or HostCommand.objects.filter(builtin=True)


def test_the_same_over_the_api(
    client: Client, sre: Any, actor_sre: Any, host: Host, server: SshServer, enqueued: Any
) -> None:
    headers = {"Authorization": f"Bearer {create_token(actor_sre, sre, 'ci')[1]}"}

    def call(method: str, path: str, data: Any = None) -> Any:
        return client.generic(method, f"/api/v1/{path}", _json(data), content_type="application/json", headers=headers)

    made = call(
        "PUT", "hosts/run-a1/ssh", {"user": "me", "address": "127.0.0.1", "port": server.port, "key": server.user_key}
    )
    assert made.status_code == 200, made.content
    assert "key" not in made.json()
    assert call("POST", "hosts/run-a1/ssh/test").json()["ok"]
    assert call("PUT", "hosts/run-a1/ssh", {"user": "me", "address": "127.0.0.1", "key": "x"}).json()["field"] == "key"
    commands.ensure_builtin()
    assert {row["name"] for row in call("GET", "host-commands").json()["items"]} >= {"uptime", "df"}
    ran = call("POST", "host-commands/uptime/run", {"hosts": ["run-a1"]})
    assert ran.status_code == 202, ran.content
    number = ran.json()["operations"][0]["id"]
    enqueued.drain()
    seen = call("GET", f"hosts/run-a1/operations/{number}").json()
    assert (seen["state"], seen["exit_code"]) == ("succeeded", 0), seen
    assert seen["steps"][0]["state"] == "done"
    assert call("POST", f"hosts/run-a1/operations/{number}/cancel").status_code == 409
    own = {
        "name": "greet",
        "title": "Greet",
        "argv": ["echo", "{x}"],
        "parameters": [{"name": "x", "kind": "enum", "choices": ["a"]}],
    }
    assert call("POST", "host-commands", own).status_code == 201
    assert call("POST", "host-commands/greet/run", {"hosts": ["run-a1"], "values": {"x": "a"}}).status_code == 409
    assert call("POST", "host-commands/greet/review", {"version": 1}).status_code == 409
    assert call("DELETE", "host-commands/greet").status_code == 204
    assert call("POST", "hosts/run-a1/ssh/trust", {"fingerprint": "x"}).status_code == 409
    assert call("DELETE", "hosts/run-a1/ssh").status_code == 204


def _json(data: Any) -> str:
    import json

    return "" if data is None else json.dumps(data)


def test_a_wrong_key_is_said_on_the_page(client: Client, sre: Any, host: Host, server: SshServer) -> None:
    client.force_login(sre)
    page = client.post(f"/hosts/{host.name}/ssh/", form_of(server, key=new_key()[0]), follow=True).content.decode()
    assert "does not accept the SSH key for user me" in page


def test_a_running_operation_shows_its_steps_and_can_be_cancelled(client: Client, sre: Any, host: Host) -> None:
    steps = [
        {"name": "a", "text": "Write the file", "state": "done", "started": "2026-01-01T00:00:00+00:00", "ended": "2026-01-01T00:00:02+00:00"},
        {"name": "b", "text": "Restart", "state": "running", "started": "2026-01-01T00:00:02+00:00", "ended": None},
    ]  # fmt: skip
    row = HostOperation.objects.create(
        host=host, kind="gone", who="sara", state="running", steps=steps, output="half-way"
    )
    client.force_login(sre)
    page = client.get(row.get_absolute_url()).content.decode()
    for text in ("Write the file", "Restart", "half-way", "Cancel"):
        assert text in page
    assert client.post(f"{row.get_absolute_url()}cancel/").status_code == 302
    row.refresh_from_db()
    assert row.shown_state == "cancelling"
    assert "cancelling" in client.get(row.get_absolute_url()).content.decode().lower()


def test_the_command_form_keeps_what_was_typed(client: Client, sre: Any) -> None:
    client.force_login(sre)
    data = {"name": "x y", "title": "T", "argv": "sh\n-c\necho {a}", "parameters": "a int 1..2"}
    answer = client.post("/hosts/commands/new/", data)
    assert answer.status_code == 400
    assert "echo {a}" in answer.content.decode()


def test_an_actor_of_the_system_may_review(actor_sre: Any) -> None:
    made = commands.save_command(actor_sre, {"name": "x", "title": "X", "argv": ["true"]})
    assert commands.review(Actor.system(), made, 1).reviewed
