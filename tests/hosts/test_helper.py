"""What helpers say, read; and whom a conflict is about. Engines are asked in test_helper_on_engines.py."""

from __future__ import annotations

import time
from typing import Any
from unittest.mock import Mock

import pytest
from django.test import Client
from django.utils import timezone

from hosts import busybox, conflicts, disk, helper, inventory, labels, probe
from hosts import engine as edge
from hosts.engine import EngineError
from hosts.models import Address, Host, SeenContainer, Segment
from hosts.services import addresses
from tests.hosts.test_pages import page  # noqa: F401
from xqplatform.audit.models import Event
from xqplatform.errors import Refused

ASKED = "ARPING %s from 0.0.0.0 br0\n"
SENT = "Sent 1 probe(s) (1 broadcast(s))\nReceived 1 response(s) (0 request(s), 0 broadcast(s))\n"
NONE = "Sent 2 probe(s) (2 broadcast(s))\nReceived 0 response(s) (0 request(s), 0 broadcast(s))\n"


def test_the_disk_is_read_from_stat() -> None:
    assert inventory.parse_space("4096 100 25 50 10\n") == inventory.Space(409600, 102400, 50, 10)
    assert inventory.parse_space("stat: /etc/hostname: No such file") is None
    assert inventory.parse_space("4096 0 0 0 0") is None


def test_few_inodes_are_degraded_and_none_at_all_are_not() -> None:
    info = {"DockerRootDir": "/data", "LiveRestoreEnabled": True}
    assert "inodes" in inventory.assess(info, inodes_total=100, inodes_free=9).reason
    assert inventory.assess(info, inodes_total=0, inodes_free=0).state == "ready"


def test_answers_are_read_from_arping() -> None:
    five, six = ASKED % "10.0.0.5", ASKED % "10.0.0.6"
    said = f"{five}Unicast reply from 10.0.0.5 [02:42:0A:00:00:05] 0.1ms\n{SENT}{six}{NONE}"
    assert probe.parse(said, ["10.0.0.5", "10.0.0.6"]) == {"10.0.0.5": "02:42:0a:00:00:05"}
    assert probe.parse(six + NONE, ["10.0.0.6"]) == {}
    with pytest.raises(helper.NoHelper):  # that one of two says nothing does not mean that nobody has the other
        probe.parse(six + NONE, ["10.0.0.5", "10.0.0.6"])
    with pytest.raises(helper.NoHelper):  # it was ended before it asked
        probe.parse(six + NONE.replace("Sent 2", "Sent 0") + five + NONE, ["10.0.0.5", "10.0.0.6"])
    with pytest.raises(helper.NoHelper, match="br7"):
        probe.parse("arping: interface br7 not found", ["10.0.0.6"])


def test_no_busybox_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(busybox, "static_busybox", Mock(side_effect=Refused("Install busybox-static.")))
    helper._program.cache_clear()
    with pytest.raises(helper.NoHelper, match="Install"):
        helper.ensure_image(Mock())
    helper._program.cache_clear()


def test_another_architecture_is_said_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helper, "_program", lambda: b"\x7fELF\x02\x01" + b"\0" * 12 + bytes([183, 0]) + b"\0" * 60)
    engine = Mock(where="h1", **{"has_image.return_value": False, "info.return_value": {"Architecture": "x86_64"}})
    with pytest.raises(helper.NoHelper, match="another kind"):
        helper.ensure_image(engine)
    engine.build.assert_not_called()


def test_only_our_own_leftovers_are_swept() -> None:
    def entry(name: str, until: float, platform: str) -> dict[str, Any]:
        return {"Id": name, "Labels": {labels.HELPER: str(int(until)), labels.PLATFORM: platform}}

    now, mine, engine = time.time(), labels.installation(), Mock()
    entries = [entry("old", now - 9, mine), entry("young", now + 99, mine), entry("theirs", now - 9, "x"), {"Id": "c"}]
    assert helper.sweep(engine, entries) == 1
    engine.remove.assert_called_once_with("old", force=True)


@pytest.mark.django_db
def test_the_disk_is_asked_for_at_most_every_ten_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host.objects.create(name="h1", address="10.0.0.1:2376", state="ready")
    asked = Mock(side_effect=EngineError("other", "x", "It does not like helpers."))
    monkeypatch.setattr(disk, "read", asked)
    monkeypatch.setattr(edge, "connect", Mock())  # else its engine would stay in the process for the next test's host 1
    assert disk.measure(host.pk)
    assert not disk.measure(host.pk)
    assert asked.call_count == 1
    host.refresh_from_db()
    assert host.disk_note == "It does not like helpers."


class Twice:
    """A held address, its holder's container, and a stranger with the same address on another host."""

    def __init__(self) -> None:
        self.hosts = [Host.objects.create(name=n, address=f"10.0.0.{n[1]}:1", state="ready") for n in ("h1", "h2")]
        self.segment = Segment.objects.create(slug="lan", cidr="10.9.1.0/24")
        self.segment.hosts.set(self.hosts)
        self.address = addresses.allocate(self.segment, "snow/production/1", chosen="10.9.1.10")
        self.mine = self.seen(self.hosts[0], "snow-production-1", ours=True)

    def seen(self, host: Host, name: str, **fields: Any) -> SeenContainer:
        mine = {labels.SERVICE: "snow", labels.ENVIRONMENT: "production"} if fields.get("ours") else {}
        return SeenContainer.objects.create(
            host=host, engine_id=f"{host}{name}", name=name, state="running", ip="10.9.1.10", mac="02:42:0a:09:01:0a",
            labels=mine, seen=timezone.now(), **fields,
        )  # fmt: skip

    def look(self) -> Address:
        for host in self.hosts:
            conflicts.look(host)
        self.address.refresh_from_db()
        return self.address


@pytest.mark.django_db
def test_a_duplicate_is_shown_told_once_and_cleared(page: Client) -> None:  # noqa: F811
    world = Twice()
    world.seen(world.hosts[0], "snow-production-1-next", ours=True)
    assert world.look().conflict == ""
    stranger = world.seen(world.hosts[1], "printer")
    said = world.look().conflict
    assert "printer on h2 (MAC 02:42:0a:09:01:0a)" in said
    assert world.look().conflict_since is not None
    for where in ("/", "/network/", "/network/lan/", "/hosts/h1/", "/hosts/h2/"):
        assert "printer on h2" in page.get(where).content.decode(), where
    assert Event.objects.filter(action="address.conflict").count() == 1
    stranger.delete()
    assert world.look().conflict == ""
    assert world.address.conflict_since is None
    assert Event.objects.filter(action="address.clear").count() == 1


@pytest.mark.django_db
def test_a_mac_that_somebody_else_has_is_a_conflict_too() -> None:
    world = Twice()
    twin = world.seen(world.hosts[1], "clone")
    SeenContainer.objects.filter(pk=twin.pk).update(ip="10.9.1.77")
    assert "Its MAC 02:42:0a:09:01:0a is used by clone on h2 (10.9.1.77), too." in world.look().conflict
    twin.delete()
    assert world.look().conflict == ""


@pytest.mark.django_db
def test_what_an_unreachable_host_once_had_is_no_conflict() -> None:
    world = Twice()
    world.seen(world.hosts[1], "printer")
    Host.objects.filter(name="h2").update(state="unreachable")
    assert world.look().conflict == ""


@pytest.mark.django_db
def test_an_exchanged_address_stays_reserved() -> None:
    world = Twice()
    other = addresses.exchange(world.address, "10.9.1.10 answers from MAC 02:00:00:00:00:01.")
    assert other.ip != "10.9.1.10"
    assert other.holder == "snow/production/1"
    world.address.refresh_from_db()
    assert (world.address.state, world.address.holder) == ("reserved", "")
    assert "answers from MAC" in world.address.note


@pytest.mark.django_db
def test_addresses_are_listed_in_the_order_of_their_numbers(page: Client) -> None:  # noqa: F811
    segment = Segment.objects.create(slug="lan", cidr="10.9.1.0/24")
    for ip in ("10.9.1.10", "10.9.1.9", "10.9.1.100"):
        addresses.allocate(segment, f"a/b/{ip[7:]}", chosen=ip)
    listed = [a.ip for a in page.get("/network/lan/?sort=ip").context["table"]]
    assert listed == ["10.9.1.9", "10.9.1.10", "10.9.1.100"]
    assert page.get(f"/network/id/{segment.pk}/")["Location"] == "/network/lan/"
