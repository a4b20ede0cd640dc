"""Syslog by RFC 5424 over UDP (RFC 5426), TCP (RFC 6587, octet counting) and TLS (RFC 5425). The edge: one call, with a limit."""

from __future__ import annotations

import fcntl
import os
import re
import socket
import ssl
import struct
import termios
from typing import NamedTuple
from urllib.parse import urlsplit

TIMEOUT = 10.0  # seconds for a connection, and for silence on it
LAST_WORD = 5.0  # seconds for the other side to close after we did
LARGEST_DATAGRAM = 60_000  # bytes
FACILITY = 13  # log audit
WARNING, NOTICE = 4, 5
PORTS = {"udp": 514, "tcp": 601, "tls": 6514}


class SyslogError(Exception):
    """It was not taken; in words."""


class Address(NamedTuple):
    scheme: str
    host: str
    port: int


def address(text: str) -> Address:
    """Raises SyslogError for what is no address of a syslog server."""
    try:
        parts = urlsplit(text)
        found = Address(parts.scheme, parts.hostname or "", parts.port or PORTS[parts.scheme])
    except (ValueError, KeyError):
        raise SyslogError(f"XQ_AUDIT_SYSLOG must be udp://, tcp:// or tls://HOST:PORT, not «{text}».") from None
    if not found.host:
        raise SyslogError("XQ_AUDIT_SYSLOG names no host.")
    return found


def _quoted(value: str) -> str:
    return re.sub(r'([\\"\]])', r"\\\1", value)


def message(severity: int, when: str, name: str, fields: dict[str, str], text: str) -> bytes:
    """One message. `when`: RFC 3339; `name`: the kind of message; `fields` become structured data."""
    host = re.sub(r"[^!-~]", "", socket.gethostname())[:255] or "-"
    kind = re.sub(r"[^!-~]", "", name)[:32] or "-"
    data = "".join(f' {key}="{_quoted(value)}"' for key, value in fields.items())
    head = f"<{FACILITY * 8 + severity}>1 {when} {host} xqplatform {os.getpid()} {kind} [audit@32473{data}]"
    return f"{head} {text}".encode(errors="replace")


def send(to: Address, messages: list[bytes], authorities: str = "") -> None:
    """Sends all of them, or raises SyslogError; then some may have come, and all are sent again."""
    try:
        if to.scheme == "udp":
            _datagrams(to, messages)
        else:
            _stream(to, b"".join(b"%d %s" % (len(one), one) for one in messages), authorities)
    except OSError as error:
        raise SyslogError(f"{to.host}:{to.port}: {error}") from error


def _datagrams(to: Address, messages: list[bytes]) -> None:
    family, kind, protocol, _name, place = socket.getaddrinfo(to.host, to.port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind, protocol) as sock:
        sock.settimeout(TIMEOUT)
        sock.connect(place)  # so that a closed port is told by the next call
        for one in messages:
            sock.send(one[:LARGEST_DATAGRAM])


def _stream(to: Address, data: bytes, authorities: str) -> None:
    with socket.create_connection((to.host, to.port), timeout=TIMEOUT) as raw:
        sock: socket.socket = raw
        if to.scheme == "tls":
            context = ssl.create_default_context(cafile=authorities or None)
            sock = context.wrap_socket(raw, server_hostname=to.host)
        sock.sendall(data)
        _taken(sock, raw)


def _taken(sock: socket.socket, raw: socket.socket) -> None:
    """Syslog answers nothing. That the other side's machine has all is known when it closes too, or nothing is left to send."""
    try:
        if isinstance(sock, ssl.SSLSocket):
            sock.settimeout(LAST_WORD)
            sock.unwrap()
            return
        sock.shutdown(socket.SHUT_WR)
        sock.settimeout(LAST_WORD)
        while sock.recv(4096):
            pass
    except (TimeoutError, ssl.SSLError) as error:
        (left,) = struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0" * 4))
        if left:
            raise SyslogError(f"{left} bytes were not taken within {LAST_WORD:.0f} s.") from error
