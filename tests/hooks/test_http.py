"""HTTP hooks against servers that behave as servers do on bad days."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import ipaddress
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from containers.hooks import kinds
from containers.hooks.networks import of_place
from containers.hooks.shape import Hook
from hosts.models import Segment
from tests import factories
from xqplatform.outgoing import http, networks


@contextlib.contextmanager
def server(answer: Callable[[socket.socket, bytes], None]) -> Iterator[tuple[int, list[bytes]]]:
    """Gives each connection to `answer`, with the first that was read of it; yields its port and what was asked."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    sock, _peer = listening.accept()
                    with sock, contextlib.suppress(OSError):
                        asked.append(_request(sock))
                        answer(sock, asked[-1])

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1], asked


def _request(sock: socket.socket) -> bytes:
    text = b""
    while b"\r\n\r\n" not in text:
        text += sock.recv(65_536)
    head, _gap, body = text.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
    while len(body) < length:
        body += sock.recv(65_536)
    return head + b"\r\n\r\n" + body


def says(text: bytes) -> Callable[[socket.socket, bytes], None]:
    return lambda sock, _asked: sock.sendall(text)


@pytest.fixture(autouse=True)
def here(settings: Any, db: None) -> None:
    settings.HOOK_NETWORKS = ["127.0.0.1/32"]


def call(port: int, seconds: float = 5) -> http.Answer:
    return http.call("POST", f"http://127.0.0.1:{port}/x", b"{}", {}, seconds)


def test_a_call_is_signed_and_has_a_key() -> None:
    with server(says(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine")) as (port, asked):
        hook = Hook("tell", "release.after", "http", url=f"http://127.0.0.1:{port}/x", signed=True)
        outcome = kinds.call(hook, kinds.Setting({"key": "k1", "point": "release.after"}, secret="s3cret"))
    assert (outcome.ok, outcome.code, outcome.output) == (True, 200, "fine")
    head, _gap, body = asked[0].decode().partition("\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.splitlines()[1:])
    assert json.loads(body)["key"] == headers["X-XQ-Delivery"] == "k1"
    when, digest = (part.split("=", 1)[1] for part in headers["X-XQ-Signature"].split(","))
    wanted = f"{when}.POST\n{hook.url}\nk1\nrelease.after\n{body}"
    assert digest == hmac.new(b"s3cret", wanted.encode(), hashlib.sha256).hexdigest()
    assert abs(time.time() - int(when)) < 60


def test_the_signature_of_a_call_without_a_body_is_of_no_other_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds.time, "time", lambda: 1_800_000_000.0)
    found = set()
    with server(says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as (port, asked):
        for path, key, point in (("in", "k1", "traffic.in"), ("out", "k1", "traffic.in"), ("in", "k2", "traffic.in"),
                                 ("in", "k1", "traffic.out")):  # fmt: skip
            hook = Hook("tell", point, "http", url=f"http://127.0.0.1:{port}/{path}", method="GET", signed=True)
            assert kinds.call(hook, kinds.Setting({"key": key, "point": point}, secret="s3cret")).ok
            head = asked[-1].decode()
            assert head.startswith(f"GET /{path} ")
            found.add(head.partition("X-XQ-Signature: ")[2].split("\r\n")[0])
    assert len(found) == 4


def test_a_redirect_is_not_followed() -> None:
    text = b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
    with server(says(text)) as (port, asked):
        answer = call(port)
    assert (answer.code, answer.again, len(asked)) == (302, False, 1)
    assert "redirects" in answer.words


def test_who_never_answers_is_left() -> None:
    with server(lambda _sock, _asked: threading.Event().wait(5)) as (port, _asked):  # type: ignore[arg-type]
        answer = call(port, 0.3)
    assert answer.code == 0
    assert "did not answer within 0.3 s" in answer.words


def test_who_drips_is_left() -> None:
    def drip(sock: socket.socket, _asked: bytes) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _n in range(200):
            sock.sendall(b"x")
            time.sleep(0.05)

    with server(drip) as (port, _asked):
        began = time.monotonic()
        answer = call(port, 0.5)
    assert time.monotonic() - began < 5
    assert "did not answer" in answer.words


def test_who_drips_a_head_is_left() -> None:
    def drip(sock: socket.socket, _asked: bytes) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\n")
        for n in range(200):
            sock.sendall(b"X-%d: x\r\n" % (n % 50))
            time.sleep(0.05)

    with server(drip) as (port, _asked):
        began = time.monotonic()
        answer = call(port, 0.5)
    assert time.monotonic() - began < 5
    assert "did not answer" in answer.words


def test_a_flood_is_cut() -> None:
    with server(says(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2_000_000)) as (port, _asked):
        answer = call(port)
    assert answer.truncated
    assert len(answer.text) == http.LONGEST


@pytest.mark.parametrize(
    "nonsense", [b"\x00\xff\x80\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"]
)
def test_nonsense_is_no_answer(nonsense: bytes) -> None:
    with server(says(nonsense)) as (port, _asked):
        answer = call(port)
    assert answer.code in {0, 200}
    assert answer.code == 200 or answer.words


def test_an_error_is_one() -> None:
    with server(says(b"HTTP/1.1 500 Oh no\r\nContent-Length: 3\r\n\r\nbad")) as (port, _asked):
        answer = call(port)
    assert (answer.code, answer.again, answer.text) == (500, True, "bad")


@pytest.mark.parametrize(
    ("ip", "good"),
    [
        ("10.9.1.5", True), ("10.8.0.1", False), ("8.8.8.8", False), ("127.0.0.1", False), ("127.0.0.9", False),
        ("169.254.169.254", False), ("::1", False), ("::ffff:127.0.0.1", False), ("::ffff:10.9.1.5", True), ("0.0.0.0", False),
        ("192.0.2.7", True), ("224.0.0.1", False),
    ],
)  # fmt: skip
def test_hooks_go_to_segments_and_what_is_named(ip: str, good: bool) -> None:
    segments = [ipaddress.ip_network("10.9.1.0/24")]
    assert networks.judge(ipaddress.ip_address(ip), segments, [ipaddress.ip_network("192.0.2.0/24")]) is good


def test_this_machine_is_refused_unless_it_is_named(settings: Any) -> None:
    settings.HOOK_NETWORKS = []
    lan = [ipaddress.ip_network("127.0.0.0/8")]
    with server(says(b"HTTP/1.1 200 OK\r\n\r\n")) as (port, asked):
        for host in ("127.0.0.1", "localhost", "2130706433", "[::1]"):
            answer = http.call("POST", f"http://{host}:{port}/", b"", {}, 2, segments=lan)
            assert answer.code == 0, host
            assert not answer.again
    assert asked == []


def test_this_machine_is_refused_where_it_stands_in_a_segment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert networks.is_own(ipaddress.ip_address("127.0.0.1"))
    assert networks.is_own(ipaddress.ip_address("::ffff:127.0.0.1"))
    assert not networks.is_own(ipaddress.ip_address("192.0.2.7"))
    lan = [ipaddress.ip_network("192.0.2.0/24")]
    assert networks.resolve("192.0.2.7", 80, lan) == "192.0.2.7"
    monkeypatch.setattr(networks, "is_own", lambda ip: str(ip) == "192.0.2.7")
    with pytest.raises(networks.NotAllowed):
        networks.resolve("192.0.2.7", 80, lan)
    assert networks.resolve("192.0.2.8", 80, lan) == "192.0.2.8"


def test_a_hook_goes_to_the_segments_of_its_own_place_only() -> None:
    place = factories.make_running_place("snow", "isolated", 1)
    Segment.objects.create(slug="elsewhere", cidr="10.77.0.0/24")
    own = Segment.objects.filter(addresses__instance__place=place).distinct().get()
    assert of_place("snow", "isolated") == [ipaddress.ip_network(own.cidr)]
    assert of_place("snow", "production") == []
