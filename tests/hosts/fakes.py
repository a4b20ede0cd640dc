"""Small servers that answer as an engine should not, for what a real one cannot be made to do."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.engines.certs import Authority, Pair


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Refused handshakes are what these tests are about."""


@contextlib.contextmanager
def serving(answer: object, pair: Pair | None = None, client_ca: str = "", status: int = 200) -> Iterator[str]:
    """An HTTP(S) server that gives one answer to everything; yields its HOST:PORT."""
    body = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/html" if isinstance(answer, str) else "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Silent."""

    server = Server(("127.0.0.1", 0), Handler)
    if pair:
        server.socket = _wrapped(server.socket, pair, client_ca)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def _wrapped(sock: socket.socket, pair: Pair, client_ca: str) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        cert, key = Path(folder, "cert"), Path(folder, "key")
        cert.write_text(pair.cert)
        key.write_text(pair.key)
        context.load_cert_chain(cert, key)
    if client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=client_ca)
    return context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)


def engine_pair(authority: Authority, **options: bool) -> Pair:
    return authority.server("127.0.0.1", **options)


@contextlib.contextmanager
def silent() -> Iterator[str]:
    """A port that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def closed_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"
