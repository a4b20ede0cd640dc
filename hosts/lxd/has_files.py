"""Files inside the instances of an LXD server, and who runs what there; a part of its engine."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from typing import IO
from urllib.parse import quote

from django.utils.translation import gettext as _

from hosts.engine_errors import EngineError
from hosts.lxd import publishing, shape, users
from hosts.lxd.has_instances import WithInstances
from hosts.lxd.link import Json

MOST_FILE = 1 << 20


class WithFiles(WithInstances):
    def _write_file(self, name: str, path: str, text: str) -> None:
        """As root's, for all to read; a link of the image at this place (systemd's resolv.conf) becomes a file."""
        url = f"/instances/{quote(name)}/files"
        headers = {
            f"X-{brand}-{key}": value
            for brand in shape.BRANDS
            for key, value in {"uid": "0", "gid": "0", "mode": "0644", "type": "file", "write": "overwrite"}.items()
        }
        try:
            self.link.raw("DELETE", url, params={"path": path}, absent=True)
        except EngineError as error:
            if "does not exist" not in error.message and "not found" not in error.message.lower():
                raise
        self.link.raw("POST", url, params={"path": path}, data=text.encode(), headers=headers)

    def write_file(self, container: str, path: str, text: str) -> None:
        """Raises EngineError."""
        self._write_file(str(self._instance(container)["name"]), path, text)

    def stat_file(self, container: str, path: str) -> Json | None:
        """What lies at a path: name, mode (Go's bits of a folder); None: nothing. Size and target are not told by the server."""
        answer = self.link.raw(
            "GET", f"{self.path_of(container)}/files", params={"path": path}, absent=True, stream=True
        )
        if answer is None:
            return None
        try:
            mode = int(shape.header(answer.headers, "mode") or "0", 8)
            folder = shape.header(answer.headers, "type") == "directory"
            size = int(answer.headers.get("Content-Length") or 0)
        finally:
            answer.close()
        bits = stat.S_IMODE(mode) | (1 << 31 if folder else 0)
        return {"name": os.path.basename(path), "size": size, "mode": bits, "linkTarget": ""}

    def read_file(self, container: str, path: str, most: int = MOST_FILE) -> bytes:
        """A file's first bytes, at most so many. Raises EngineError, kind `not_found` if it is not there."""
        answer = self.link.raw("GET", f"{self.path_of(container)}/files", params={"path": path}, stream=True)
        assert answer is not None
        try:
            if shape.header(answer.headers, "type") != "file":
                return b""
            return bytes(answer.raw.read(most))
        finally:
            answer.close()

    def user(self, container: str, name: str) -> users.User:
        """Who is meant inside, as the image's own files tell it. Raises EngineError."""
        try:
            passwd, group = (self._text(container, path) for path in ("/etc/passwd", "/etc/group"))
            return users.wanted(name, passwd, group)
        except users.Unknown as error:
            words = _("There is no user or group «%(name)s» in the container.")
            raise EngineError("other", f"unknown user {error}", words % {"name": error}) from error

    def _text(self, container: str, path: str) -> str:
        """A file's; empty: there is none."""
        try:
            return self.read_file(container, path).decode("utf-8", "replace")
        except EngineError as error:
            if error.kind != "not_found":
                raise
            return ""

    def export_root(self, container: str, mark: str, out: IO[bytes], told: Callable[[int], None]) -> None:
        """Writes a unified image of its root, volumes left out, while it runs. Raises EngineError, and whatever `told` raises."""
        publishing.export_root(self.link, str(self._instance(container)["name"]), mark, out, told)
