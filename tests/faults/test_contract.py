"""The runtime contract on real engines: seen from inside, the resolver written there, and what it spares a slow DNS server."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from containers.models import Container
from containers.services import contract
from containers.services.settings import save_config
from hosts.models import Segment
from tests.faults.conftest import CONFIG, Site

pytestmark = pytest.mark.engine
A, AAAA = 1, 28


class SlowDns:
    """A DNS server on the segment: answers A at once with 127.0.0.9, AAAA only after a while, and keeps the questions."""

    def __init__(self, address: str, slowness: float = 1.0) -> None:
        self.questions: list[tuple[str, int]] = []
        self._slowness = slowness
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, 53))
        self._socket.settimeout(0.1)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._closed.is_set():
            try:
                data, who = self._socket.recvfrom(4096)
            except TimeoutError:
                continue
            name, at = self._name(data)
            (kind,) = struct.unpack(">H", data[at : at + 2])
            self.questions.append((name, kind))
            answer = self._answer(data, at + 4, kind)
            if kind == AAAA:
                threading.Timer(self._slowness, self._send, (answer, who)).start()
            else:
                self._send(answer, who)

    def _send(self, answer: bytes, who: Any) -> None:
        with contextlib.suppress(OSError):
            self._socket.sendto(answer, who)

    @staticmethod
    def _name(data: bytes) -> tuple[str, int]:
        at, parts = 12, []
        while length := data[at]:
            parts.append(data[at + 1 : at + 1 + length].decode())
            at += 1 + length
        return ".".join(parts).lower(), at + 1

    @staticmethod
    def _answer(data: bytes, end: int, kind: int) -> bytes:
        """A: an address. AAAA: there is none (no error, no answer), as most names in a company have it."""
        found = kind == A
        head = data[:2] + struct.pack(">HHHHH", 0x8180, 1, int(found), 0, 0)
        record = b"\xc0\x0c" + struct.pack(">HHIH", A, 1, 5, 4) + bytes([127, 0, 0, 9]) if found else b""
        return head + data[12:end] + record

    def close(self) -> None:
        self._closed.set()
        self._thread.join()
        self._socket.close()


@pytest.fixture
def dns(site: Site) -> Iterator[SlowDns]:
    server = SlowDns(site.fleet.segment.gateway)
    yield server
    server.close()


def settled(site: Site, search: list[str], *, read_only: bool = True) -> Container:
    """One instance on the segment with its own DNS server and these search domains, released and looked into."""
    Segment.objects.update(dns=[site.fleet.segment.gateway], search=search)
    site.place.wanted = 1
    site.place.save()
    save_config(site.actor, site.place, {**CONFIG, "read_only": read_only})
    site.release("v1")
    row = Container.objects.get(ended=None)
    assert contract.verify_host(row.host_id) == 1
    row.refresh_from_db()
    return row


def inside(site: Site, row: Container, *command: str) -> str:
    host = next(one for one in site.fleet.hosts if one.name == row.host.name)
    with contextlib.closing(host.local_client()) as client:
        made = client.exec_create(row.engine_id, list(command))
        return str(client.exec_start(made["Id"]).decode())


def test_the_resolver_is_written_inside_even_on_a_read_only_root(site: Site) -> None:
    row = settled(site, ["."])
    gateway = site.fleet.segment.gateway
    wanted = f"nameserver {gateway}\nsearch ."
    assert inside(site, row, "cat", "/etc/resolv.conf").strip() == wanted
    assert "127.0.0.11" in row.contract["wrote"]["before"]
    assert row.contract_ok, row.contract
    items = {item["name"]: item for item in row.contract["items"]}
    address = row.instance.address
    assert address is not None
    assert items["hostname"]["observed"] == row.instance.name
    assert items["address"]["observed"] == address.ip
    assert items["mac"]["observed"] == address.mac
    assert f"{address.ip} {row.instance.name}" in items["hosts"]["observed"]

    # A restart by the engine makes its files anew: the start event has it put right again.
    host = next(one for one in site.fleet.hosts if one.name == row.host.name)
    with contextlib.closing(host.local_client()) as client:
        client.restart(row.engine_id, timeout=0)
    assert "127.0.0.11" in inside(site, row, "cat", "/etc/resolv.conf")
    contract.started(row.host_id, [row.engine_id])
    assert contract.verify_host(row.host_id) == 1
    assert inside(site, row, "cat", "/etc/resolv.conf").strip() == wanted
    assert contract.verify_host(row.host_id) == 0  # nothing is due any more

    # What cannot be put right is a degraded contract, and an event.
    Segment.objects.update(mtu=9000)
    contract.verify_host(row.host_id, [row.pk])
    row.refresh_from_db()
    assert row.degraded
    assert [item["name"] for item in row.contract["items"] if item["ok"] is False] == ["mtu"]


def look_up(site: Site, row: Container, dns: SlowDns, name: str) -> set[str]:
    """The names that the server was asked for when a program inside looks `name` up."""
    dns.questions.clear()
    began = time.monotonic()
    inside(site, row, "wget", "-q", "-O", "-", f"http://{name}/")
    asked = {question for question, _kind in dns.questions}
    assert asked, f"no question in {time.monotonic() - began:.1f} s"
    return asked


def test_no_look_up_gets_a_suffix_and_with_a_search_domain_they_do(site: Site, dns: SlowDns) -> None:
    row = settled(site, ["."])
    assert look_up(site, row, dns, "db") == {"db"}
    assert look_up(site, row, dns, "db.example.org") == {"db.example.org"}

    Segment.objects.update(search=["example.com"])
    contract.verify_host(row.host_id, [row.pk])
    assert "db.example.com" in look_up(site, row, dns, "db")
