"""The way between two servers, with made-up sides: what is done, what is broken, what is never reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosts.engine_errors import EngineError
from hosts.volume_copies import End, Kept, Look, Offer, broken, bytes_of, copy

RUNS, DONE = Look("running"), Look("done")


@dataclass
class Side:
    """A server that says what it is told to; without more to say it has forgotten."""

    says: list[Look] = field(default_factory=list)
    addresses: tuple[str, ...] = ("10.0.0.1:8443",)
    busy: list[int] = field(default_factory=lambda: [0])
    fetched: list[str] = field(default_factory=list)

    def pool(self) -> str:
        return "default"

    def whole(self, pool: str) -> str:
        return ""

    def find(self, pool: str, name: str) -> Kept | None:
        return None

    def make(self, pool: str, like: Kept, name: str, marks: Mapping[str, str]) -> None: ...
    def mark(self, pool: str, name: str, marks: Mapping[str, str]) -> None: ...
    def rename(self, pool: str, name: str, other: str) -> None: ...
    def remove(self, pool: str, name: str) -> None: ...

    def clone(self, pool: str, name: str, snapshot: str, other: str, marks: Mapping[str, str]) -> None: ...
    def pour(self, pool: str, name: str, other: str) -> None: ...
    def owned_as(self, pool: str, name: str, like: Kept) -> None: ...

    def offer(self, pool: str, name: str) -> Offer:
        return Offer("o", self.addresses, {}, "")

    def fetch(self, pool: str, name: str, offer: Offer, address: str) -> str:
        self.fetched.append(address)
        return address

    def look(self, operation: str) -> Look:
        if operation == "old":
            self.busy[0] -= 1
            return RUNS if self.busy[0] > 0 else Look("gone")
        return self.says.pop(0) if self.says else Look("gone")

    def filling(self, pool: str, name: str) -> list[str]:
        return ["old"] if self.busy[0] > 0 else []


def run(source: Side, target: Side) -> list[int]:
    told: list[int] = []
    copy(End(source, "p", "v"), End(target, "p", "v"), rest=lambda _seconds: None, tell=told.append)
    return told


def test_both_sides_have_to_be_done() -> None:
    assert run(Side([RUNS, DONE]), Side([Look("running", "", 5), Look("done", "", 9)])) == [5, 9]
    # The one that gives may say so a little later.
    run(Side([RUNS, RUNS, DONE]), Side([DONE]))
    for given_ in (Look("failed", "rsync error"), Look("gone")):
        with pytest.raises(EngineError):
            run(Side([given_]), Side([DONE]))


def test_what_writes_to_the_volume_already_is_waited_for() -> None:
    target = Side([DONE], busy=[3])
    run(Side([DONE]), target)
    assert target.busy == [0]
    assert target.fetched


def test_another_address_is_tried_where_the_first_is_not_reached() -> None:
    no = Look("failed", "dial tcp 10.0.0.1:8443: connect: no route to host")
    target = Side([no, DONE])
    run(Side([RUNS, DONE], ("10.0.0.1:8443", "10.0.0.2:8443")), target)
    assert target.fetched == ["10.0.0.1:8443", "10.0.0.2:8443"]
    with pytest.raises(EngineError, match="do not reach each other") as refused:
        run(Side([RUNS]), Side([no]))
    assert refused.value.retry
    with pytest.raises(EngineError, match=r"core\.https_address"):
        run(Side(addresses=()), Side())


def test_what_broke_on_the_way_may_be_tried_again_and_a_full_pool_may_not() -> None:
    lost = broken(Look("failed", "read tcp 1->2: read: connection timed out"), RUNS, 10)
    assert (lost.kind, lost.retry) == ("unreachable", True)
    full = broken(
        Look("failed", "rsync: write failed: No space left on device (28)"), Look("failed", "broken pipe"), 10
    )
    assert (full.kind, full.retry) == ("no_space", False)
    assert not broken(Look("failed", "Unknown thing"), RUNS, 10).retry
    whole = (
        "Failed to run: btrfs receive -e /x/migration.1: exit status 1 (ERROR: empty stream is not considered valid)"
    )
    assert broken(Look("failed", whole), RUNS, 0).retry


@given(st.text())
def test_any_words_are_some_bytes(text: str) -> None:
    assert bytes_of(text) >= 0


@pytest.mark.parametrize(
    ("said", "count"), [("default_vol1: 38.92MB (38.91MB/s)", 38_920_000), ("a: 1GB", 10**9), ("", 0), ("a: MB", 0)]
)
def test_bytes(said: str, count: int) -> None:
    assert bytes_of(said) == count
