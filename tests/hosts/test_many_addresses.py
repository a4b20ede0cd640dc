"""Many holders at once get what they would have got one after the other."""

from __future__ import annotations

from typing import Any

import pytest

from hosts.models import Address, Segment
from hosts.services import addresses, many_addresses
from hosts.services.many_addresses import allocate_all
from xqplatform.errors import Refused


@pytest.fixture
def segment(db: None) -> Segment:
    return Segment.objects.create(
        slug="room-a", cidr="10.7.0.0/24", gateway="10.7.0.1", pool="10.7.0.10-10.7.0.20", reserved="10.7.0.11"
    )


def ledger_of(segment: Segment) -> list[tuple[str, int, str, str, str]]:
    return list(segment.addresses.order_by("number").values_list("ip", "number", "mac", "holder", "state"))


def test_they_are_those_of_one_after_the_other(segment: Segment) -> None:
    twin = Segment.objects.create(
        slug="room-b", cidr=segment.cidr, gateway=segment.gateway, pool=segment.pool, reserved=segment.reserved
    )
    for one in (segment, twin):
        addresses.allocate(one, "s/e/1")
        addresses.release(addresses.allocate(one, "s/e/2"))  # its own rests, and comes back to it
        addresses.allocate(one, "other/e/1")
    holders = [f"s/e/{number}" for number in (1, 2, 3, 4, 5)]
    given = allocate_all(segment, holders)
    assert list(map(str, map(given.get, holders))) == [addresses.allocate(twin, holder).ip for holder in holders]
    assert ledger_of(segment) == ledger_of(twin)
    assert {holder: row.pk for holder, row in given.items()} == {
        holder: addresses.allocate(segment, holder).pk for holder in holders
    }


def test_too_few_give_nobody_one(segment: Segment) -> None:
    addresses.allocate(segment, "s/e/1")
    with pytest.raises(Refused, match="1 held"):
        allocate_all(segment, [f"s/e/{number}" for number in range(2, 14)])
    assert segment.addresses.count() == 1


def test_who_is_quicker_keeps_it(segment: Segment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody who came by another way has taken one of them, after this one looked."""
    really = addresses.taken_in

    def late(one: Segment) -> set[str]:
        seen = really(one)
        Address.objects.get_or_create(
            segment=segment, ip="10.7.0.12", defaults={"holder": "quick/e/1", "mac": "x", "since": "2026-01-01T00:00Z"}
        )
        return seen

    monkeypatch.setattr(many_addresses.addresses, "taken_in", late)
    given: dict[str, Any] = allocate_all(segment, ["s/e/1", "s/e/2", "s/e/3"])
    assert sorted(row.ip for row in given.values()) == ["10.7.0.10", "10.7.0.13", "10.7.0.14"]
    assert Address.objects.get(ip="10.7.0.12").holder == "quick/e/1"
