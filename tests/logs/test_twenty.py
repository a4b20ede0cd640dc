"""A browser with twenty logs open: as many as one person may have are read, the others are refused in words, and all else goes on."""

from __future__ import annotations

import time
from typing import Any

import pytest

from containers.logs import seats
from tests import factories
from tests.faults.test_gone import Browser
from tests.log_engine import LogEngine
from tests.site import Site as Server

LOGS = "/services/snow/production/logs/"


@pytest.mark.timeout(400)
def test_twenty_tails_of_one_person(
    place: Any, live_server_with_worker: Server, ids: list[str], log_engine: LogEngine
) -> None:
    server = live_server_with_worker
    sara, sam = factories.make_user("sara"), factories.make_user("sam")
    tails = [Browser(server, sara, f"{LOGS}stream/") for _n in range(20)]
    said = [one.answer.readline().decode().strip() for one in tails]
    assert sorted(said) == ["event: failed"] * 10 + ["event: hello"] * 10
    refused = [one for one, words in zip(tails, said, strict=True) if words == "event: failed"]
    for one in refused:
        assert "10 logs open here already" in one.answer.readline().decode()
    # Everything else goes on: for the same person, and for others, also with logs of theirs.
    began = time.monotonic()
    for path in ("/", "/services/snow/production/", f"{LOGS}lines/?before=2099-01-01T00:00:00Z"):
        Browser(server, sara, path).answer.read()
    other = Browser(server, sam, f"{LOGS}stream/")
    other.hears("event: hello")
    assert time.monotonic() - began < 60
    log_engine.say(ids[0], "the market opens")
    for one in [other, *(one for one in tails if one not in refused)]:
        one.hears("the market opens")
    for one in [*tails, other]:
        one.leave(abruptly=False)
    until = time.monotonic() + 90
    while seats.taken() != (0, 0):
        assert time.monotonic() < until, seats.taken()
        time.sleep(0.1)
