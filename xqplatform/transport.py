"""Celery's way to the broker, repaired: a worker outlives a connection that breaks off.

When the connection is lost while a message's acknowledgement is on its way, kombu (5.7) closes the channel a second time, wants to
hand the message back over a connection that has no address any more, and fails with an AttributeError, at which Celery ends
the whole worker. Here it fails as what it is, a lost connection: that is expected at this place, and the worker connects again.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis


class Channel(redis.Channel):  # type: ignore[misc]
    def _connparams(self, asynchronous: bool = False) -> Any:
        if self.connection is None or self.connection.client is None:
            raise ConnectionError("the connection to the broker is closed")
        return super()._connparams(asynchronous)


class Transport(redis.Transport):  # type: ignore[misc]
    Channel = Channel


def use() -> None:
    """From now on `redis:` URLs lead through it (a transport's name is part of the URL, so there is no setting for it)."""
    for name in ("redis", "rediss"):
        TRANSPORT_ALIASES[name] = "xqplatform.transport:Transport"
