"""Who works on a row: a lease in the row, taken by compare-and-swap, so that two never act outside for one.

The text names the process that holds it. A process of this very machine that is gone is known at once; of another
machine's nothing is known, and its lease runs out. A leased model has `lease` (text) and `lease_until`.
"""

from __future__ import annotations

import os
import socket
import time
import uuid
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

SECONDS = 15.0
# A holder acts no more so long before anybody else may take over; and it renews as often.
RENEW_EVERY = MARGIN = 4.0


@lru_cache(maxsize=1)
def _machine() -> str:
    """Host name, boot and PID namespace: within one such text a process number means one thing."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]
        space = os.readlink("/proc/self/ns/pid").strip("pid:[]")
    except OSError:
        boot, space = "?", "?"
    return f"{socket.gethostname()[:60]}/{boot}/{space}"


def _started(pid: int) -> str:
    """When a process started, in ticks since boot; empty when there is none (or a dead one not yet reaped)."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return ""
    return "" if after_name[0] in {"Z", "X"} else after_name[19]


def own_text() -> str:
    """A new lease text of this process; the token at its end tells its takings apart."""
    pid = os.getpid()
    return f"{_machine()}/{pid}/{_started(pid)}/{uuid.uuid4().hex[:8]}"


def is_dead(text: str) -> bool:
    """Whether the holder is known to be gone: a process of this machine that runs no more."""
    parts = text.rsplit("/", 3)
    if len(parts) != 4 or parts[0] != _machine() or not parts[1].isdigit() or "?" in parts[0]:
        return False
    return _started(int(parts[1])) != parts[2]


def is_held(row: Any) -> bool:
    """Whether a process that may be alive holds the row."""
    return bool(
        row.lease and row.lease_until is not None and row.lease_until > timezone.now() and not is_dead(row.lease)
    )


def until(seconds: float = SECONDS) -> datetime:
    """When a lease ends that is taken or renewed now."""
    return timezone.now() + timedelta(seconds=seconds)


def take_over(row: Any, text: str) -> bool:
    """Takes one row's lease for the holder of `text`, unless somebody has it, or was quicker than this reading of the row."""
    same = type(row)._default_manager.filter(pk=row.pk, lease=row.lease, lease_until=row.lease_until)
    return not is_held(row) and bool(same.update(lease=text, lease_until=until()))


class Lease:
    """A lease that this process took. `trusted` is asked before each act outside. `rows`: the one row; `seconds`: how long it holds
    from each renewal on.
    """

    def __init__(self, rows: QuerySet[Any], text: str, seconds: float = SECONDS) -> None:
        self._rows = rows
        self._seconds = seconds
        self.text = text
        self._renewed = time.monotonic()
        self._lost = False

    @property
    def trusted(self) -> bool:
        return not self._lost and time.monotonic() - self._renewed < self._seconds - MARGIN

    def renew(self, *, force: bool = False) -> bool:
        """Renews it when that is due. False: somebody else has it now."""
        began = time.monotonic()
        if not force and began - self._renewed < RENEW_EVERY:
            return not self._lost
        changed = self._rows.filter(lease=self.text).update(lease_until=until(self._seconds))
        if changed:
            self._renewed = began
        else:
            self._lost = True
        return bool(changed)

    def lost(self) -> None:
        """A write found that the row is somebody else's."""
        self._lost = True

    def release(self) -> None:
        self._rows.filter(lease=self.text).update(lease="", lease_until=None)


def take(free: QuerySet[Any], row: QuerySet[Any], seconds: float = SECONDS) -> Lease | None:
    """The lease of the one row of `free` (that it is free for work is asked again when it is taken), unless held.

    `seconds`: for work whose single steps take longer than the usual time.
    """
    found = free.only("pk", "lease", "lease_until").first()
    if found is None or is_held(found):
        return None
    text = own_text()
    changed = free.filter(lease=found.lease).update(lease=text, lease_until=until(seconds))
    return Lease(row, text, seconds) if changed else None
