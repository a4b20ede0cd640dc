"""Which instances an LXD server has, by what stays of each; a part of its engine."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from django.utils.translation import gettext as _

from hosts.engine_address import ConnectionSpec
from hosts.engine_errors import EngineError
from hosts.lxd import shape
from hosts.lxd.link import CALL_SECONDS, Json
from hosts.lxd.server import Server

REMEMBERED = 4096  # names of instances by what stays of them


class WithInstances(Server):
    def __init__(self, spec: ConnectionSpec, api_version: str = "", timeout: float = CALL_SECONDS) -> None:
        super().__init__(spec, api_version, timeout)
        self._lock = threading.Lock()
        self._names: dict[str, str] = {}  # identity → name
        self._labels: dict[str, dict[str, str]] = {}  # of the same, for events of what is gone

    def _all(self, recursion: int) -> list[Json]:
        found = self.link.ask("GET", "/instances", params={"recursion": recursion, "instance-type": "container"})
        with self._lock:
            if len(self._names) > REMEMBERED:
                self._names.clear()
                self._labels.clear()
            for one in found:
                self._remember(one)
        return [dict(one) for one in found]

    def instances(self, *, states: bool = False) -> list[Json]:
        """All there are, as the server tells them; `states`: with what each uses, which costs more."""
        return self._all(2 if states else 1)

    def _remember(self, instance: Mapping[str, Any]) -> str:
        """Its identity. With the lock."""
        identity = shape.identity(instance)
        self._names[identity] = str(instance["name"])
        self._labels[identity] = shape.labels_of(instance)
        return identity

    def known(self, name: str) -> tuple[str, dict[str, str]]:
        """Identity and labels of an instance by its name; what was last known of one that is gone."""
        instance = self.link.ask("GET", f"/instances/{quote(name)}", absent=True)
        with self._lock:
            if instance is not None:
                identity = self._remember(instance)
            else:
                identity = next((found for found, its in self._names.items() if its == name), name)
            return identity, dict(self._labels.get(identity, {}))

    def _instance(self, container: str) -> Json:
        """By its identity, or its name. Raises EngineError, kind `not_found`."""
        with self._lock:
            name = self._names.get(container, container)
        instance = self.link.ask("GET", f"/instances/{quote(name)}", absent=True)
        if instance is not None and container in {shape.identity(instance), name}:
            return dict(instance)
        for one in self._all(1):
            if shape.identity(one) == container:
                return one
        raise EngineError("not_found", container, _("%(where)s has no such container.") % {"where": self.where})

    def _found(self, container: str) -> Json | None:
        try:
            return self._instance(container)
        except EngineError as error:
            if error.kind == "not_found":
                return None
            raise

    def inspect_raw(self, container: str) -> Json:
        """As the server tells it. Raises EngineError, kind `not_found`."""
        return self._instance(container)

    def path_of(self, container: str) -> str:
        return f"/instances/{quote(str(self._instance(container)['name']))}"

    def runs(self, container: str) -> bool:
        """Whether it does, frozen or not. Raises EngineError, kind `not_found`."""
        return self._instance(container).get("status") in {"Running", "Ready", "Frozen"}

    def status_of(self, container: str) -> str:
        """The server's word; empty: it is gone."""
        return str((self._found(container) or {}).get("status") or "")
