"""Whether there is room: below the least free space samples are not kept, and what was kept makes room for roll-ups."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

from django.conf import settings
from django.db import connection

from xqplatform.metrics.models import Upkeep

log = logging.getLogger(__name__)
ROOMY = 1.25  # only with so much more than the least is there room again


def free_bytes() -> int:
    """Free bytes where the data folder and SQLite's file are, whichever is less."""
    places = [Path(settings.DATA_DIR)]
    if connection.vendor == "sqlite":
        places.append(Path(str(connection.settings_dict["NAME"])).parent)
    return min((shutil.disk_usage(place).free for place in places if place.exists()), default=0)


def is_low(free: int, least: int, *, before: bool) -> bool:
    """Pure: with a margin, so that it does not go to and fro."""
    return free < (least * ROOMY if before else least)


def look(now: float) -> bool:
    """Measures, notes since when it is low, and says whether it is."""
    row = Upkeep.objects.get(id=1)
    free = free_bytes()
    low = is_low(free, settings.METRICS_LEAST_FREE, before=row.low_since is not None)
    if low and row.low_since is None:
        log.warning("%d MiB are free: samples are not kept until there is more room; roll-ups go on.", free >> 20)
    since = (row.low_since or now) if low else None
    Upkeep.objects.filter(id=1).update(free_bytes=free, low_since=since)
    return low
