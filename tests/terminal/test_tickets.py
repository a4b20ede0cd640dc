"""Where a socket may come from, and with what."""

from __future__ import annotations

import pytest

from containers.terminal import tickets


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
