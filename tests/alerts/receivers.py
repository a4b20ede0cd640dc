"""Real receivers on loopback: an HTTP server that answers as told, and an SMTP server that keeps what it gets."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """`answers`: a status each, the last one stays. `wait`: seconds before it answers."""

    port: int = 0
    answers: list[int] = field(default_factory=lambda: [200])
    body: bytes = b"ok"
    wait: float = 0.0
    got: list[Request] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


@contextlib.contextmanager
def http_receiver() -> Iterator[Receiver]:
    one = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            one.got.append(Request(self.path, dict(self.headers), body))
            time.sleep(one.wait)
            status = one.answers.pop(0) if len(one.answers) > 1 else one.answers[0]
            with contextlib.suppress(OSError):
                self.send_response(status)
                self.send_header("Content-Length", str(len(one.body)))
                self.end_headers()
                self.wfile.write(one.body)

        def log_message(self, *_: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    one.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield one
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Mail:
    sender: str
    to: list[str]
    text: str


@dataclass
class Sink:
    port: int = 0
    mails: list[Mail] = field(default_factory=list)


@contextlib.contextmanager
def smtp_sink() -> Iterator[Sink]:
    """Speaks as much SMTP as smtplib needs."""
    one, loop = Sink(), asyncio.new_event_loop()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def say(text: str) -> None:
            writer.write(text.encode() + b"\r\n")

        say("220 sink")
        mail = Mail("", [], "")
        while line := (await reader.readline()).decode(errors="replace").rstrip("\r\n"):
            verb = line.upper()
            if verb.startswith(("EHLO", "HELO")):
                say("250 sink")
            elif verb.startswith("MAIL"):
                mail = Mail(line.partition(":")[2], [], "")
                say("250 ok")
            elif verb.startswith("RCPT"):
                mail.to.append(line.partition(":")[2])
                say("250 ok")
            elif verb == "DATA":
                say("354 go on")
                lines = []
                while (text := (await reader.readline()).decode(errors="replace").rstrip("\r\n")) != ".":
                    lines.append(text)
                mail.text = "\n".join(lines)
                one.mails.append(mail)
                say("250 kept")
            elif verb == "QUIT":
                say("221 bye")
                break
            else:
                say("502 what")
        writer.close()

    server = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", 0))
    one.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield one
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
