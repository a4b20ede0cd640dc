"""A segment that would break something is refused at the field."""

from __future__ import annotations

from typing import Any

import pytest

from hosts.models import Host, Segment
from hosts.services import addresses, segments
from xqplatform.accounts.actor import Actor
from xqplatform.audit.models import Event
from xqplatform.errors import Refused

ACTOR = Actor.system()
GOOD: dict[str, Any] = {
    "slug": "room-a",
    "cidr": "10.7.0.0/24",
    "gateway": "10.7.0.1",
    "pool": "10.7.0.10-10.7.0.99",
    "dns": "10.7.0.2 10.7.0.3",
    "search": ".",
    "mtu": "1500",
}


def test_a_segment_is_made_with_its_event(db: None) -> None:
    host = Host.objects.create(name="h1", address="10.7.0.5:2376")
    row = segments.create_segment(ACTOR, {**GOOD, "hosts": ["h1"]})
    assert row.dns == ["10.7.0.2", "10.7.0.3"]
    assert list(row.hosts.all()) == [host]
    event = Event.objects.get()
    assert event.action == "segment.create"
    assert event.after is not None
    assert event.after["hosts"] == ["h1"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("slug", ""),
        ("slug", "Room A"),
        ("slug", "a" * 61),
        ("cidr", ""),
        ("cidr", "10.7.0.5/24"),
        ("cidr", "fd00::/64"),
        ("cidr", "10.0.0.0/8"),
        ("cidr", "10.7.0.0/31"),
        ("cidr", "224.0.0.0/24"),
        ("cidr", "nonsense"),
        ("gateway", "10.8.0.1"),
        ("gateway", "10.7.0.255"),
        ("gateway", "x"),
        ("pool", "10.7.0.10-10.7.1.10"),
        ("pool", "10.7.0.20-10.7.0.10"),
        ("pool", "many"),
        ("pool", "10.7.0.1"),
        ("reserved", "10.9.0.1"),
        ("reserved", "10.7.0.0/24"),
        ("vlan", "4095"),
        ("vlan", "x"),
        ("mtu", 12),
        ("driver", "overlay"),
        ("bridge", "a name with blanks"),
        ("bridge", "a" * 16),
        ("dns", "dns.example"),
        ("dns", "1.1.1.1 1.1.1.2 1.1.1.3 1.1.1.4"),
        ("search", "-bad-"),
        ("title", "x" * 121),
        ("hosts", ["nobody"]),
        ("colour", "red"),
    ],
)
def test_nonsense_is_refused_at_its_field(db: None, field: str, value: Any) -> None:
    with pytest.raises(Refused) as caught:
        segments.create_segment(ACTOR, {**GOOD, field: value})
    assert caught.value.field == ("pool" if (field, value) == ("reserved", "10.7.0.0/24") else field)
    assert not Segment.objects.exists()
    assert not Event.objects.exists()


def test_overlapping_segments_are_refused(db: None) -> None:
    segments.create_segment(ACTOR, GOOD)
    with pytest.raises(Refused, match="overlaps") as caught:
        segments.create_segment(ACTOR, {"slug": "b", "cidr": "10.7.0.128/25"})
    assert caught.value.field == "cidr"


def test_a_bridge_carries_one_segment_a_host(db: None) -> None:
    Host.objects.create(name="h1", address="10.7.0.5:2376")
    segments.create_segment(ACTOR, {**GOOD, "hosts": ["h1"]})
    with pytest.raises(Refused) as caught:
        segments.create_segment(ACTOR, {"slug": "b", "cidr": "10.8.0.0/24", "hosts": ["h1"]})
    assert caught.value.field == "bridge"
    segments.create_segment(ACTOR, {"slug": "b", "cidr": "10.8.0.0/24", "bridge": "br1", "hosts": ["h1"]})


def test_a_name_is_given_once(db: None) -> None:
    segments.create_segment(ACTOR, GOOD)
    with pytest.raises(Refused) as caught:
        segments.create_segment(ACTOR, {"slug": "room-a", "cidr": "10.8.0.0/24"})
    assert caught.value.field == "slug"


def test_what_is_held_keeps_a_segment_as_it_is(db: None) -> None:
    row = segments.create_segment(ACTOR, GOOD)
    held = addresses.allocate(row, "a")
    for change in ({"bridge": "br9"}, {"cidr": "10.9.0.0/24", "gateway": "", "pool": ""}, {"gateway": held.ip}):
        with pytest.raises(Refused):
            segments.change_segment(ACTOR, row, change)
    with pytest.raises(Refused, match="held"):
        segments.remove_segment(ACTOR, row)
    segments.change_segment(ACTOR, row, {"title": "Room A"})
    addresses.release(held)
    segments.remove_segment(ACTOR, row)
    assert not Segment.objects.exists()
