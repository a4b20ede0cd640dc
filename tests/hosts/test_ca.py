"""The small certificate authority: what it issues is accepted where it should be, and only there."""

from __future__ import annotations

import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from hosts import ca

NOW = datetime(2026, 3, 1, tzinfo=UTC)
OURS = ca.make_authority("ours")
OTHER = ca.make_authority("ours")  # the same name, another key


def test_a_server_certificate_is_for_its_addresses_only() -> None:
    pair = ca.issue(OURS, "server", "h1", ca.server_names("10.1.2.3", "h1"))
    for good in ("10.1.2.3", "127.0.0.1", "h1", "localhost"):
        ca.verify(pair.cert, OURS.cert, "server", good)
    with pytest.raises(ValueError, match="not accepted"):
        ca.verify(pair.cert, OURS.cert, "server", "10.1.2.4")


def test_a_certificate_of_one_use_is_refused_for_the_other() -> None:
    server = ca.issue(OURS, "server", "h1", ["10.1.2.3"])
    client = ca.issue(OURS, "client", "platform")
    ca.verify(client.cert, OURS.cert, "client")
    with pytest.raises(ValueError, match="not accepted"):
        ca.verify(server.cert, OURS.cert, "client")
    with pytest.raises(ValueError, match="not accepted"):
        ca.verify(client.cert, OURS.cert, "server", "xqplatform")


def test_while_authorities_overlap_both_are_accepted() -> None:
    both = ca.bundle(OURS.cert, OTHER.cert)
    for authority in (OURS, OTHER):
        ca.verify(ca.issue(authority, "server", "h1", ["10.1.2.3"]).cert, both, "server", "10.1.2.3")
    alone = ca.without(both, OTHER.cert)
    assert alone == OURS.cert
    with pytest.raises(ValueError, match="not accepted"):
        ca.verify(ca.issue(OTHER, "client", "p").cert, alone, "client")


def test_a_bundle_holds_each_certificate_once() -> None:
    assert ca.bundle(OURS.cert, "", OTHER.cert, ca.bundle(OTHER.cert, OURS.cert)) == OURS.cert + OTHER.cert


def test_nothing_outlives_its_authority() -> None:
    short = ca.make_authority("short", days=10, now=NOW)
    pair = ca.issue(short, "client", "p", days=365, now=NOW)
    assert ca.facts(pair.cert).not_after == ca.facts(short.cert).not_after
    with pytest.raises(ValueError, match="expired"):
        ca.issue(short, "client", "p", now=NOW + timedelta(days=11))


def test_an_expired_certificate_is_named_so() -> None:
    pair = ca.issue(OURS, "client", "p", days=5)
    with pytest.raises(ValueError, match="expired on"):
        ca.verify(pair.cert, OURS.cert, "client", now=datetime.now(UTC) + timedelta(days=6))


@given(st.integers(-400, 400), st.integers(1, 90))
def test_due_is_due_from_so_many_days_before_the_end(left: int, days: int) -> None:
    end = NOW + timedelta(days=left)
    expected = "expired" if left <= 0 else "due" if left <= days else "fine"
    assert ca.due(end, NOW, days) == expected
    assert ca.days_left(end, NOW) == left


@given(
    st.lists(st.from_regex(r"[a-z][a-z0-9]{0,20}(\.[a-z][a-z0-9]{0,10}){0,2}", fullmatch=True), max_size=5),
    st.ip_addresses(v=4),
)
def test_every_name_that_was_asked_for_is_in_the_certificate(names: list[str], address: object) -> None:
    pair = ca.issue(OURS, "server", "machine", [*names, str(address)])
    found = ca.load(pair.cert).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(found.get_values_for_type(x509.DNSName)) == set(names)
    assert found.get_values_for_type(x509.IPAddress) == [address]


def test_openssl_shakes_hands_with_both_ends(tmp_path: Path) -> None:
    """The proof outside of the library that made them: a mutual TLS connection."""
    server, client = ca.issue(OURS, "server", "h1", ["127.0.0.1"]), ca.issue(OURS, "client", "platform")
    for name, pair in (("server", server), ("client", client)):
        (tmp_path / f"{name}.pem").write_text(pair.cert + pair.key)
    far = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    far.load_cert_chain(tmp_path / "server.pem")
    far.load_verify_locations(cadata=OURS.cert)
    far.verify_mode = ssl.CERT_REQUIRED
    near = ssl.create_default_context(cadata=OURS.cert)
    near.load_cert_chain(tmp_path / "client.pem")
    import socket

    listener = socket.create_server(("127.0.0.1", 0))
    seen: list[object] = []

    def serve() -> None:
        plain, _ = listener.accept()
        with far.wrap_socket(plain, server_side=True) as secured:
            seen.append(secured.getpeercert())
            secured.sendall(b"hello")

    thread = threading.Thread(target=serve)
    thread.start()
    with (
        socket.create_connection(listener.getsockname()) as plain,
        near.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
    ):
        assert secured.recv(5) == b"hello"
    thread.join(60)
    listener.close()
    assert "platform" in str(seen)
