"""Telling open pages that something changed: one counter in the broker, and a version a topic.

The clock is one number for all processes. A page notes it before it reads its first row, so whatever is bumped after that
moment has a higher version and is heard, also when it happens before the page's stream is open.
"""

from __future__ import annotations

import logging
from functools import lru_cache

import redis
from django.conf import settings
from django.db import transaction

log = logging.getLogger(__name__)
CLOCK = "xq:live:clock"
CHANNEL = "xq:live"
VERSIONS = "xq:live:versions"


@lru_cache(maxsize=1)
def client() -> redis.Redis:
    """The broker's client; short time-outs, since no page may wait for it."""
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=1.0, socket_connect_timeout=0.2, decode_responses=True
    )


_BUMP = """
local v = redis.call('INCR', KEYS[1])
for _, topic in ipairs(ARGV) do
  redis.call('HSET', KEYS[2], topic, v)
end
redis.call('PUBLISH', KEYS[3], v .. ' ' .. table.concat(ARGV, ' '))
return v
"""


def bump(*topics: str) -> None:
    """Tells, when the transaction has committed, that the topics changed. A broker that is away is only logged."""

    def send() -> None:
        try:
            client().eval(_BUMP, 3, CLOCK, VERSIONS, CHANNEL, *topics)
        except (redis.RedisError, OSError) as error:
            log.debug("No live update of %s: %s", topics, error)

    transaction.on_commit(send)


def clock() -> int:
    """The newest version of all; 0 when the broker is away."""
    try:
        return int(client().get(CLOCK) or 0)  # type: ignore[arg-type]
    except (redis.RedisError, OSError):
        return 0
