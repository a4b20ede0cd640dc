"""Volumes of an LXD server's storage pools, and their snapshots (`hosts.volume_types`).

Source: https://documentation.ubuntu.com/lxd/en/latest/rest-api/ (storage-pools/…/volumes/custom)
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django.utils.translation import gettext as _

from hosts.engine_errors import EngineError
from hosts.inventory import Space
from hosts.lxd import pools, shape
from hosts.lxd.volume_moves import LxdVolumeMoves
from hosts.volume_types import Volume

if TYPE_CHECKING:
    from hosts.lxd.engine import LxdEngine

SO_ALREADY = re.compile(r"already (frozen|running|stopped)|(not|isn't) (frozen|running)|is (frozen|stopped)", re.I)
SUBSEQUENT = re.compile(r"subsequent (internal )?snapshot", re.I)
NOT_COUNTED = re.compile(r"not supported|not implemented", re.I)
STATE_SECONDS = 30
TRUE = frozenset({"true", "1", "yes", "on"})
COUNT_SECONDS = 20
COUNT = 'du -skx "$1" 2>/dev/null || busybox du -skx "$1" 2>/dev/null'
INSTANCE = "/1.0/instances/"


def path_of(volume: Volume) -> str:
    return f"/storage-pools/{quote(volume.pool)}/volumes/custom/{quote(volume.name)}"


class LxdVolumes:
    def __init__(self, engine: LxdEngine) -> None:
        self._engine, self.link = engine, engine.link
        self._moves = LxdVolumeMoves(engine)

    @property
    def moves(self) -> LxdVolumeMoves:
        return self._moves

    # --- What there is -------------------------------------------------------------------------------------------

    def of(self, container: str) -> list[Volume]:
        instance = self._engine.inspect_raw(container)
        devices = instance.get("expanded_devices") or instance.get("devices") or {}
        found = []
        for _key, device in sorted(devices.items()):
            pool, source, target = (str(device.get(key) or "") for key in ("pool", "source", "path"))
            if device.get("type") == "disk" and pool and source and target not in {"", "/"}:
                volume = self.named(source, pool, target)
                if volume is not None:
                    found.append(volume)
        return found

    def measured(self, container: str, volume: Volume) -> int | None:
        if self._engine.status_of(container) != "Running":
            return None
        try:
            words = ("sh", "-c", COUNT, "sh", volume.target)
            _code, said = self._engine.exec(container, words, timeout=COUNT_SECONDS)
        except EngineError as error:
            if error.out_of_reach:
                raise
            return None  # too many files, or it has just ended
        kib = said.strip().rpartition("\n")[2].split()[:1]
        return int(kib[0]) << 10 if kib and kib[0].isdecimal() and len(kib[0]) < 16 else None

    def named(self, name: str, pool: str, target: str = "") -> Volume | None:
        bare = Volume(name, target, pool)
        seen = self.link.ask("GET", path_of(bare), absent=True)
        if seen is None:
            return None
        driver = str(self.link.ask("GET", f"/storage-pools/{quote(pool)}").get("driver") or "")
        return Volume(
            name, target, pool, self._size(bare), self._users(seen), driver in pools.COPYING, driver in pools.NEWEST
        )

    def find(self, name: str) -> Volume | None:
        for pool in self.link.ask("GET", "/storage-pools", params={"recursion": 1}):
            if (found := self.named(name, str(pool["name"]))) is not None:
                return found
        return None

    def remove(self, volume: Volume, timeout: float) -> None:
        self._settled(volume, timeout)
        if (found := self.named(volume.name, volume.pool)) is None:
            return
        if found.users:
            words = _("The volume %(name)s is in use on %(where)s.")
            raise EngineError("conflict", volume.name, words % {"name": volume.name, "where": self._engine.where})
        for snapshot in self.snapshots(volume):  # the server removes no volume that has some
            self.drop(volume, snapshot, timeout)
        self.link.ask("DELETE", path_of(volume), absent=True, timeout=timeout)

    def _size(self, volume: Volume) -> int | None:
        try:
            state = self.link.ask("GET", f"{path_of(volume)}/state", absent=True)
        except EngineError as error:
            if NOT_COUNTED.search(error.message):
                return None  # the pool's driver does not count
            raise
        used = ((state or {}).get("usage") or {}).get("used")
        return int(used) if used is not None else None

    def _users(self, seen: dict[str, Any]) -> tuple[str, ...]:
        names = [str(one).partition("?")[0] for one in seen.get("used_by") or []]
        instances = [one.removeprefix(INSTANCE) for one in names if one.startswith(INSTANCE)]
        return tuple(sorted({self._engine.known(one)[0] for one in instances if "/" not in one}))

    def room(self, pool: str) -> Space | None:
        return shape.space(self.link.ask("GET", f"/storage-pools/{quote(pool)}/resources"))

    def snapshots(self, volume: Volume) -> list[str]:
        found = self.link.ask("GET", f"{path_of(volume)}/snapshots", absent=True) or []
        return sorted(str(one).rpartition("/")[2] for one in found)

    # --- Holding still -------------------------------------------------------------------------------------------

    def _state(self, container: str, action: str, verb: str) -> None:
        try:
            path = self._engine.path_of(container)
            with self._engine.own(verb, container):
                self.link.operate("PUT", f"{path}/state", body={"action": action, "timeout": STATE_SECONDS})
        except EngineError as error:
            if error.kind != "not_found" and not SO_ALREADY.search(error.message):
                raise

    def freeze(self, container: str) -> None:
        self._state(container, "freeze", "pause")

    def thaw(self, container: str) -> None:
        self._state(container, "unfreeze", "unpause")

    def frozen(self, container: str) -> bool:
        return self._engine.status_of(container) == "Frozen"

    # --- Snapshots -----------------------------------------------------------------------------------------------

    def take(self, volume: Volume, snapshot: str, timeout: float) -> None:
        until = time.monotonic() + timeout
        self._settled(volume, timeout)
        if snapshot in self.snapshots(volume):
            self.drop(volume, snapshot, max(1.0, until - time.monotonic()))
        left = max(1.0, until - time.monotonic())
        self.link.operate("POST", f"{path_of(volume)}/snapshots", body={"name": snapshot}, timeout=left)

    def put_back(self, volume: Volume, snapshot: str, timeout: float) -> None:
        self._settled(volume, timeout)
        if snapshot not in self.snapshots(volume):
            words = _("%(where)s has no snapshot %(snapshot)s of the volume %(name)s.")
            values = {"where": self._engine.where, "snapshot": snapshot, "name": volume.name}
            raise EngineError("not_found", snapshot, words % values)
        if blocking := self.later(volume, snapshot):
            raise self._only_newest(volume, snapshot, ", ".join(blocking))
        try:
            # The server answers when it is done.
            self.link.ask("PUT", path_of(volume), body={"restore": snapshot}, timeout=timeout)
        except EngineError as error:
            if SUBSEQUENT.search(error.message):
                raise self._only_newest(volume, snapshot, error.message) from error
            raise

    def later(self, volume: Volume, snapshot: str) -> list[str]:
        pool = self.link.ask("GET", f"/storage-pools/{quote(volume.pool)}")
        if pool.get("driver") not in pools.NEWEST:
            return []
        found = self.link.ask("GET", f"{path_of(volume)}/snapshots", params={"recursion": 1}, absent=True) or []
        kept = self.link.ask("GET", path_of(volume))["config"]
        removes = kept.get(pools.REMOVES) or (pool.get("config") or {}).get(f"volume.{pools.REMOVES}")
        return pools.later(found, snapshot, removes=str(removes).lower() in TRUE)

    def _only_newest(self, volume: Volume, snapshot: str, why: str) -> EngineError:
        words = _(
            "%(where)s can put back only the newest snapshot of %(name)s, and %(snapshot)s is not: %(why)s. Nothing was changed."
        )
        values = {"where": self._engine.where, "name": volume.name, "snapshot": snapshot, "why": why}
        return EngineError("conflict", why, words % values, retry=False)

    def drop(self, volume: Volume, snapshot: str, timeout: float) -> None:
        self._settled(volume, timeout)
        path = f"{path_of(volume)}/snapshots/{quote(snapshot)}"
        self.link.operate("DELETE", path, absent=True, timeout=timeout)

    def _settled(self, volume: Volume, timeout: float) -> None:
        """Waits for what the server still does to the volume: who asked for it may have died. Kind `timeout`."""
        until = time.monotonic() + timeout
        for one in self._running():
            touched = [part for parts in (one.get("resources") or {}).values() for part in parts or []]
            if any(volume.name in str(part).split("?")[0].split("/") for part in touched):
                left = max(1, int(until - time.monotonic()))
                path = f"/operations/{one['id']}/wait"
                seen = self.link.ask("GET", path, params={"timeout": left}, timeout=left + 10, absent=True)
                if seen is not None and seen.get("status") == "Running":
                    words = _("%(where)s still works on the volume %(name)s.")
                    raise EngineError(
                        "timeout", volume.name, words % {"where": self._engine.where, "name": volume.name}
                    )

    def _running(self) -> list[dict[str, Any]]:
        found = self.link.ask("GET", "/operations", params={"recursion": 1}) or {}
        groups = found.values() if isinstance(found, dict) else [found]
        return [
            dict(one)
            for group in groups
            for one in group
            if one.get("status") == "Running" and one.get("class") == "task"
        ]
