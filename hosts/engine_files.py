"""What lies in containers of an engine, running or not."""

from __future__ import annotations

import base64
import json
import tarfile
from collections.abc import Callable
from typing import IO

from hosts.engine_body import Json
from hosts.engine_errors import from_exception
from hosts.engine_link import BROKEN, SILENCE_SECONDS, Link


class WithFiles(Link):
    """Files of containers, by their archives."""

    def stat_file(self, container: str, path: str) -> Json | None:
        """What lies at a path of a container, running or not: name, size, mode (Go's bits), linkTarget; None: nothing."""
        url = f"/containers/{container}/archive"
        answer = self.call("HEAD", url, params={"path": path}, accept=[404])
        head = answer.headers.get("X-Docker-Container-Path-Stat")
        if answer.status_code == 404 or not head:
            return None
        return dict(json.loads(base64.b64decode(head)))

    def read_file(self, container: str, path: str, most: int = 1 << 20) -> bytes:
        """A file's first bytes, at most so many. Links are followed. Raises EngineError, kind `not_found` if it is not there."""
        # Read from the socket as it comes: an engine that is free to would pack it.
        plain = {"Accept-Encoding": "identity"}
        url = f"/containers/{container}/archive"
        answer = self.call("GET", url, params={"path": path}, stream=True, headers=plain)
        try:
            with tarfile.open(fileobj=answer.raw, mode="r|") as tar:
                member = tar.next()
                found = tar.extractfile(member) if member is not None and member.isfile() else None
                return found.read(most) if found is not None else b""
        except (tarfile.TarError, *BROKEN) as error:
            raise from_exception(error, self.where) from error
        finally:
            answer.close()

    def export_root(self, container: str, mark: str, out: IO[bytes], told: Callable[[int], None]) -> None:
        """Writes a tarball of its files, volumes left out, while it runs. Raises EngineError, and whatever `told` (bytes so far) raises.

        `mark`: what somebody who died at it left there has it; here nothing is left.
        """
        with self.call("GET", f"/containers/{container}/export", stream=True, timeout=SILENCE_SECONDS) as answer:
            pieces, done = answer.iter_content(1 << 20), 0
            while True:
                try:
                    piece = next(pieces, b"")
                except BROKEN as error:
                    raise from_exception(error, self.where) from error
                if not piece:
                    return
                out.write(piece)
                done += len(piece)
                told(done)
