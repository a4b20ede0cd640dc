"""An LXD server's own settings, read for conformance checks; a part of its engine."""

from __future__ import annotations

from typing import Any

from hosts.engine_errors import EngineError
from hosts.lxd import settings
from hosts.lxd.has_instances import WithInstances
from hosts.lxd.link import Json


class WithSettings(WithInstances):
    def facts(self) -> Json:
        """Sections of `hosts.conformance.facts` that the server tells. Raises EngineError if it cannot be asked at all."""
        server = self._trusted()
        pool, space = "", None
        profile = self._told("/profiles/default", recursion=0) or {}
        named = ((profile.get("devices") or {}).get("root") or {}).get("pool")
        try:
            found = self.pool()
            pool = str(found["name"])
            space = self.data_root_space(f"{pool} ({found['driver']})")
        except EngineError as error:
            if error.out_of_reach:
                raise
            pool = pool or str(named or "")
        return settings.facts(
            server,
            pool=pool,
            pinned=self.spec.ca,
            space=space,
            pools=self._told("/storage-pools"),
            networks=self._told("/networks"),
            profiles=self._told("/profiles"),
            projects=self._told("/projects"),
            certificates=self._told("/certificates"),
            warnings=self._told("/warnings"),
            instances=self.instances(),
        )

    def _told(self, path: str, recursion: int = 1) -> Any:
        """A list of the server's; None: it has no such thing, or does not tell it."""
        try:
            return self.link.ask("GET", path, params={"recursion": recursion}, absent=True)
        except EngineError as error:
            if error.out_of_reach:
                raise
            return None
