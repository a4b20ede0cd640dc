"""An image into a registry by its own API, without an engine: blobs by digest, then the manifest that names them.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urljoin, urlsplit

import urllib3
from django.utils.translation import gettext as _

from builds.registry import Client, RegistryError

TIMEOUT = urllib3.Timeout(connect=5.0, read=100.0)  # seconds; a registry reads a large blob again before it answers
PIECE = 1 << 20
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
Told = Callable[[int], None]


@dataclass(frozen=True)
class Blob:
    digest: str
    size: int  # bytes
    kind: str  # media type


@dataclass(frozen=True)
class Pushed:
    digest: str  # of the manifest
    config: Blob
    layer: Blob


class _Read:
    """A body that tells how far it was read; `told` may raise, which ends the request."""

    def __init__(self, file: IO[bytes], told: Told) -> None:
        self._file, self._told, self._done = file, told, 0

    def read(self, size: int = PIECE) -> bytes:
        piece = self._file.read(min(size, PIECE) if size > 0 else PIECE)
        self._done += len(piece)
        self._told(self._done)
        return piece


class Uploads:
    """Uploads into one repository of a registry. Raises RegistryError, and whatever `told` raises."""

    def __init__(self, client: Client, repository: str) -> None:
        self.client, self.path = client, client.path(repository)
        self.scope = f"repository:{self.path}:pull,push"

    def image(self, tag: str, layer: Path, digest: str, config: bytes, told: Told = lambda done: None) -> Pushed:
        """Pushes a one-layer image. Safe to repeat: what is there already is not sent again."""
        body = Blob(digest, layer.stat().st_size, LAYER)
        about = Blob(f"sha256:{hashlib.sha256(config).hexdigest()}", len(config), CONFIG)
        with layer.open("rb") as file:
            self.blob(body, file, told)
        self.blob(about, io.BytesIO(config), lambda done: None)
        manifest = json.dumps({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": {"mediaType": about.kind, "size": about.size, "digest": about.digest},
            "layers": [{"mediaType": body.kind, "size": body.size, "digest": body.digest}],
        }).encode()  # fmt: skip
        answer = self._ask("PUT", f"{self.client.base}/v2/{self.path}/manifests/{tag}", manifest, MANIFEST)
        self.client._expect(answer, 201, 202)
        named = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
        said = answer.headers.get("Docker-Content-Digest") or named
        if said != named:
            raise RegistryError(
                "other", _("%s keeps the manifest under another digest than its own.") % self.client.name
            )
        return Pushed(named, about, body)

    def blob(self, blob: Blob, file: IO[bytes], told: Told) -> None:
        """One blob, unless it is there."""
        base = f"{self.client.base}/v2/{self.path}/blobs"
        answer = self._ask("HEAD", f"{base}/{blob.digest}")
        if answer.status in {200, 307, 302, 303, 308}:
            told(blob.size)
            return
        if answer.status != 404:
            self.client._expect(answer, 200)
        answer = self._ask("POST", f"{base}/uploads/")
        self.client._expect(answer, 202)
        place = urljoin(f"{base}/uploads/", answer.headers.get("Location", ""))
        place += f"{'&' if '?' in place else '?'}digest={blob.digest}"
        # A registry may have its uploads go elsewhere; credentials stay with it.
        same = urlsplit(place)[:2] == urlsplit(self.client.base)[:2]
        headers = self.client._authorization(self.scope) if same else {}
        headers |= {"Content-Type": "application/octet-stream", "Content-Length": str(blob.size)}
        answer = self._send("PUT", place, headers, _Read(file, told))
        self.client._expect(answer, 201, 204)

    def _ask(self, method: str, url: str, body: bytes = b"", kind: str = "") -> Any:
        """A small request, asked again with a token where the registry wants one."""
        more = {"Content-Type": kind} if kind else {}
        answer = self._send(method, url, {**more, **self.client._authorization(self.scope)}, body)
        challenge = answer.headers.get("WWW-Authenticate", "")
        if answer.status == 401 and challenge.lower().startswith("bearer"):
            self.client.tokens[self.scope] = self.client._token(challenge, self.scope)
            answer = self._send(method, url, {**more, **self.client._authorization(self.scope)}, body)
        return answer

    def _send(self, method: str, url: str, headers: dict[str, str], body: Any) -> Any:
        return self.client._send(method, url, headers, body=body, timeout=TIMEOUT)
