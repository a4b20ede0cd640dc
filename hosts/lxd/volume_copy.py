"""Custom volumes from one LXD server to another, fetched by the one that gets them (`hosts.volume_copies`).

Sources: https://documentation.ubuntu.com/lxd/en/latest/rest-api/ (storage-pools/…/volumes/custom, source «migration», mode «pull»).
Measured on 5.0: an operation of this kind cannot be cancelled, an offer that nobody takes up ends by itself after 10 s, and a copy of
«volume only» has to be asked for on both sides, or one of them says that it is done with nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from django.utils.translation import gettext as _

from hosts.engine_errors import EngineError
from hosts.lxd import in_place, pools, shape
from hosts.lxd.link import FAILED, Json
from hosts.lxd.server import Server
from hosts.volume_copies import Kept, Look, Offer, bytes_of

LOOPS = ("127.", "[::1]", "localhost")
OWNERS = ("volatile.idmap.last", "volatile.idmap.next")  # by how much owners on the disk are moved against those inside
LOCAL_SECONDS = 6 * 3600.0  # that a copy within a server may take
INSTANCES = "/1.0/instances/"


def _path(pool: str, name: str = "") -> str:
    path = f"/storage-pools/{quote(pool, safe='')}/volumes/custom"
    return f"{path}/{quote(name, safe='')}" if name else path


class LxdVolumeCopies:
    def __init__(self, server: Server) -> None:
        self._server, self.link = server, server.link

    def pool(self) -> str:
        return str(self._server.pool()["name"])

    def whole(self, pool: str) -> str:
        driver = str(self.link.ask("GET", f"/storage-pools/{quote(pool, safe='')}").get("driver") or "")
        return driver if driver in pools.WHOLE else ""

    def find(self, pool: str, name: str) -> Kept | None:
        seen = self.link.ask("GET", _path(pool, name), absent=True)
        if seen is None:
            return None
        config = {key: str(text) for key, text in (seen.get("config") or {}).items()}
        users = [str(one).partition("?")[0] for one in seen.get("used_by") or []]
        return Kept(
            name, pool, config, shape.labels_of(seen),
            tuple(sorted(one.removeprefix(INSTANCES) for one in users if one.startswith(INSTANCES))),
        )  # fmt: skip

    def make(self, pool: str, like: Kept, name: str, marks: Mapping[str, str]) -> None:
        # Owners on the disk are moved against those inside, by how much stands in the volume's config: it goes along.
        config = {**like.config, **_config(marks)}
        body = {"name": name, "type": "custom", "content_type": "filesystem", "config": config}
        self.link.ask("POST", _path(pool), body=body)

    def mark(self, pool: str, name: str, marks: Mapping[str, str]) -> None:
        # (PUT would take the server's own keys away, and with them what it knows of owners.)
        self.link.ask("PATCH", _path(pool, name), body={"config": _config(marks)})

    def rename(self, pool: str, name: str, other: str) -> None:
        self.link.operate("POST", _path(pool, name), body={"name": other})

    def remove(self, pool: str, name: str) -> None:
        try:
            self.link.operate("DELETE", _path(pool, name), absent=True)
        except EngineError as error:
            if "still in use" in error.message:
                words = _("A container on %(where)s still has the volume %(name)s.")
                raise EngineError(
                    "conflict", error.message, words % {"where": self.link.where, "name": name}
                ) from error
            raise

    def clone(self, pool: str, name: str, snapshot: str, other: str, marks: Mapping[str, str]) -> None:
        kept = self.find(pool, name)
        config = {key: text for key, text in (kept.config if kept else {}).items() if not key.startswith(shape.USER)}
        source = {"type": "copy", "pool": pool, "name": f"{name}/{snapshot}", "volume_only": True}
        body = {"name": other, "type": "custom", "config": {**config, **_config(marks)}, "source": source}
        self.link.operate("POST", _path(pool), body=body, timeout=LOCAL_SECONDS)

    def pour(self, pool: str, name: str, other: str) -> None:
        in_place.check_inside(self.link, pool, other)
        source = {"type": "copy", "pool": pool, "name": name, "volume_only": True, "refresh": True}
        body = {"name": other, "type": "custom", "source": source}
        self.link.operate("POST", _path(pool), body=body, timeout=LOCAL_SECONDS)

    def owned_as(self, pool: str, name: str, like: Kept) -> None:
        kept = self.find(pool, name)
        wanted = {key: like.config[key] for key in OWNERS if key in like.config}
        config = {key: text for key, text in (kept.config if kept else {}).items() if key not in OWNERS} | wanted
        if kept is not None and config != kept.config:
            self.link.ask("PUT", _path(pool, name), body={"config": config})

    def offer(self, pool: str, name: str) -> Offer:
        server = self.link.server()
        environment = server.get("environment") or {}
        begun = self.link.ask(
            "POST", _path(pool, name), body={"name": name, "pool": pool, "migration": True, "volume_only": True}
        )
        secrets = {key: str(text) for key, text in (begun.get("metadata") or {}).items()}
        known = [] if self.link.spec.kind == "local" else [self.link.url.removeprefix("https://")]
        listens = [str(one) for one in environment.get("addresses") or [] if not str(one).startswith(LOOPS)]
        addresses = tuple(dict.fromkeys([*known, *listens]))
        return Offer(str(begun["id"]), addresses, secrets, str(environment.get("certificate") or ""))

    def fetch(self, pool: str, name: str, offer: Offer, address: str) -> str:
        in_place.check_outside(self.link, pool, name)
        source = {
            "type": "migration", "mode": "pull", "operation": f"https://{address}/1.0/operations/{offer.operation}",
            "secrets": dict(offer.secrets), "certificate": offer.certificate, "refresh": True, "volume_only": True,
        }  # fmt: skip
        body = {"name": name, "type": "custom", "content_type": "filesystem", "config": {}, "source": source}
        return str(self.link.ask("POST", _path(pool), body=body)["id"])

    def look(self, operation: str) -> Look:
        seen = self.link.ask("GET", f"/operations/{quote(operation, safe='')}", absent=True)
        if seen is None:
            return Look("gone")  # the server forgets what ended some seconds ago
        moved = bytes_of(str((seen.get("metadata") or {}).get("fs_progress") or ""))
        code = int(seen.get("status_code") or 0)
        if code == 200:
            return Look("done", "", moved)
        return Look("failed" if code >= FAILED else "running", str(seen.get("err") or ""), moved)

    def filling(self, pool: str, name: str) -> list[str]:
        # (A volume that is given away is a websocket's operation.)
        return [str(one["id"]) for one in self._running() if one.get("class") == "task" and name in _volumes(one)]

    def _running(self) -> list[Json]:
        found = self.link.ask("GET", "/operations", params={"recursion": 1}) or {}
        groups = found.values() if isinstance(found, dict) else [found]
        return [dict(one) for group in groups for one in group or [] if int(one.get("status_code") or 0) < 200]


def _volumes(operation: Json) -> set[str]:
    named = [str(one).partition("?")[0] for ones in (operation.get("resources") or {}).values() for one in ones or []]
    return {one.rpartition("/")[2] for one in named}


def _config(marks: Mapping[str, str]) -> dict[str, str]:
    return {f"{shape.USER}{key}": text for key, text in marks.items()}
