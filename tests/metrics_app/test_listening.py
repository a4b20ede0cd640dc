"""StatsD over real UDP on loopback; and who is known."""

from __future__ import annotations

import asyncio
import socket

from containers.told import listener as module
from containers.told.listener import Listener
from xqplatform.metrics.points import Sample


def heard(send: list[tuple[str, bytes]], senders: dict[str, int]) -> tuple[list[Sample], dict[str, int]]:
    """Sends datagrams from addresses of loopback; what a tick of them comes to."""
    samples: list[Sample] = []

    async def run() -> dict[str, int]:
        listener = Listener(samples.extend, 10)
        port = await listener.open("127.0.0.1", 0)
        listener.assign(senders)
        for ip, data in send:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
                own.bind((ip, 0))
                own.sendto(data, ("127.0.0.1", port))
        total = lambda: sum(listener.counts[name] for name in ("heard", "unknown", "flooded"))  # noqa: E731
        async with asyncio.timeout(20):
            while total() < len(send):
                await asyncio.sleep(0.01)
        listener.flush(10)
        listener.close()
        return listener.counts

    return samples, asyncio.run(run())


def test_who_sends_is_known_by_the_address() -> None:
    samples, counts = heard(
        [("127.0.0.2", b"hits:20|c"), ("127.0.0.3", b"hits:40|c\nload:3|g"), ("127.0.0.4", b"hits:1|c")],
        {"127.0.0.2": 2, "127.0.0.3": 3},
    )
    assert {one.subject: dict(one.values) for one in samples} == {
        "instance:2": {"app.hits.rate": 2},
        "instance:3": {"app.hits.rate": 4, "app.load": 3},
    }
    assert counts == {"heard": 2, "unknown": 1, "flooded": 0, "bad": 0, "dropped": 0}
    assert all(round(one.time * 100) % 4 == 2 for one in samples)


def test_nonsense_is_counted() -> None:
    _samples, counts = heard([("127.0.0.2", b"\xff\xfe"), ("127.0.0.2", b"a:1|c\nb")], {"127.0.0.2": 2})
    assert counts["bad"] == 2


def test_a_flood_is_dropped_and_counted(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(module, "A_SENDER", 0)
    _samples, counts = heard([("127.0.0.2", b"a:1|c")] * 50, {"127.0.0.2": 2})
    assert counts["flooded"] == 50


def test_an_address_that_another_instance_has_now_begins_anew() -> None:
    listener = Listener(lambda _samples: None)
    listener.assign({"127.0.0.2": 2})
    listener.datagram_received(b"g:5|g", ("127.0.0.2", 1))
    listener.assign({"127.0.0.2": 3})
    assert not listener.tally.senders


def test_ticks_with_other_names_have_rows_of_one_shape() -> None:
    samples: list[Sample] = []
    listener = Listener(samples.extend)
    listener.assign({"127.0.0.2": 2})
    for line in (b"a:1|c\nb:1|c", b"a:1|c", b"b:1|c"):
        listener.datagram_received(line, ("127.0.0.2", 1))
        listener.flush(10)
    assert [tuple(one.values) for one in samples] == [("app.a.rate", "app.b.rate")] * 3
