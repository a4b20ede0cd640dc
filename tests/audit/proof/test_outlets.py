"""Events and checkpoints arrive at real servers: in order, at least once, also after an outage and a death."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.audit.chain import checkpoints, files, linking
from xqplatform.audit.models import Outlet
from xqplatform.audit.proof import outlets, syslog, verifications

pytestmark = pytest.mark.django_db
MESSAGE = re.compile(r'<(\d+)>1 (\S+) \S+ xqplatform \d+ (\S+) \[audit@32473 position="(\d+)"[^\]]*\] (.*)', re.DOTALL)


class Server:
    """A syslog server on loopback; `got` are its messages."""

    def __init__(self, context: ssl.SSLContext | None = None, breaks: int = 0) -> None:
        self.got: list[bytes] = []
        self.breaks = breaks  # connections that end in the middle
        self._context = context
        self._sock = socket.create_server(("127.0.0.1", 0))
        self.port = self._sock.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _peer = self._sock.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), connection:
                if self.breaks:
                    self.breaks -= 1
                    connection.recv(10)
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
                    continue
                stream = self._context.wrap_socket(connection, server_side=True) if self._context else connection
                self._read(stream)
                if self._context:
                    stream.unwrap()  # type: ignore[attr-defined]

    def _read(self, stream: socket.socket) -> None:
        data = b""
        while piece := stream.recv(65536):
            data += piece
        while data:
            length, _space, data = data.partition(b" ")
            self.got.append(data[: int(length)])
            data = data[int(length) :]

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()
        self._thread.join(10)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture
def log(actor_sre: Actor) -> None:
    for n in range(25):
        audit.record(actor_sre, "service.scale", None, after={"n": n}, denied=n == 3)
    checkpoints.make()


def positions(got: list[bytes], name: str = "service.scale") -> list[int]:
    found = [MESSAGE.fullmatch(one.decode()) for one in got]
    assert all(found), got
    return [int(one[4]) for one in found if one and one[3] == name]


def test_events_and_checkpoints_arrive_over_tcp(server: Server, log: None, settings: Any, monkeypatch: Any) -> None:
    settings.AUDIT_SYSLOG = f"tcp://127.0.0.1:{server.port}"
    monkeypatch.setattr(outlets, "AT_ONCE", 10)
    outlets.resume()
    outlets.run("events")
    outlets.run("checkpoints")
    server.close()
    assert positions(server.got) == list(range(1, 26))
    assert positions(server.got, "checkpoint") == [25]
    texts = [MESSAGE.fullmatch(one.decode()) for one in server.got]
    assert all(files.parsed(found[5]) for found in texts[:25] if found)
    assert [found[1] for found in texts[2:5] if found] == ["109", "108", "109"]
    assert list(Outlet.objects.order_by("name").values_list("name", "ok", "position")) == [
        ("checkpoints", True, 25),
        ("events", True, 25),
    ]


def test_an_outage_is_seen_and_nothing_is_lost(log: None, settings: Any, actor_sre: Actor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    settings.AUDIT_SYSLOG = f"tcp://127.0.0.1:{port}"
    outlets.resume()
    outlets.run("events")
    row = Outlet.objects.get(name="events")
    assert (row.ok, row.position, row.failed) == (False, 0, 1)
    assert "refused" in row.problem
    assert row.due is not None
    assert "outlet.events" in verifications.troubles()
    server = Server(breaks=1)
    settings.AUDIT_SYSLOG = f"tcp://127.0.0.1:{server.port}"
    outlets.resume()
    outlets.run("events")  # cut in the middle
    assert Outlet.objects.get(name="events").position == 0
    outlets.run("events")
    server.close()
    assert positions(server.got) == list(range(1, 26))
    assert Outlet.objects.get(name="events").ok is True


def test_who_dies_before_it_is_noted_sends_again(server: Server, log: None, settings: Any, monkeypatch: Any) -> None:
    settings.AUDIT_SYSLOG = f"tcp://127.0.0.1:{server.port}"
    outlets.resume()
    real = outlets._some

    def dies(*args: Any) -> bool:
        outlets._events(0, settings.AUDIT_SYSLOG)
        raise KeyboardInterrupt

    monkeypatch.setattr(outlets, "_some", dies)
    with pytest.raises(KeyboardInterrupt):
        outlets.run("events")
    monkeypatch.setattr(outlets, "_some", real)
    outlets.run("events")
    server.close()
    assert positions(server.got) == [*range(1, 26), *range(1, 26)]


def test_over_udp_as_cef(log: None, settings: Any) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(10)
        settings.AUDIT_SYSLOG = f"udp://127.0.0.1:{sock.getsockname()[1]}"
        settings.AUDIT_SYSLOG_FORM = "cef"
        outlets.resume()
        outlets.run("events")
        got = [sock.recv(65536) for _n in range(25)]
    assert positions(got) == list(range(1, 26))
    assert b"CEF:0|xqplatform|" in got[0]


def certificate(folder: Path) -> tuple[Path, Path]:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)
    return folder / "cert.pem", folder / "key.pem"


def test_over_tls_and_not_to_a_server_that_nobody_vouches_for(log: None, settings: Any, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    server = Server(context)
    settings.AUDIT_SYSLOG = f"tls://localhost:{server.port}"
    outlets.resume()
    outlets.run("events")
    assert "CERTIFICATE_VERIFY_FAILED" in Outlet.objects.get(name="events").problem
    settings.AUDIT_SYSLOG_CA = str(cert)
    outlets.run("events")
    server.close()
    assert positions(server.got) == list(range(1, 26))


def test_checkpoints_go_to_a_webhook_until_it_takes_them(log: None, settings: Any, actor_sre: Actor) -> None:
    answers, got = [503, 302, 200, 200], []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(answers.pop(0))
            self.send_header("Location", "http://127.0.0.1:1/")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.AUDIT_WEBHOOK = f"http://user:word@127.0.0.1:{server.server_port}/secret"
    audit.record(actor_sre, "logout", None)
    checkpoints.make()
    outlets.resume()
    row = Outlet.objects.get()
    assert "secret" not in row.address
    assert "word" not in row.address
    for problem in ("503", "302", ""):
        outlets.run("webhook")
        row.refresh_from_db()
        assert problem in row.problem
    server.shutdown()
    assert (row.ok, row.position, linking.head().position) == (True, 26, 26)
    assert [one["position"] for one in got] == [25, 25, 25, 26]


@pytest.mark.parametrize("text", ["http://x", "tcp://", "udp://x:99999999", "x", "tcp://[x"])
def test_nonsense_is_no_address(text: str) -> None:
    with pytest.raises(syslog.SyslogError):
        syslog.address(text)


def test_what_is_set_up_no_more_goes_and_retention_waits_for_nobody(log: None, settings: Any) -> None:
    Outlet.objects.create(name="events", address="x", ok=False, problem="gone")
    outlets.resume()
    assert not Outlet.objects.exists()
    assert outlets.slowest() is None
