"""One Docker Engine. Thin: no decisions, no rows; every call has a timeout."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable

from hosts.engine_body import Json
from hosts.engine_containers import WithContainers
from hosts.engine_files import WithFiles
from hosts.engine_images import WithImages
from hosts.engine_link import SLOW_SECONDS
from hosts.engine_networks import WithNetworks
from hosts.engine_streams import Stream, json_objects
from hosts.exec_types import Execs
from hosts.inside_types import Insides
from hosts.inventory import Space
from hosts.volume_copies import VolumeCopies
from hosts.volume_types import Volumes


class Engine(WithContainers, WithFiles, WithImages, WithNetworks):
    """A connection to one engine, safe to use from many threads. Methods raise EngineError and nothing else."""

    execs: Execs | None = None  # by requests of its API: `hosts.execs`
    insides: Insides | None = None  # a helper looks into all containers at once: `hosts.inside`
    meter: None = None  # a collector measures its containers
    copies: VolumeCopies | None = None
    volumes: Volumes | None = None  # an engine's volumes have no snapshots

    def info(self) -> Json:
        return dict(self._json("GET", "/info"))

    def facts(self) -> Json:
        """What conformance checks are told beyond `info`: nothing, the machine is looked at."""
        return {}

    def disk_usage(self) -> Json:
        """What images, containers and volumes take, as the engine counts it (slow on a large host)."""
        return dict(self._json("GET", "/system/df", timeout=SLOW_SECONDS))

    def data_root_space(self, data_root: str) -> Space | None:
        """The data root's file system; None where only a helper can tell: on other machines."""
        if self.spec.kind != "local":
            return None
        try:
            seen = os.statvfs(data_root)
        except OSError:
            return None
        return Space(seen.f_blocks * seen.f_frsize, seen.f_bavail * seen.f_frsize, seen.f_files, seen.f_favail)

    def interfaces(self) -> dict[str, int] | None:
        """The machine's network interfaces and their MTUs: an engine does not tell them, only a helper can."""
        return None

    def events(
        self,
        since: float | None = None,
        until: float | None = None,
        types: Iterable[str] = (),
        actions: Iterable[str] = (),
        labels: Iterable[str] = (),
    ) -> Stream[Json]:
        """Events as they come, from `since` (Unix time) on; `stop()` it from another thread.

        `actions` such as «die» or «health_status» (which stands for both of its results).
        """
        params: Json = {}
        if since is not None:
            params["since"] = f"{since:.9f}"
        if until is not None:
            params["until"] = f"{until:.9f}"
        filters = {"type": list(types), "event": list(actions), "label": list(labels)}
        if any(filters.values()):
            params["filters"] = json.dumps({name: values for name, values in filters.items() if values})
        return self._stream("GET", "/events", json_objects, params=params, timeout=0)
