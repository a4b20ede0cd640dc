"""Where a socket may come from, and with what."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from containers.models import Terminal
from containers.terminal import socket, tickets
from xqplatform.audit.models import Event


def test_a_ticket_is_found_only_as_it_is_offered_by_our_page() -> None:
    ticket = tickets.make()
    assert tickets.offered(["xq-terminal", f"ticket.{ticket}"]) == ticket
    assert tickets.digest(ticket) != ticket
    for wrong in ([], [f"ticket.{ticket}"], ["xq-terminal"], ["xq-terminal", f"ticket.{ticket}x"],
                  ["xq-terminal", f"ticket.{ticket}", f"ticket.{ticket}"]):  # fmt: skip
        assert tickets.offered(wrong) == ""


@pytest.mark.parametrize(
    ("origin", "host", "secure", "good"),
    [
        ("http://xq.example.com", "xq.example.com", False, True),
        ("http://xq.example.com:8000", "xq.example.com:8000", False, True),
        ("https://xq.example.com", "XQ.example.com:443", True, True),
        ("http://[::1]:8000", "[::1]:8000", False, True),
        ("https://proxy.example.com", "inside:8000", False, True),
        ("http://xq.example.com:8001", "xq.example.com:8000", False, False),
        ("https://xq.example.com", "xq.example.com", False, False),
        ("http://evil.example.com", "xq.example.com", False, False),
        ("http://xq.example.com.evil.com", "xq.example.com", False, False),
        ("http://xq.example.com@evil.com", "xq.example.com", False, False),
        ("null", "xq.example.com", False, False),
        ("", "xq.example.com", False, False),
        ("", "", False, False),
        ("http://", "", False, False),
        ("http://a:b", "a", False, False),
        ("file://", "xq.example.com", False, False),
    ],
)
def test_only_our_own_pages_may_open_a_socket(origin: str, host: str, secure: bool, good: bool) -> None:
    assert tickets.from_here(origin, host, secure, ["https://proxy.example.com"]) is good


@pytest.mark.django_db
@pytest.mark.parametrize("origin", ["http://evil.example.com", "http://testserver.evil.com", "null", ""])
def test_another_sites_page_opens_none_though_it_brings_session_and_ticket(
    instance: Any, developer: Any, client: Client, origin: str
) -> None:
    client.force_login(developer)
    client.post(f"/instances/{instance.pk}/terminal/", {"reason": "looking"})
    row = Terminal.objects.get()
    ticket = client.post(f"/terminals/{row.pk}/ticket/").json()["ticket"]
    cookie = f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"

    def visit(origin: str) -> socket.Visit:
        heads = {"host": "testserver", "origin": origin, "cookie": cookie}
        pairs = [(name.encode(), value.encode()) for name, value in heads.items()]
        return socket.Visit({"headers": pairs, "scheme": "ws", "subprotocols": ["xq-terminal", f"ticket.{ticket}"]})

    with pytest.raises(socket.Closed) as refused:
        socket.admitted(row.pk, visit(origin))
    assert (refused.value.status, refused.value.words) == (403, "origin")
    assert Event.objects.filter(denied=True, after__origin=origin).count() == 1
    _actor, found = socket.admitted(row.pk, visit("http://testserver"))
    assert found == row, "the refused one used nothing up"
