"""Connecting, changing, cordoning, retiring and removing hosts."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from hosts import engine, hooks
from hosts.models import Host, HostGroup
from hosts.models.machines import OVERCOMMIT_MEMORY
from hosts.services import machines, register_local
from tests.engines.certs import Authority, Pair
from tests.queue import Queue
from xqplatform.accounts.actor import Actor
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused

ACTOR = Actor.system()
CA = Authority()
CLIENT = CA.client()
GOOD: dict[str, Any] = {
    "name": "h1",
    "connection": "tcp",
    "address": "tcp://10.0.0.5",
    "ca": CA.cert,
    "certificate": CLIENT.cert,
    "key": CLIENT.key,
    "labels": "rack=a1\n# a note\n\ndisk=ssd",
}


def locked(pair: Pair) -> str:
    key = serialization.load_pem_private_key(pair.key.encode(), None)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
    ).decode()


@pytest.mark.django_db(transaction=True)
def test_a_host_is_stored_with_its_event_and_read_by_a_worker(enqueued: Queue) -> None:
    host = machines.create_host(ACTOR, GOOD)
    assert (host.address, host.labels) == ("10.0.0.5:2376", {"rack": "a1", "disk": "ssd"})
    event = Event.objects.get()
    assert "PRIVATE" not in str(event.after)
    assert "hosts.tasks.refresh" in enqueued.names


def test_the_key_is_encrypted_at_rest(db: None) -> None:
    host = machines.create_host(ACTOR, GOOD)
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("select key from hosts_host")
        assert "PRIVATE" not in cursor.fetchone()[0]
    host.refresh_from_db()
    assert host.key.strip() == CLIENT.key.strip()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "Not A Slug"),
        ("name", "x" * 61),
        ("connection", "telepathy"),
        ("address", ""),
        ("address", "10.0.0.5:0"),
        ("address", "10.0.0.5:99999"),
        ("address", "10.0.0.5:port"),
        ("address", "10.0.0.999:2376"),
        ("address", "http://10.0.0.5"),
        ("address", "root@10.0.0.5"),
        ("address", "a b:2376"),
        ("address", "[::zz]:2376"),
        ("address", "x" * 251),
        ("ca", ""),
        ("ca", "nonsense"),
        ("ca", CLIENT.key),
        ("ca", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"),
        ("certificate", ""),
        ("certificate", CA.client(expired=True).cert),
        ("certificate", CLIENT.key),
        ("key", ""),
        ("key", "nonsense"),
        ("key", CLIENT.cert),
        ("key", CA.client().key),
        ("key", locked(CLIENT)),
        ("key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"),
        ("key", "\x00" + CLIENT.key),
        ("labels", "no equals sign"),
        ("labels", "=v"),
        ("labels", "a=1\na=2"),
        ("labels", "a=" + "x" * 251),
        ("group", "nowhere"),
        ("build_slots", 0),
        ("build_slots", "many"),
        ("colour", "red"),
    ],
)
def test_nonsense_is_refused_at_its_field(db: None, field: str, value: Any) -> None:
    with pytest.raises(Refused) as caught:
        machines.create_host(ACTOR, {**GOOD, field: value})
    assert caught.value.field == field
    assert not Host.objects.exists()


@pytest.mark.parametrize(
    ("kind", "given", "stored"),
    [
        ("local", "", "/var/run/docker.sock"),
        ("local", "unix:///run/d.sock", "/run/d.sock"),
        ("tcp", "machine.example", "machine.example:2376"),
        ("tcp", "https://machine:1234/", "machine:1234"),
        ("tcp", "[fd00::1]:2376", "[fd00::1]:2376"),
        ("ssh", "ssh://root@10.0.0.5", "root@10.0.0.5"),
        ("ssh", "deploy@machine:2222", "deploy@machine:2222"),
    ],
)
def test_addresses_are_stored_in_one_shape(kind: str, given: str, stored: str) -> None:
    assert machines.clean_address(kind, given) == stored


def test_an_empty_key_keeps_the_stored_one(db: None) -> None:
    host = machines.create_host(ACTOR, GOOD)
    changed = machines.change_host(ACTOR, host, {**GOOD, "key": "", "role_build": True})
    assert changed.role_build
    assert changed.key.strip() == CLIENT.key.strip()
    assert changed.connection_version == 1
    other = CA.client("other")
    changed = machines.change_host(ACTOR, host, {"certificate": other.cert, "key": other.key})
    assert changed.connection_version == 2
    event = Event.objects.filter(action="host.change").first()
    assert event is not None
    assert event.after == {"certificate": "new", "key": "new"}


def test_names_and_addresses_are_given_once(db: None) -> None:
    machines.create_host(ACTOR, GOOD)
    with pytest.raises(Refused) as caught:
        machines.create_host(ACTOR, {**GOOD, "name": "h2"})
    assert caught.value.field == "address"
    with pytest.raises(Refused) as caught:
        machines.create_host(ACTOR, {**GOOD, "address": "10.0.0.6"})
    assert caught.value.field == "name"


def test_a_host_in_use_is_neither_removed_nor_retired(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    host = machines.create_host(ACTOR, GOOD)
    monkeypatch.setattr(hooks, "HOST_USERS", [lambda pk: 3 if pk == host.pk else 0])
    for verb in (machines.remove_host, machines.retire):
        with pytest.raises(Refused, match="3 instances"):
            verb(ACTOR, host)
    monkeypatch.setattr(hooks, "HOST_USERS", [])
    machines.retire(ACTOR, host)
    with pytest.raises(Refused, match="retired"):
        machines.cordon(ACTOR, host)
    machines.bring_back(ACTOR, Host.objects.get())
    assert list(host.changes.values_list("old", "new")) == [("retired", "new"), ("new", "retired")]
    machines.remove_host(ACTOR, host)
    assert not Host.objects.exists()


def test_cordon_says_why_and_uncordon_takes_it_back(db: None) -> None:
    host = machines.create_host(ACTOR, GOOD)
    host = machines.cordon(ACTOR, host, "disk swap")
    assert (host.cordoned, host.cordon_reason, host.takes_instances) == (True, "disk swap", False)
    host = machines.uncordon(ACTOR, host)
    assert (host.cordoned, host.cordon_reason) == (False, "")
    assert Event.objects.filter(action="host.cordon", reason="disk swap").count() == 1


def test_developers_may_not_and_the_attempt_stays(actor_dev: Actor) -> None:
    host = Host.objects.create(name="h1", address="10.0.0.5:2376")
    for attempt in (
        lambda: machines.create_host(actor_dev, GOOD),
        lambda: machines.change_host(actor_dev, host, {}),
        lambda: machines.remove_host(actor_dev, host),
        lambda: machines.cordon(actor_dev, host),
        lambda: machines.test_connection(actor_dev, GOOD),
        lambda: machines.save_group(actor_dev, {"slug": "a"}),
    ):
        with pytest.raises(Denied):
            attempt()
    assert Event.objects.filter(denied=True).count() == 6


def test_groups_come_change_and_go(db: None) -> None:
    group = machines.save_group(ACTOR, {"slug": "room-a", "title": "Room A"})
    with pytest.raises(Refused):
        machines.save_group(ACTOR, {"slug": "room-a"})
    with pytest.raises(Refused):
        machines.save_group(ACTOR, {"slug": "b", "kind": "ship"})
    machines.save_group(ACTOR, {"kind": "cloud"}, group)
    for field, value in (
        ("reserve_cpus", -1),
        ("reserve_memory", float("nan")),
        ("overcommit_cpus", 0),
        ("overcommit_memory", "9" * 4300),
    ):
        with pytest.raises(Refused) as refusal:
            machines.save_group(ACTOR, {field: value}, group)
        assert refusal.value.field == field
    limits = {"reserve_cpus": 2, "reserve_memory": 4 << 30, "overcommit_cpus": 3.5, "overcommit_memory": None}
    group = machines.save_group(ACTOR, limits, group)
    assert (group.reserve_memory, group.overcommit_cpus, group.overcommit_memory) == (4 << 30, 3.5, OVERCOMMIT_MEMORY)
    assert Event.objects.latest("pk").after == {"reserve_cpus": 2.0, "reserve_memory": 4 << 30, "overcommit_cpus": 3.5}
    host = machines.create_host(ACTOR, {**GOOD, "group": "room-a"})
    with pytest.raises(Refused, match="1 hosts"):
        machines.remove_group(ACTOR, group)
    machines.change_host(ACTOR, host, {"group": ""})
    machines.remove_group(ACTOR, group)
    assert not HostGroup.objects.exists()


def test_the_local_engine_is_registered_once_if_it_answers(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(engine, "diagnose", lambda spec, timeout=10: engine.Diagnosis(False, "refused", "no"))
    assert register_local(ACTOR) is None
    monkeypatch.setattr(engine, "diagnose", lambda spec, timeout=10: engine.Diagnosis(True, "ok", "yes"))
    host = register_local(ACTOR)
    assert host is not None
    assert (host.address, host.role_run, host.role_build) == ("/var/run/docker.sock", True, True)
    assert register_local(ACTOR) == host


def test_a_test_uses_the_stored_key_where_none_is_typed(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    host = machines.create_host(ACTOR, GOOD)
    asked: list[Any] = []
    monkeypatch.setattr(
        engine, "diagnose", lambda spec, timeout=10: asked.append(spec) or engine.Diagnosis(True, "ok", "yes")
    )
    machines.test_connection(ACTOR, {**GOOD, "name": "", "key": "", "address": "10.0.0.9"}, host)
    assert asked[0].key.strip() == CLIENT.key.strip()
    assert asked[0].url == "10.0.0.9:2376"
    assert Host.objects.get().address == "10.0.0.5:2376"
