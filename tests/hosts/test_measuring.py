"""How a host is measured is chosen: on its page and over the API, written down, and shown with what came of it."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.test import Client

from hosts.collector import placing, process
from hosts.models import Collector, Host, SshAccess
from tests.factories import make_host
from xqplatform.accounts.tokens import create_token
from xqplatform.audit.models import Event

pytestmark = pytest.mark.django_db


@pytest.fixture
def host(db: None) -> Host:
    return make_host("run-a1")


def give_access(host: Host) -> None:
    SshAccess.objects.create(host=host, user="me", address="10.0.0.1", port=22, key="x")


def test_the_page_shows_the_state_and_takes_the_choice(client: Client, sre: Any, host: Host) -> None:
    client.force_login(sre)
    give_access(host)
    Collector.objects.create(
        host=host, state="fallback", reason="<b>No</b> image.", last_sample=time.time() - 5, cpu=0.002, memory=3 << 20
    )
    page = client.get(f"/hosts/{host.name}/").content.decode()
    assert "the engine is asked instead" in page
    assert "&lt;b&gt;No&lt;/b&gt; image." in page
    assert "3.0 MiB" in page or "3 MiB" in page
    answer = client.post(f"/hosts/{host.name}/measuring/", {"way": "ssh", "reason": "policy"}, follow=True)
    assert "a process over SSH, without a container" in answer.content.decode()
    row = Collector.objects.get(host=host)
    assert (row.way, row.tried) == ("ssh", None)
    event = Event.objects.get(action="host.collect")
    assert (event.before, event.after, event.reason) == ({"measuring": "container"}, {"measuring": "ssh"}, "policy")
    client.post(f"/hosts/{host.name}/measuring/", {"way": "ssh"})
    assert Event.objects.filter(action="host.collect").count() == 1, "nothing changed"


def test_a_process_needs_an_access_and_what_is_unknown_is_refused(client: Client, sre: Any, host: Host) -> None:
    client.force_login(sre)
    url = f"/hosts/{host.name}/measuring/"
    assert "needs an SSH access" in client.get(f"/hosts/{host.name}/").content.decode()
    assert client.post(url, {"way": "ssh"}).status_code == 409
    assert client.post(url, {"way": "magic"}).status_code == 400
    assert client.get(url).status_code == 405
    assert not Collector.objects.exclude(way="container").exists()


def test_a_developer_sees_it_and_may_not_choose(client: Client, developer: Any, host: Host) -> None:
    client.force_login(developer)
    page = client.get(f"/hosts/{host.name}/").content.decode()
    assert "Measuring" in page
    assert "Measure it another way" not in page
    assert client.post(f"/hosts/{host.name}/measuring/", {"way": "off"}).status_code == 403


def test_the_api_tells_and_chooses(client: Client, sre: Any, actor_sre: Any, host: Host) -> None:
    headers = {"Authorization": f"Bearer {create_token(actor_sre, sre, 'ci')[1]}"}
    url = f"/api/v1/hosts/{host.name}/measuring"
    assert client.get(url, headers=headers).json()["way"] == "container"
    give_access(host)
    words = {"way": "ssh", "reason": "x"}
    assert client.put(url, words, content_type="application/json", headers=headers).json()["way"] == "ssh"
    answer = client.put(url, {"way": "magic"}, content_type="application/json", headers=headers)
    assert answer.status_code in {400, 422}


class Engine:
    """Has no container and takes none."""

    where = "run-a1"

    def list_containers(self, **_: Any) -> list[Any]:
        return []


def test_the_row_follows_the_choice(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placing.edge, "connect", lambda _host: Engine())
    give_access(host)
    Collector.objects.create(host=host, way="ssh", trouble="refused")
    assert placing.look_after(host.pk)
    row = Collector.objects.get()
    assert (row.state, row.version, row.trouble, row.read) == ("process", process.version(), "refused", True)
    SshAccess.objects.all().delete()
    Collector.objects.update(tried=None)
    assert placing.look_after(host.pk)
    row = Collector.objects.get()
    assert (row.state, row.reason) == ("fallback", "It shall be measured over SSH and has no SSH access.")
