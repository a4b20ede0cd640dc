"""The platform's web process inside a test: uvicorn in a thread, on the test's database. Streams work as in earnest."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import uvicorn

from xqplatform.run.web import SOCKETS


@dataclass(frozen=True)
class Site:
    url: str

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def __add__(self, path: str) -> str:
        return self.url + path


@contextlib.contextmanager
def site(port: int = 0) -> Iterator[Site]:
    """Serves on this port (0: a free one) until the end of the block."""
    from xqplatform.asgi import application

    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(128)
    config = uvicorn.Config(
        application, lifespan="off", access_log=False, log_config=None, timeout_graceful_shutdown=1, **SOCKETS
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="site", daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("The site did not start.")
        time.sleep(0.02)
    try:
        yield Site(f"http://127.0.0.1:{listener.getsockname()[1]}")
    finally:
        server.should_exit = True
        thread.join(10)
        if thread.is_alive():
            server.force_exit = True
            thread.join(20)
        listener.close()
