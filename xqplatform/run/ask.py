"""One small HTTP question over a socket, without the megabytes of an HTTP library."""

from __future__ import annotations

import socket


def status(address: str | tuple[str, int], path: str, timeout: float = 2.0) -> int:
    """The status code of a GET; a text address is a Unix socket. Raises OSError when there is no proper answer in time."""
    if isinstance(address, str):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(timeout)
        with connection:
            connection.connect(address)
            return _status(connection, path)
    with socket.create_connection(address, timeout) as connection:
        return _status(connection, path)


def _status(connection: socket.socket, path: str) -> int:
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    start = b""
    while b"\r\n" not in start and len(start) < 4096:
        piece = connection.recv(1024)
        if not piece:
            break
        start += piece
    words = start.split(maxsplit=2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        raise ConnectionError("no HTTP answer")
    return int(words[1])
