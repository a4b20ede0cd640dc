"""Notes the clock of live updates before a view reads its first row."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any

import redis
from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from xqplatform import live

# Seconds. A page never waits longer for the broker, and after a failure not at all for a while.
TIMEOUT = 0.05
REST = 3.0
NOT_PAGES = ("/static/", "/live/", "/api/", "/healthz")


@lru_cache(maxsize=4)
def _client(url: str) -> redis.Redis:
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return redis.Redis.from_url(
        url,
        socket_timeout=TIMEOUT,
        socket_connect_timeout=TIMEOUT,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
    )


class LiveClockMiddleware:
    """Sets `request.live_since`; 0 when the broker is away, which makes the page's stream tell everything once."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.silent_until = 0.0
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)  # type: ignore[arg-type]

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._async(request)
        request.live_since = self.now() if self._wants(request) else 0  # type: ignore[attr-defined]
        return self.get_response(request)

    async def _async(self, request: HttpRequest) -> HttpResponseBase:
        wants = self._wants(request)
        request.live_since = await sync_to_async(self.now, thread_sensitive=False)() if wants else 0  # type: ignore[attr-defined]
        return await self.get_response(request)

    def _wants(self, request: HttpRequest) -> bool:
        return request.method == "GET" and not request.path.startswith(NOT_PAGES)

    def now(self) -> int:
        """The clock, or 0. Never raises; after a failure it does not even ask for REST seconds."""
        if time.monotonic() < self.silent_until:
            return 0
        try:
            return int(_client(settings.REDIS_URL).get(live.CLOCK) or 0)  # type: ignore[arg-type]
        except (redis.RedisError, OSError, ValueError):
            self.silent_until = time.monotonic() + REST
            return 0
