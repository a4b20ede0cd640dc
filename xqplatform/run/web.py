"""The web process: uvicorn on a socket that the supervisor holds (`--fd`), or on XQ_HOST and XQ_PORT.

A held socket stays open while the process is restarted: nobody's request is refused.
"""

from __future__ import annotations

import argparse
import socket
from typing import Any

import uvicorn

from xqplatform import env

# Of terminals: a frame is at most some KiB, and what a shell says is not worth a compressor a socket.
SOCKETS: dict[str, Any] = {"ws_max_size": 256 << 10, "ws_per_message_deflate": False}


def main() -> None:
    parser = argparse.ArgumentParser(description="Serves the pages, the API and the live streams.")
    parser.add_argument("--fd", type=int, help="a listening socket to take over")
    options = parser.parse_args()
    config = uvicorn.Config(
        "xqplatform.asgi:application",
        host=env.text("XQ_HOST", "127.0.0.1"),
        port=env.number("XQ_PORT", 8000),
        lifespan="off",
        access_log=env.flag("XQ_ACCESS_LOG"),
        log_level="info",
        log_config=None,
        # Whose X-Forwarded-For and -Proto are believed: by the address guessing is counted, and the log names it.
        forwarded_allow_ips=env.text("XQ_TRUSTED_PROXIES", "127.0.0.1").replace(" ", ","),
        timeout_graceful_shutdown=3,  # seconds; live streams would stay open for ever
        **SOCKETS,
    )
    sockets = [socket.socket(fileno=options.fd)] if options.fd is not None else None
    uvicorn.Server(config).run(sockets=sockets)


if __name__ == "__main__":
    main()
