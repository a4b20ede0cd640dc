"""The StatsD listener: datagrams of known addresses into a tally, a tick's tally into samples. A flood is dropped, not kept."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

from containers.told import statsd
from containers.told.tally import Tally
from xqplatform.metrics.moments import STATSD, own_moment
from xqplatform.metrics.points import Sample

BUFFER = 4 << 20
A_SENDER = 2000  # datagrams a second of one address that are read
ALL = 10_000  # datagrams a second that are read of all


class Listener(asyncio.DatagramProtocol):
    """In one event loop. `put` takes the samples of each tick."""

    def __init__(self, put: Callable[[list[Sample]], None], tick: float = 10.0) -> None:
        self._put, self.tick = put, tick
        self.tally = Tally()
        self.flooded = 0
        self._senders: Mapping[str, int] = {}
        self._second = 0
        self._budget: dict[str, int] = {}
        self._left = ALL
        self._transport: asyncio.DatagramTransport | None = None

    def assign(self, senders: Mapping[str, int]) -> None:
        """Which instance has which address."""
        for ip in [ip for ip in self.tally.senders if senders.get(ip) != self._senders.get(ip)]:
            del self.tally.senders[ip]  # somebody else stands there now
        self._senders = senders

    @property
    def counts(self) -> dict[str, int]:
        """Since it began: datagrams heard, of unknown senders, too many; lines that made no sense, and beyond the bounds."""
        tally = self.tally
        return {
            "heard": tally.heard,
            "unknown": tally.unknown,
            "flooded": self.flooded,
            "bad": tally.bad,
            "dropped": tally.dropped,
        }

    async def open(self, host: str, port: int) -> int:
        """Listens; which port. Raises OSError."""
        own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            with contextlib.suppress(OSError):
                own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
            own.setblocking(False)
            own.bind((host, port))
            transport, _protocol = await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, sock=own)
        except BaseException:
            own.close()
            raise
        self._transport = transport
        return int(own.getsockname()[1])

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        ip = addr[0]
        if ip not in self._senders:
            self.tally.unknown += 1
            return
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._budget, self._left = second, {}, ALL
        used = self._budget.get(ip, 0)
        if used >= A_SENDER or self._left <= 0:
            self.flooded += 1
            return
        self._budget[ip] = used + 1
        self._left -= 1
        self.tally.take(ip, *statsd.read(data))

    def error_received(self, exc: Exception) -> None:
        """Nothing is sent, so nothing can come back."""

    async def run(self) -> None:
        """Hands each tick's values over, until it is cancelled."""
        began = time.monotonic()
        while True:
            await asyncio.sleep(self.tick)
            now = time.monotonic()
            self.flush(now - began)
            began = now

    def flush(self, seconds: float) -> None:
        at = own_moment(time.time(), STATSD)
        told = self.tally.flush(seconds)
        samples = [
            Sample(f"instance:{self._senders[ip]}", at, self.tally.senders[ip].shape.row(values))
            for ip, values in told.items()
            if ip in self._senders
        ]
        if samples:
            self._put(samples)
