"""The store's own housework: ranks of the newest minutes, sealing of hours, roll-ups of days, deleting what is old.

Every piece is computed without a lock and written in one short transaction that puts the whole result in the place of what
was there. So a piece that is done twice, anew after a late sample, or by the next process after a death, changes nothing else.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator

from django.conf import settings

from xqplatform import leases
from xqplatform.metrics import days, disk, retention, running, sealing
from xqplatform.metrics.models import Upkeep

log = logging.getLogger(__name__)
BUDGET = 40.0  # seconds a round; what is left waits for the next
REST = 0.3  # the share of its time that a piece leaves to others before the next


def keep(*, budget: float = BUDGET) -> bool:
    """One round, unless another process is at it. Whether all was done that was due."""
    Upkeep.objects.get_or_create(id=1)
    row = Upkeep.objects.filter(id=1)
    lease = leases.take(row, row)
    if lease is None:
        return False
    try:
        return _round(lease, time.monotonic() + budget)
    finally:
        lease.release()


def _round(lease: leases.Lease, until: float) -> bool:
    now = time.time()
    low = disk.look(now)
    keep_for = {**settings.METRICS_KEEP, **({10: 0.0} if low else {})}
    pieces: tuple[Callable[[], Iterator[None]], ...] = (
        lambda: running.rank(now),
        lambda: sealing.seal(now, fine=not low),
        lambda: days.roll_up(now),
        lambda: retention.delete_old(now, keep_for),
    )
    for piece in pieces:
        began = time.monotonic()
        for _done in piece():
            if not (lease.renew() and lease.trusted) or time.monotonic() > until:
                return False
            time.sleep(min(REST * (time.monotonic() - began), 0.5))
            began = time.monotonic()
    Upkeep.objects.filter(id=1).update(kept_at=now)
    return True
