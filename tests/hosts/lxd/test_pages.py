"""Pages of a host that is an LXD server: its checks, and how it is measured."""

from __future__ import annotations

import pytest
from django.test import Client

from hosts.conformance import store
from hosts.models import Collector, Host, HostOperation, SshAccess
from hosts.services import operations
from tests.hosts.conformance.test_server_checks import PAIR, told
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import User
from xqplatform.errors import Refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def host() -> Host:
    return Host.objects.create(
        name="db-1", address="10.0.0.1:8443", runtime="lxd", ca=PAIR.cert, certificate=PAIR.cert, state="ready"
    )


def page(sre: User, path: str) -> str:
    client = Client()
    client.force_login(sre)
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def test_its_checks_say_what_to_do(sre: User, host: Host) -> None:
    facts = {
        "source": "server",
        "taken": 1.0,
        "host": {"connection": "tcp"},
        **told(config={"core.trust_password": True}),
    }
    store.keep(host, facts)
    said = page(sre, "/hosts/db-1/conformance/")
    for words in ("by the server itself", "No trust password is set", "lxc config unset core.trust_password", "zfs"):
        assert words in said
    assert "docker0" not in said


def test_how_it_is_measured(sre: User, host: Host) -> None:
    Collector.objects.create(host=host, state="server")
    said = page(sre, "/hosts/db-1/")
    assert "the server&#x27;s own counters" in said
    assert "a container beside the others" not in said


def test_its_server_is_no_engine_to_be_upgraded(sre: User, actor_sre: Actor, host: Host) -> None:
    SshAccess.objects.create(host=host, host_key="ssh-ed25519 AAAA")
    assert "daemon.json" not in page(sre, "/hosts/db-1/")
    for kind in ("engine.upgrade", "engine.restart", "daemon.read", "tls.issue"):
        with pytest.raises(Refused, match="LXD host"):
            operations.start(actor_sre, host, kind, {})
    assert not HostOperation.objects.exists()
