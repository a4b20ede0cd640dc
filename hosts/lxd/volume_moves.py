"""Volumes of a storage pool out of a server and into one: clones of snapshots, files of them, volumes made of such files.

Source: https://documentation.ubuntu.com/lxd/en/latest/rest-api/ (storage-pools/…/volumes/custom/…/backups)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from django.utils.translation import gettext as _

from hosts.engine_errors import EngineError, from_exception
from hosts.lxd import in_place
from hosts.lxd.link import BROKEN, FAILED, Json
from hosts.lxd.server import Server
from hosts.lxd.shape import USER
from hosts.volume_moves import Check, go_on

FILE = "xq-file"  # the one file that a clone has
KEPT = timedelta(days=2)  # that the server keeps a file nobody fetched
TURN = 3  # seconds between two looks at what is worked on
WORK_SECONDS = 12 * 3600.0  # a big volume's file, on its way in one request
IDLE_SECONDS = 120.0  # without a byte
PIECE = 1 << 20
FULL = re.compile(r"no space left|disk quota exceeded|out of space|enospc", re.I)
# How the owners on the disk are moved against those inside: wrong, and every file is nobody's.
OWNERS = ("volatile.idmap.last", "volatile.idmap.next")


class LxdVolumeMoves:
    """What one server does of `hosts.volume_moves.VolumeMoves`."""

    def __init__(self, server: Server) -> None:
        self.server, self.link = server, server.link

    def pool(self) -> str:
        return str(self.server.pool()["name"])

    def clone(
        self, pool: str, volume: str, snapshot: str, name: str, labels: Mapping[str, str], *, check: Check = go_on
    ) -> None:
        config = {key: text for key, text in self._config(pool, volume).items() if not key.startswith(USER)}
        body = {
            "name": name,
            "type": "custom",
            "config": {**config, **_marks(labels)},
            "source": {"type": "copy", "pool": pool, "name": f"{volume}/{snapshot}", "volume_only": True},
        }
        self._worked(_path(pool), body, check)

    def write_file(self, pool: str, volume: str, *, check: Check = go_on) -> int:
        path = f"{_path(pool, volume)}/backups"
        self.link.operate("DELETE", f"{path}/{FILE}", absent=True)
        until = (datetime.now(UTC) + KEPT).strftime("%Y-%m-%dT%H:%M:%SZ")
        body = {"name": FILE, "volume_only": True, "optimized_storage": False, "expires_at": until}
        self._worked(path, body, check)
        answer = self.link.raw("GET", f"{path}/{FILE}/export", stream=True)
        assert answer is not None
        with answer:
            return int(answer.headers.get("Content-Length") or 0)

    def read_file(self, pool: str, volume: str, offset: int = 0) -> Iterator[bytes]:
        answer = self.link.raw(
            "GET", f"{_path(pool, volume)}/backups/{FILE}/export", stream=True, timeout=IDLE_SECONDS,
            headers={"Range": f"bytes={offset}-", "Accept-Encoding": "identity"},
        )  # fmt: skip
        assert answer is not None
        with answer:
            left = int(answer.headers.get("Content-Length") or 0)
            while left:
                try:
                    piece = answer.raw.read(min(PIECE, left))
                except BROKEN as error:
                    raise from_exception(error, self.link.where) from error
                if not piece:
                    words = _("%(where)s closed the connection.") % {"where": self.link.where}
                    raise EngineError("unreachable", "file cut short", words)
                left -= len(piece)
                yield piece

    def take_in(
        self, pool: str, name: str, pieces: Iterable[bytes], labels: Mapping[str, str], *, check: Check = go_on
    ) -> None:
        raised: list[BaseException] = []

        def sent() -> Iterator[bytes]:
            try:
                yield from pieces
            except BaseException as error:
                raised.append(error)
                raise

        headers = {"Content-Type": "application/octet-stream", "X-LXD-name": name, "X-Incus-name": name}
        try:
            # A request that ends before its end leaves nothing: the server unpacks only what has come whole.
            answer = self.link.raw("POST", _path(pool), data=sent(), headers=headers, timeout=WORK_SECONDS)
            assert answer is not None
            self._ended(answer.json()["metadata"], check)
        except EngineError as error:
            if raised:
                raise raised[0] from error
            raise self._told(error) from error
        # Labels of the volume that the file was made of came along.
        config = {key: text for key, text in self._config(pool, name).items() if not key.startswith(USER)}
        self._set(pool, name, {**config, **_marks(labels)})

    def overwrite(self, pool: str, volume: str, source: str, *, check: Check = go_on) -> None:
        in_place.check_inside(self.link, pool, volume)
        body = {
            "name": volume,
            "type": "custom",
            "source": {"type": "copy", "pool": pool, "name": source, "volume_only": True, "refresh": True},
        }
        self._worked(_path(pool), body, check)
        theirs, ours = self._config(pool, source), self._config(pool, volume)
        moved = {key: theirs.get(key, "") for key in OWNERS}
        if any(ours.get(key, "") != text for key, text in moved.items()):
            self._set(pool, volume, {**ours, **moved})

    def remove_marked(self, pool: str, prefix: str, labels: Mapping[str, str]) -> list[str]:
        gone, marks = [], _marks(labels).items()
        for one in self.link.ask("GET", _path(pool), params={"recursion": 1}):
            name, config = str(one["name"]), one.get("config") or {}
            if "/" not in name and name.startswith(prefix) and marks <= config.items():
                self.link.ask("DELETE", _path(pool, name), absent=True)
                gone.append(name)
        return gone

    # --- Parts ---------------------------------------------------------------------------------------------------

    def _config(self, pool: str, volume: str) -> dict[str, str]:
        return dict(self.link.ask("GET", _path(pool, volume))["config"])

    def _set(self, pool: str, volume: str, config: Mapping[str, str]) -> None:
        body = {"config": {key: text for key, text in config.items() if text}}
        self.link.ask("PUT", _path(pool, volume), body=body)

    def _worked(self, path: str, body: Mapping[str, Any], check: Check) -> None:
        try:
            self._ended(self.link.ask("POST", path, body=body), check)
        except EngineError as error:
            raise self._told(error) from error

    def _ended(self, operation: Json, check: Check) -> None:
        """Waits for an operation however long it takes, as long as `check` lets it."""
        path, code = f"/operations/{operation['id']}/wait", 0
        while code < 200:
            check()
            operation = self.link.ask("GET", path, params={"timeout": TURN})
            code = int(operation.get("status_code") or 0)
        if code >= FAILED:
            self.link.ended(operation)  # raises in its own words

    def _told(self, error: EngineError) -> EngineError:
        if FULL.search(error.message):
            words = _("There is no room for it on %(where)s: %(why)s")
            return EngineError("no_space", error.message, words % {"where": self.link.where, "why": error.message})
        if "UNIQUE constraint" in error.message or "already exists" in error.message:
            return EngineError("conflict", error.message, error.message)
        return error


def _path(pool: str, volume: str = "") -> str:
    path = f"/storage-pools/{quote(pool, safe='')}/volumes/custom"
    return f"{path}/{quote(volume, safe='')}" if volume else path


def _marks(labels: Mapping[str, str]) -> dict[str, str]:
    return {f"{USER}{key}": text for key, text in labels.items()}
