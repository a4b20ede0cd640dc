"""The way to a server that accepts connections and then says nothing."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hosts import ca
from hosts.engine import ConnectionSpec, EngineError
from hosts.lxd import trust
from hosts.lxd.link import Link


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Its address and certificate: TLS with all that belongs to it, and no answer to any request."""
    pair = ca.issue(ca.make_authority("here", 30), "server", "here", ["127.0.0.1"], days=30)
    (tmp_path / "cert").write_text(pair.cert)
    (tmp_path / "key").write_text(pair.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert", tmp_path / "key")
    held: list[ssl.SSLSocket] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept() -> None:
            while True:
                try:
                    held.append(context.wrap_socket(listening.accept()[0], server_side=True))
                except OSError:
                    return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}", pair.cert
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(10)
        for one in held:
            one.close()


def test_a_websocket_that_is_not_answered_is_given_up(silent: tuple[str, str]) -> None:
    address, certificate = silent
    mine = trust.client_pair("me")
    link = Link(ConnectionSpec("tcp", address, ca=certificate, cert=mine.cert, key=mine.key, runtime="lxd"))
    began = time.monotonic()
    with pytest.raises(EngineError) as error:
        link.socket("/events", timeout=1)
    assert error.value.out_of_reach, error.value
    assert time.monotonic() - began < 20
