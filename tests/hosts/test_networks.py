"""A segment's network on each host: judged in words, asked for, stored, and counted in plans."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from hosts import engine as edge
from hosts import reality
from hosts.engine import EngineError
from hosts.models import Host, Segment, SegmentNetwork
from hosts.networks import spec_of_segment
from hosts.reality import Card, Reality
from hosts.services import networks, segments
from tests.hosts.test_pages import page  # noqa: F401
from xqplatform.accounts.actor import Actor
from xqplatform.audit.models import Event
from xqplatform.errors import Refused

ACTOR = Actor.system()


def segment_of(**more: Any) -> Segment:
    return Segment(**{"slug": "lan", "cidr": "10.7.0.0/24", "gateway": "10.7.0.1", "mtu": 1400} | more)


def seen(segment: Segment, **options: str) -> dict[str, Any]:
    """The engine's network as it is when all is well, but for these options."""
    body = spec_of_segment(segment).body()
    return {**body, "Options": {**body["Options"], **options}}


def words(found: Reality) -> str:
    return " ".join(one["words"] for one in found.differences)


def test_a_network_is_fine_missing_or_cannot_be() -> None:
    segment = segment_of()
    assert reality.judge(segment, [seen(segment)], Card(True)) == Reality("ok")
    assert reality.judge(segment, [], Card(None)) == Reality("missing")
    found = reality.judge(segment, [seen(segment)], Card(False))
    assert found.state == "no_interface"
    assert "no bridge br0. Make it there" in found.note
    assert (
        "no interface eth0 to be the parent"
        in reality.judge(segment_of(driver="macvlan", bridge="eth0"), [], Card(False)).note
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"com.docker.network.bridge.name": "br7"}, "on another bridge: br7, not br0"),
        ({"com.docker.network.bridge.enable_ip_masquerade": "true"}, "Masquerading is on"),
        ({"com.docker.network.driver.mtu": "1500"}, "another MTU: 1500, not 1400"),
        ({"com.docker.network.bridge.inhibit_ipv4": "false"}, "gateway's address on the bridge"),
    ],
)
def test_each_difference_is_said(options: dict[str, str], said: str) -> None:
    segment = segment_of()
    found = reality.judge(segment, [seen(segment, **options)], Card(True))
    assert (found.state, len(found.differences)) == ("differs", 1)
    assert said in words(found)


def test_other_subnets_gateways_drivers_and_parents_are_said() -> None:
    segment = segment_of()
    other = seen(segment_of(cidr="10.8.0.0/24", gateway="10.8.0.1", driver="macvlan", bridge="eth1", vlan=7))
    other["Name"] = segment.network_name
    text = words(reality.judge(segment, [other], Card(True)))
    for part in ("subnet: 10.8.0.0/24, not 10.7.0.0/24", "gateway: 10.8.0.1", "driver macvlan, not bridge"):
        assert part in text
    wanted = segment_of(driver="macvlan", bridge="eth0", vlan=9)
    assert "parent interface: eth0.7, not eth0.9" in words(
        reality.judge(wanted, [seen(wanted, parent="eth0.7")], Card(True))
    )
    # An MTU that the segment does not say is one, too.
    assert "another MTU" in words(reality.judge(segment_of(mtu=None), [seen(segment)], Card(True)))


def test_containers_of_a_macvlan_have_their_parents_mtu() -> None:
    segment = segment_of(driver="macvlan", bridge="eth0")
    assert reality.judge(segment, [seen(segment)], Card(True, 1400)).state == "ok"
    found = reality.judge(segment, [seen(segment)], Card(True, 1500))
    assert "The parent eth0 has an MTU of 1500, the segment says 1400" in words(found)


def test_a_network_that_stands_in_the_way_is_named() -> None:
    segment = segment_of()
    rival = {**seen(segment), "Name": "by-hand"}
    assert "The network by-hand of this engine" in reality.judge(segment, [rival], Card(True)).note


@pytest.fixture
def lan(db: None) -> Segment:
    host = Host.objects.create(name="h1", address="10.7.0.5:2376", state="ready")
    return segments.create_segment(
        ACTOR, {"slug": "lan", "cidr": "10.7.0.0/24", "gateway": "10.7.0.1", "hosts": [host]}
    )


def row_of(segment: Segment) -> SegmentNetwork:
    return SegmentNetwork.objects.select_related("segment", "host").get(segment=segment)


def test_a_changed_segment_is_looked_at_at_once(
    lan: Segment, enqueued: Any, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        segments.change_segment(ACTOR, lan, {"mtu": 1400})
    assert enqueued.names == ["hosts.tasks.verify_network"]
    assert row_of(lan).state == "unknown"


def test_what_changes_is_an_event_once(lan: Segment) -> None:
    for _again in range(2):
        networks.store(
            row_of(lan), Reality("differs", [{"what": "mtu", "is": "1", "should": "2", "words": "It differs."}])
        )
    event = Event.objects.get(action="network.wrong")
    assert event.after is not None
    assert (event.actor, event.after["words"]) == (ACTOR.name, ["It differs."])
    networks.store(row_of(lan), Reality("ok"))
    assert Event.objects.filter(action="network.right").count() == 1
    row = row_of(lan)
    assert (row.state, row.differences) == ("ok", [])
    assert row.verified is not None
    # A host that does not answer: unknown, and the time of the last look stays.
    networks.store(row, Reality("unknown", note="refused"))
    assert row_of(lan).verified == row.verified
    assert Event.objects.filter(action__startswith="network.").count() == 2


def test_an_unreachable_host_is_unknown(lan: Segment, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_host: Host) -> Any:
        raise EngineError("refused", "no", "The engine does not answer.")

    monkeypatch.setattr(edge, "connect", gone)
    networks.ask(ACTOR, lan, Host.objects.get())
    networks.verify(row_of(lan))
    row = row_of(lan)
    assert (row.state, row.note, row.asked) == ("unknown", "The engine does not answer.", "")
    Host.objects.update(state="unreachable", state_reason="no route")
    networks.look(Host.objects.get())
    assert "no route" in row_of(lan).note


def test_what_was_asked_is_done_by_the_next_round_when_its_message_got_lost(
    lan: Segment, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    monkeypatch.setattr(networks, "verify", lambda row: done.append(row.asked))
    networks.ask(ACTOR, lan, Host.objects.get(), "remake")
    networks.look(Host.objects.get())
    assert done == ["remake"]


def test_only_a_host_of_the_segment_is_asked(lan: Segment) -> None:
    other = Host.objects.create(name="h2", address="10.7.0.6:2376")
    with pytest.raises(Refused, match="h2 is not on lan"):
        networks.ask(ACTOR, lan, other)


def test_the_page_shows_each_host_and_its_buttons(page: Client, lan: Segment) -> None:  # noqa: F811
    networks.store(row_of(lan), Reality("differs", [{"what": "x", "is": "1", "should": "2", "words": "It has <one>."}]))
    text = page.get("/network/lan/").content.decode()
    assert "It has &lt;one&gt;." in text
    assert 'value="remake"' in text
    assert "1 network is wrong" in page.get("/network/").content.decode()
    assert page.post("/network/lan/networks/", {"host": "h1", "do": "remake"}).status_code == 302
    assert row_of(lan).asked == "remake"
    assert "is being made anew" in page.get("/network/lan/").content.decode()
    assert page.post("/network/lan/networks/").status_code == 302
    assert Event.objects.filter(action="network.verify").count() == 1
    assert page.post("/network/lan/networks/", {"host": "nobody"}).status_code == 404
