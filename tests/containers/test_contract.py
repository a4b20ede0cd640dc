"""The contract's decisions: what must be seen inside, what an init needs, where data is persisted. No engine."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from containers.config import Config, difference, parse
from containers.contract import compare, differences, expected
from containers.init_mode import Facts, kind_of, needs, problems
from containers.models import Container, PersistedFolder
from containers.persisted import parse_sizes, root_of
from containers.services import contract as verbs
from containers.services import persisted
from containers.spec import Place, container_spec
from hosts import inside
from hosts.engine import create_body
from hosts.helper import NoHelper
from hosts.models import Host
from tests.containers.conftest import World
from xqplatform.accounts.actor import Actor
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused

PRINTED = """\
@@xq k container abc
@@xq k before
nameserver 127.0.0.11
options ndots:0

@@xq k wrote

@@xq k resolver
nameserver 10.1.0.2
search .

@@xq k hosts
127.0.0.1\tlocalhost
10.1.0.7\tsnow-1

@@xq other hostname
@@xq k hostname
snow-1
@@xq k card
7: eth0@if8: <BROADCAST,UP> mtu 1500 qdisc noqueue
    link/ether 02:42:0a:01:00:07 brd ff:ff:ff:ff:ff:ff
    inet 10.1.0.7/24 brd 10.1.0.255 scope global eth0
@@xq k route
default via 10.1.0.1 dev eth0
@@xq k container def
@@xq k gone
@@xq k end
"""


def want(**changes: Any) -> Any:
    given = {"ip": "10.1.0.7", "mac": "02:42:0A:01:00:07", "gateway": "10.1.0.1", "dns": ["10.1.0.2"], "search": []}
    return expected("snow-1", **(given | changes))


def test_what_the_helper_prints_is_the_contract_kept() -> None:
    (seen,) = inside.parse(PRINTED, "k").values()
    assert seen.wrote
    assert seen.before == "nameserver 127.0.0.11\noptions ndots:0"
    items = compare(want(), seen)
    assert differences(items) == []
    assert {item.name for item in items if item.ok} >= {"hostname", "hosts", "nameservers", "search", "address", "mac"}


def test_a_helper_that_broke_off_tells_nothing() -> None:
    with pytest.raises(NoHelper):
        inside.parse(PRINTED.replace("@@xq k end\n", ""), "k")


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"ip": "10.1.0.8"}, "address"),
        ({"mac": "02:42:0a:01:00:08"}, "mac"),
        ({"gateway": "10.1.0.254"}, "gateway"),
        ({"dns": ["10.1.0.3"]}, "nameservers"),
        ({"search": ["example.com"]}, "search"),
        ({"mtu": 9000}, "mtu"),
    ],
)
def test_each_difference_is_named(change: dict[str, Any], name: str) -> None:
    (seen,) = inside.parse(PRINTED, "k").values()
    assert name in {item.name for item in differences(compare(want(**change), seen))}


def test_the_resolver_is_the_segments() -> None:
    assert want().resolver == "nameserver 10.1.0.2\nsearch ."
    assert want(dns=[], search=["."]).resolver == "nameserver 127.0.0.11\nsearch ."
    assert want(dns=[], search=[]).resolver == ""


GOOD = Facts(entrypoint=("/sbin/init",), init="fine", kind="systemd", start_list="fine")


@pytest.mark.parametrize(
    ("facts", "word"),
    [
        (Facts(**GOOD.to_json() | {"init": "missing", "entrypoint": ("/sbin/init",)}), "no /sbin/init"),
        (Facts(**GOOD.to_json() | {"init": "not executable", "entrypoint": ("/sbin/init",)}), "not executable"),
        (Facts(**GOOD.to_json() | {"entrypoint": ("/bin/sh", "/x")}), "/bin/sh /x"),
        (Facts(**GOOD.to_json() | {"entrypoint": ("/sbin/init",), "command": ("x",)}), "CMD"),
        (Facts(**GOOD.to_json() | {"entrypoint": ("/sbin/init",), "start_list": "missing"}), "/etc/rc.local"),
    ],
)
def test_the_broken_rule_is_named(facts: Facts, word: str) -> None:
    assert problems(GOOD) == []
    (said,) = problems(facts)
    assert word in said
    assert Facts.of(facts.to_json()) == Facts.of(Facts.of(facts.to_json()).to_json())


def test_each_init_gets_what_it_needs() -> None:
    assert kind_of("/lib/systemd/systemd", b"") == "systemd"
    assert kind_of("/bin/busybox", b"") == "busybox"
    assert kind_of("/sbin/init", b"...sysvinit...") == "sysvinit"
    assert needs("systemd", "2").host_cgroups
    assert not needs("systemd", "1").host_cgroups
    body = create_body(
        container_spec(
            Place("s", "e", 1, 1, init=needs("busybox", "1")),
            Config(init="image"),
            {},
            "i",
            platform="p",
            deployment=1,
            step="1",
        ),
        "1.41",
    )
    assert body["StopSignal"] == "SIGUSR2"
    assert body["HostConfig"]["CapAdd"] == ["SYS_BOOT"]
    assert body["HostConfig"]["Privileged"] is False


def test_a_folder_of_the_address_and_its_logs() -> None:
    config = parse({"persist": True, "persist_in": "folder", "logs": "/srv/app/logs/"})
    spec = container_spec(
        Place("s", "e", 1, 1, folder="/data/persist/10.1.0.7"), config, {}, "i", platform="p", deployment=1, step="1"
    )
    assert spec.binds == ("/data/persist/10.1.0.7:/persist", "/data/persist/10.1.0.7/logs:/srv/app/logs")
    assert ("logs", "", "/srv/app/logs") in difference(Config(), config)
    assert parse({"persist": True}).persist_in == "volume"  # what was stored before there were folders


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"logs": "/srv/logs"}, "logs"),
        ({"persist": True, "persist_in": "folder", "logs": "/persist/logs"}, "logs"),
        ({"persist": True, "persist_in": "attic"}, "persist_in"),
        ({"init": "image", "command": ["x"]}, "command"),
        ({"init": "yes"}, "init"),
    ],
)
def test_what_does_not_go_together_is_refused(data: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as refused:
        parse(data)
    assert refused.value.field == field


def test_roots_lie_where_they_may() -> None:
    assert root_of({}, "/data/persist", []) == ("/data/persist", "")
    assert root_of({"persist_root": "/data/services/x"}, "/data/persist", ["/data/services"])[0] == "/data/services/x"
    root, wrong = root_of({"persist_root": "/data/services/../../etc"}, "/data/persist", ["/data/services"])
    assert (root, bool(wrong)) == ("/data/persist", True)
    assert parse_sizes("120\t/persist/10.0.0.7\nx\n4\t10.0.0.8") == {"10.0.0.7": 122880, "10.0.0.8": 4096}


def test_only_an_sre_removes_a_folder(actor_dev: Actor, actor_sre: Actor) -> None:
    host = Host.objects.create(name="h1", address="10.9.0.1:2376", state="ready")
    row = PersistedFolder.objects.create(host=host, root="/data/persist", ip="10.9.1.10")
    with pytest.raises(Denied):
        persisted.remove(actor_dev, row, row.ip)
    assert persisted.remove(actor_sre, row, row.ip).removing


def test_a_folder_that_is_not_there_yet_is_no_folder_that_is_gone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row comes with the container, the folder with its start: what looks in between closes nothing."""
    said = {"words": ""}
    monkeypatch.setattr(persisted, "connect", lambda _host: None)
    monkeypatch.setattr(persisted.helper, "run", lambda *_a, **_k: persisted.helper.Result(0, said["words"]))
    host, ip = world.hosts[0], "10.9.1.10"
    address = world.segment.addresses.create(
        ip=ip, mac="02:42:0a:09:01:0a", holder="snow/isolated/1", since=timezone.now()
    )
    one = world.place.instances.create(number=1, host=host, address=address)
    row = PersistedFolder.objects.create(host=host, root="/data/persist", ip=ip, instance=one)
    persisted.measure(host.pk)
    row.refresh_from_db()
    assert (row.removed, row.measured) == (None, None)
    said["words"] = f"4\t{ip}"
    persisted.measure(host.pk)
    row.refresh_from_db()
    assert (row.removed, row.size) == (None, 4096)
    said["words"] = ""
    persisted.measure(host.pk)
    row.refresh_from_db()
    assert row.removed is not None
    # Found again without a row: it is known whose it is.
    said["words"] = f"8\t{ip}\n8\t10.250.0.9"
    persisted.measure(host.pk)
    found = PersistedFolder.objects.get(host=host, ip=ip, removed=None)
    assert (found.instance, found.holder) == (one, "snow/isolated/1")
    assert PersistedFolder.objects.get(host=host, ip="10.250.0.9").instance is None


# --- Verified, with an engine that only answers -------------------------------------------------------------------


class Running:
    """An engine whose containers all run."""

    where = "h1"

    def inspect(self, engine_id: str) -> dict[str, Any]:
        return {"State": {"Running": True, "Pid": 7, "StartedAt": "then"}, "ResolvConfPath": "/x"}


@pytest.fixture
def row(world: World, monkeypatch: pytest.MonkeyPatch) -> Container:
    world.segment.dns = ["10.1.0.2"]
    world.segment.gateway = "10.1.0.1"
    world.segment.save()
    address = world.segment.addresses.create(
        ip="10.1.0.7", mac="02:42:0a:01:00:07", holder="snow/isolated/1", since=timezone.now()
    )
    one = world.place.instances.create(number=1, host=world.hosts[0], address=address)
    monkeypatch.setattr(verbs, "connect", lambda host: Running())
    return Container.objects.create(instance=one, host=world.hosts[0], engine_id="abc")


def looks(monkeypatch: pytest.MonkeyPatch, *, hostname: str = "snow-isolated-1") -> list[Any]:
    """What is asked of the helper, which then prints PRINTED with this host name."""
    asked: list[Any] = []

    def look(engine: Any, wanted: Any) -> Any:
        asked.extend(wanted)
        return inside.parse(PRINTED.replace("snow-1", hostname), "k")

    monkeypatch.setattr(verbs.inside, "look", look)
    return asked


def test_a_kept_contract_is_stored_and_due_again_only_after_a_start(row: Container, monkeypatch: Any) -> None:
    asked = looks(monkeypatch)
    assert verbs.verify_host(row.host_id) == 1
    assert asked[0].resolver == "nameserver 10.1.0.2\nsearch ."
    row.refresh_from_db()
    assert row.contract_ok, row.contract
    assert "127.0.0.11" in row.contract["wrote"]["before"]
    assert verbs.verify_host(row.host_id) == 0
    verbs.started(row.host_id, ["abc"])
    assert verbs.verify_host(row.host_id) == 1


def test_a_broken_contract_is_an_event_once(row: Container, monkeypatch: Any) -> None:
    looks(monkeypatch, hostname="other")
    verbs.verify_host(row.host_id)
    verbs.verify_host(row.host_id, [row.pk])
    row.refresh_from_db()
    assert row.degraded
    event = Event.objects.get(action="instance.contract")
    assert set(event.after) == {"hostname", "hosts"}


def test_what_nobody_could_look_into_is_no_broken_contract(row: Container, monkeypatch: Any) -> None:
    def look(engine: Any, wanted: Any) -> Any:
        raise NoHelper("no busybox")

    monkeypatch.setattr(verbs.inside, "look", look)
    assert verbs.verify_host(row.host_id) == 0
    row.refresh_from_db()
    assert row.contract == {"problem": "no busybox"}
    assert row.contract_ok is None
    assert not row.degraded
