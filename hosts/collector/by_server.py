"""A host whose runtime measures by itself: asked for all at once, as often as a collector ticks while that is cheap."""

from __future__ import annotations

import logging
import time

from django.conf import settings

from hosts import engine as edge
from hosts.collector.protocol import Block
from hosts.engine import EngineError
from hosts.models import Host

log = logging.getLogger(__name__)
SHARE = 20.0  # it is let alone for so many times as long as an answer takes
SLOWEST = 60.0  # seconds between two looks


def pace(interval: float, cost: float) -> float:
    """Seconds from one look to the next; `cost`: what the last one took. Pure."""
    return min(max(interval, SLOWEST), max(interval, SHARE * cost))


def read(host: Host) -> tuple[Block, float]:
    """A block as a collector would have sent it, and the seconds until the next. Raises EngineError."""
    engine = edge.connect(host)
    if engine.meter is None:
        raise EngineError("other", host.runtime, f"{host}: no meter")
    began = time.monotonic()
    found = engine.meter.read(began)
    every = pace(settings.METRICS_INTERVAL, time.monotonic() - began)
    return Block(0, began, "server", began, every, "server", 0, host.cpus, found.machine, dict(found.containers)), every


def complete(host: Host, block: Block) -> Block:
    """A block that a process of the machine has sent, which knows the machine: with what its server tells of the containers and its pool."""
    engine = edge.connect(host)
    if engine.meter is not None:
        try:
            found = engine.meter.read(block.uptime)
            block.containers = dict(found.containers)
            block.host.filesystems |= found.machine.filesystems
        except EngineError as error:
            log.info("%s is measured without its containers: %s", host, error.message)
    return block
