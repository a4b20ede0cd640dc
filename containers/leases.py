"""Who advances a deployment: a lease in its row, taken by compare-and-swap, so that two never act on engines for one.

The text names the process that holds it. A process of this very machine that is gone is known at once; of another
machine's nothing is known, and its lease runs out.
"""

from __future__ import annotations

import os
import socket
import time
import uuid
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

from django.db.models import Q
from django.utils import timezone

from containers.models import Deployment

SECONDS = 15.0
RENEW_EVERY = 4.0
# A holder that could not renew for so long acts no more, well before anybody else may take over.
TRUSTED = 11.0


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


class Lease:
    """A lease that this process took. `trusted` is asked before each act on an engine."""

    def __init__(self, deployment: int, text: str) -> None:
        self.deployment = deployment
        self.text = text
        self._renewed = time.monotonic()
        self._lost = False

    @property
    def trusted(self) -> bool:
        return not self._lost and time.monotonic() - self._renewed < TRUSTED

    def renew(self, *, force: bool = False) -> bool:
        """Renews it when that is due. False: somebody else has it now."""
        began = time.monotonic()
        if not force and began - self._renewed < RENEW_EVERY:
            return not self._lost
        changed = Deployment.objects.filter(pk=self.deployment, lease=self.text).update(
            lease_until=timezone.now() + timedelta(seconds=SECONDS)
        )
        if changed:
            self._renewed = began
        else:
            self._lost = True
        return bool(changed)

    def release(self) -> None:
        Deployment.objects.filter(pk=self.deployment, lease=self.text).update(lease="", lease_until=None)


def take(deployment: int) -> Lease | None:
    """The lease of an active deployment, unless a living process has it."""
    now = timezone.now()
    row = (
        Deployment.objects.filter(pk=deployment, state__in=Deployment.ACTIVE)
        .values_list("lease", "lease_until")
        .first()
    )
    if row is None:
        return None
    held, until = row
    if held and until is not None and until > now and not is_dead(held):
        return None
    text = own_text()
    changed = Deployment.objects.filter(Q(lease=held), pk=deployment, state__in=Deployment.ACTIVE).update(
        lease=text, lease_until=now + timedelta(seconds=SECONDS)
    )
    return Lease(deployment, text) if changed else None
