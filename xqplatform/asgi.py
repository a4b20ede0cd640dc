"""What the web server runs: Django for requests, and the one WebSocket that there is, of terminals."""

import os
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "xqplatform.settings")
_django: Any = get_asgi_application()

from containers.terminal import socket  # noqa: E402  its models are there only now
from xqplatform.web.body import limited  # noqa: E402

_pages = limited(_django)


async def application(scope: Any, receive: Any, send: Any) -> None:
    await (socket.serve if scope["type"] == "websocket" else _pages)(scope, receive, send)
