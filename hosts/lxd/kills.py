"""How often the kernel killed in each instance for lack of memory. A server tells no event of that.

Newer servers count it among their metrics; of others it is read in the instance's own cgroup, where the image's init has mounted that.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hosts.engine_errors import EngineError
from hosts.lxd import shape
from hosts.lxd.link import Json

if TYPE_CHECKING:
    from hosts.lxd.engine import LxdEngine

log = logging.getLogger(__name__)
SECONDS = 10.0  # that a look inside may take
FRESH = 5.0  # seconds in which nobody looks again
LOOK = ("cat", "/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")  # one of them is there
COUNT = re.compile(r"^oom_kill (\d{1,15})$", re.M)


def counted(said: str) -> int | None:
    """The kernel's own count, in whichever of the files; None: it does not tell. Pure."""
    found = COUNT.search(said)
    return int(found[1]) if found else None


@dataclass(frozen=True)
class Counted:
    """An instance whose kills are known. `run`: of which of its runs."""

    run: str
    kills: int
    name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


def rose(before: Mapping[str, Counted] | None, now: Mapping[str, Counted]) -> dict[str, int]:
    """By how much each count is greater than at the look before; one of a new run begins at 0. Nothing at the first look. Pure."""
    if before is None:
        return {}
    found = {}
    for identity, one in now.items():
        old = before.get(identity)
        more = one.kills - (old.kills if old is not None and old.run == one.run else 0)
        if more > 0:
            found[identity] = more
    return found


class Kills:
    """Of one server's instances that have a memory limit."""

    def __init__(self, engine: LxdEngine) -> None:
        self._engine = engine
        self._looking = threading.Lock()
        self._known: dict[str, Counted] = {}
        self._looked = float("-inf")

    def look(self, fresh: float = FRESH) -> dict[str, Counted]:
        """Looks now, unless somebody did within so many seconds. Raises EngineError if the server cannot be asked."""
        with self._looking:
            if time.monotonic() - self._looked < fresh:
                return dict(self._known)
            found: dict[str, Counted] = {}
            told = self._engine.meter.kills()
            for one in self._engine.looked_after():
                if not (one.get("expanded_config") or {}).get("limits.memory"):
                    continue
                identity = shape.identity(one)
                count = told.get(identity) if told is not None else self._inside(one, identity)
                if count is not None:
                    run = str(one.get("last_used_at"))
                    found[identity] = Counted(run, count, str(one["name"]), shape.labels_of(one))
            self._known, self._looked = found, time.monotonic()
            return dict(found)

    def _inside(self, instance: Json, identity: str) -> int | None:
        try:
            _code, said = self._engine.execs.whole(identity, LOOK, SECONDS, {})
        except EngineError as error:
            if error.out_of_reach and error.kind != "timeout":
                raise
            log.info("Kills in %s are not known: %s", instance.get("name"), error.message)
            return None
        return counted(said)
