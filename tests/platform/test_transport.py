"""A broker that goes away while a message is being acknowledged: the connection closes, and nothing unforeseen is raised."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import kombu.transport
import pytest
from kombu import Connection
from kombu.transport import redis

from tests.engines.machine import wait_for
from xqplatform import transport
from xqplatform.celery import app
from xqplatform.run import broker

Served = tuple[subprocess.Popen[bytes], Path]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    path = tmp_path / "b.sock"
    process = subprocess.Popen(broker.command(path, tmp_path), stdout=subprocess.DEVNULL)
    try:
        wait_for("the broker answers", lambda: broker.answers(path))
        yield process, path
    finally:
        process.kill()
        process.wait(30)


def lost_in_the_middle(connection: Connection, process: subprocess.Popen[bytes]) -> None:
    """As Celery's consumer does it: one channel has a message that is not acknowledged yet, both wait for the next one, and
    then nobody is there any more.
    """
    first = connection.SimpleQueue("work")
    first.put("something")
    first.get(timeout=30)
    second = connection.SimpleQueue("orders", channel=connection.channel())
    second.put("another thing")
    second.get(timeout=30).ack()
    for channel in (first.channel, second.channel):
        channel._brpop_start()
    process.kill()
    process.wait(30)
    with contextlib.suppress(*connection.connection_errors):
        connection.collect()
    connection.close()


def test_a_connection_that_is_lost_in_the_middle_is_closed(served: Served) -> None:
    process, path = served
    connection = app.connection_for_read(f"redis+socket://{path}?virtual_host=0")
    assert isinstance(connection.transport, transport.Transport)
    lost_in_the_middle(connection, process)


def test_the_librarys_own_transport_still_needs_the_repair(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """When this fails, the library has been repaired: `xqplatform/transport.py` can go."""
    process, path = served
    monkeypatch.setitem(kombu.transport._transport_cache, "redis", redis.Transport)
    connection = Connection(f"redis+socket://{path}?virtual_host=0")
    assert type(connection.transport) is redis.Transport
    with pytest.raises(AttributeError, match="hostname"):
        lost_in_the_middle(connection, process)
