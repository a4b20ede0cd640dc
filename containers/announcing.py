"""Says on the wire that an address is on another host than a moment ago, as soon as its container runs there.

Switches send the frames of its MAC, which stays, to the host where they saw it last, until the container itself sends one;
a server that only waits to be asked sends none.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextvars import copy_context
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from containers.models import Instance
from hosts import helper, probe
from hosts.engine import Engine, EngineError
from hosts.helper import NoHelper
from hosts.models import Address

log = logging.getLogger(__name__)
SWITCH_MINUTES = 5  # for which a switch remembers where a MAC is, unless it is set otherwise (IEEE 802.1D: 300 s)


def was_elsewhere(instance: Instance) -> bool:
    """Whether one of its number, which held its address, was removed from another host so lately that switches still know it there."""
    since = timezone.now() - timedelta(minutes=max(SWITCH_MINUTES, settings.QUARANTINE_MINUTES))
    same = Instance.objects.filter(place=instance.place_id, number=instance.number, removed__gte=since)
    return same.exclude(host=instance.host_id).exists()


def prepare(engine: Engine) -> None:
    """What the announcement needs is made on the engine; best while an old container still serves."""
    try:
        helper.ensure_image(engine)
    except (NoHelper, EngineError) as error:
        log.info("Nothing can be announced from %s: %s", engine.where, error)


def begin(engine: Engine, address: Address, engine_id: str, done: Callable[[], None]) -> threading.Thread:
    """A thread that announces the address from inside a running container, and then calls `done`."""

    def announce() -> None:
        try:
            probe.announce(engine, engine_id, address.ip)
            done()
        except (NoHelper, EngineError) as error:
            log.info("%s was not announced on %s: %s", address.ip, engine.where, error)

    return threading.Thread(target=copy_context().run, args=(announce,), daemon=True)
