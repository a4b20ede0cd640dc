"""The edge to registries: the HTTP API v2, with timeouts, and errors that say what to do.

The environment (proxies, CA bundles) does not count: a registry is a neighbour, and its CA is part of its row.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import urllib3
from django.utils.translation import gettext as _

from builds.models import Registry
from hosts.engine import Auth
from xqplatform.outgoing.gate import found_in

TIMEOUT = urllib3.Timeout(connect=5.0, read=20.0)  # seconds
MANIFESTS = ", ".join(
    [
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.index.v1+json",
    ]
)
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_ADDRESS = re.compile(
    r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::(?P<port>\d{1,5}))?"
    r"(?P<prefix>(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*)",
    re.ASCII,
)
_PIECE = 1 << 20
_LARGEST = 8 << 20  # bytes of an answer


class RegistryError(Exception):
    """kind: unreachable, tls, denied, forbidden, not_found, not_a_registry, no_deletes, other. `retry`: it may work later."""

    def __init__(self, kind: str, message: str, *, retry: bool = False) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.retry = retry


@dataclass(frozen=True)
class Layer:
    digest: str
    size: int  # bytes, compressed
    diff: str = ""  # digest of its content, uncompressed; only where it was asked for


@dataclass(frozen=True)
class Manifest:
    digest: str
    size: int  # bytes of all layers and the config, compressed
    layers: list[Layer] = field(default_factory=list)
    config: str = ""


def check_address(address: str) -> str | None:
    """Why this cannot be a registry's address, or None."""
    found = _ADDRESS.fullmatch(address)
    if found is None or (found["port"] and not 0 < int(found["port"]) < 65536):
        return _(
            "An address is HOST[:PORT][/prefix], without https:// and in lower case, such as registry.example.com:5000/team."
        )
    if not found["port"] and "." not in found["host"] and found["host"] != "localhost":
        # An engine reads a first part without dot and port as a folder of Docker Hub.
        return _("The host needs a dot or a port, else engines take it for a folder of Docker Hub.")
    return None


def auth_of(registry: Registry | None) -> Auth | None:
    """What an engine needs to pull from and push to it; None for a registry without users."""
    if registry is None or not registry.username:
        return None
    return Auth(registry.username, registry.password, registry.address.partition("/")[0])


class Client:
    """One registry. Every call has a timeout and raises RegistryError."""

    def __init__(self, registry: Registry) -> None:
        host, _slash, self.prefix = registry.address.partition("/")
        if host in {"docker.io", "index.docker.io"}:
            host = "registry-1.docker.io"
        self.name = registry.address
        self.base = f"{'http' if registry.insecure else 'https'}://{host}"
        self.insecure = registry.insecure
        self.user, self.password = registry.username, registry.password
        options: dict[str, Any] = {}
        if not registry.insecure:
            try:
                context = ssl.create_default_context()
                if registry.ca.strip():
                    context.load_verify_locations(cadata=registry.ca)
            except (ssl.SSLError, ValueError) as error:
                raise RegistryError("tls", _("The CA certificate of %s cannot be read.") % self.name) from error
            options["ssl_context"] = context
        self.pool = urllib3.PoolManager(timeout=TIMEOUT, retries=False, maxsize=4, **options)
        self.tokens: dict[str, str] = {}

    def path(self, repository: str) -> str:
        return f"{self.prefix}/{repository}" if self.prefix else repository

    def check(self) -> None:
        """That a registry answers and takes the user and password."""
        answer = self._call("GET", "/v2/", scope="")
        if answer.status == 404 or (answer.status == 200 and b"<html" in answer.data[:200].lower()):
            raise RegistryError("not_a_registry", _("%s answers, but is no registry (no /v2/).") % self.name)
        self._expect(answer, 200)

    def contents(self, repository: str, reference: str, architecture: str, *, verify: bool = False) -> Manifest:
        """The same with each layer's `diff`; of an image for several machines that one for `architecture` («amd64»).

        `verify`: what is asked for by digest must have it, as an engine sees to.
        """
        document, _headers = self._manifest(repository, reference, verify)
        try:
            for entry in document.get("manifests", []):
                if entry["platform"]["os"] == "linux" and entry["platform"]["architecture"] == architecture:
                    reference = str(entry["digest"])
                    break
            else:
                if "manifests" in document:
                    words = _("%(name)s has no image for %(machine)s there.")
                    raise RegistryError("not_found", words % {"name": self.name, "machine": architecture})
            found = self.manifest(repository, reference, verify)
            data = self.verified(repository, found.config) if verify else self._blob(repository, found.config).data
            diffs = [str(one) for one in json.loads(data)["rootfs"]["diff_ids"]]
            layers = [replace(one, diff=diff) for one, diff in zip(found.layers, diffs, strict=True)]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RegistryError("other", _("%s sent a manifest that cannot be read.") % self.name) from error
        return replace(found, layers=layers)

    def _blob(self, repository: str, digest: str) -> Any:
        """A small blob. Many registries send for it to a store beside them, which gets no credentials."""
        scope = f"repository:{self.path(repository)}:pull"
        path = f"/v2/{self.path(repository)}/blobs/{digest}"
        answer = self._call("GET", path, scope)
        if answer.status in {302, 303, 307, 308}:
            answer = self._send("GET", urljoin(self.base + path, answer.headers.get("Location", "")), {})
        self._expect(answer, 200)
        return answer

    def download(self, repository: str, layer: Layer, path: Path, told: Callable[[int], None]) -> None:
        """A layer into a file, its digest checked; `told` hears of every MiB. Raises RegistryError, OSError, whatever `told` raises."""
        place = f"/v2/{self.path(repository)}/blobs/{layer.digest}"
        url, scope = self.base + place, f"repository:{self.path(repository)}:pull"
        answer = self._open(url, self._authorization(scope))
        try:
            if answer.status == 401 and answer.headers.get("WWW-Authenticate", "").lower().startswith("bearer"):
                answer.release_conn()
                self.tokens[scope] = self._token(answer.headers["WWW-Authenticate"], scope)
                answer = self._open(url, self._authorization(scope))
            if answer.status in {302, 303, 307, 308}:
                answer.release_conn()
                answer = self._open(urljoin(url, answer.headers.get("Location", "")), {})
            self._expect(_Answer(answer.status, answer.headers, b""), 200)
            digest, done = hashlib.sha256(), 0
            with path.open("wb") as file:
                while piece := self._piece(answer):
                    done += len(piece)
                    if done > layer.size:
                        raise RegistryError("other", _("%s sent too large an answer.") % self.name)
                    digest.update(piece)
                    file.write(piece)
                    told(done)
        finally:
            answer.release_conn()
        if f"sha256:{digest.hexdigest()}" != layer.digest:
            words = _("%(name)s sent something else than what was asked for by its digest: %(digest)s.")
            raise RegistryError("other", words % {"name": self.name, "digest": layer.digest}, retry=True)

    def _open(self, url: str, headers: dict[str, str]) -> Any:
        """An answer whose body is still to be read."""
        try:
            return self.pool.request(method="GET", url=url, headers=headers, redirect=False, preload_content=False)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._unreachable(error) from error

    def _piece(self, answer: Any) -> bytes:
        try:
            return bytes(answer.read(_PIECE))
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._unreachable(error) from error

    def verified(self, repository: str, digest: str) -> bytes:
        """A small blob that has its digest. Raises RegistryError."""
        data = bytes(self._blob(repository, digest).data)
        self._check(digest, data)
        return data

    def _check(self, digest: str, data: bytes) -> None:
        if f"sha256:{hashlib.sha256(data).hexdigest()}" != digest:
            words = _("%(name)s sent something else than what was asked for by its digest: %(digest)s.")
            raise RegistryError("other", words % {"name": self.name, "digest": digest})

    def manifest(self, repository: str, reference: str, verify: bool = False) -> Manifest:
        """What the registry holds under a tag or digest. Raises RegistryError of kind not_found."""
        content, headers = self._manifest(repository, reference, verify)
        try:
            layers = [Layer(layer["digest"], int(layer["size"])) for layer in content.get("layers", [])]
            config = content.get("config") or {}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RegistryError("other", _("%s sent a manifest that cannot be read.") % self.name) from error
        size = sum(layer.size for layer in layers) + int(config.get("size") or 0)
        digest = headers.get("Docker-Content-Digest") or (reference if ":" in reference else "")
        return Manifest(digest, size, layers, str(config.get("digest") or ""))

    def _manifest(self, repository: str, reference: str, verify: bool = False) -> tuple[Any, Any]:
        """A manifest as it came, and its headers."""
        scope = f"repository:{self.path(repository)}:pull"
        answer = self._call("GET", f"/v2/{self.path(repository)}/manifests/{reference}", scope, {"Accept": MANIFESTS})
        self._expect(answer, 200)
        if verify and ":" in reference:
            self._check(reference, answer.data)
        try:
            return json.loads(answer.data), answer.headers
        except ValueError as error:
            raise RegistryError("other", _("%s sent a manifest that cannot be read.") % self.name) from error

    def delete(self, repository: str, digest: str) -> bool:
        """Deletes a manifest; False when it was gone already."""
        scope = f"repository:{self.path(repository)}:pull,push,delete"
        answer = self._call("DELETE", f"/v2/{self.path(repository)}/manifests/{digest}", scope)
        if answer.status == 404:
            return False
        if answer.status == 405 or b"UNSUPPORTED" in answer.data[:2000]:
            raise RegistryError(
                "no_deletes",
                _("%s does not allow deletes. Its administrator can allow them (storage.delete.enabled).") % self.name,
            )
        self._expect(answer, 200, 202, 204)
        return True

    # the wire

    def _call(self, method: str, path: str, scope: str, headers: dict[str, str] | None = None) -> Any:
        sent = {**(headers or {}), **self._authorization(scope)}
        answer = self._send(method, self.base + path, sent)
        if answer.status == 401:
            challenge = answer.headers.get("WWW-Authenticate", "")
            if challenge.lower().startswith("bearer"):
                self.tokens[scope] = self._token(challenge, scope)
                return self._send(method, self.base + path, {**(headers or {}), **self._authorization(scope)})
        return answer

    def _authorization(self, scope: str) -> dict[str, str]:
        if scope in self.tokens:
            return {"Authorization": f"Bearer {self.tokens[scope]}"}
        return self._basic()

    def _basic(self) -> dict[str, str]:
        if not self.user:
            return {}
        return {"Authorization": "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()}

    def _token(self, challenge: str, scope: str) -> str:
        parts = dict(_CHALLENGE.findall(challenge))
        realm = urljoin(self.base, parts.get("realm", ""))
        if urlsplit(realm).scheme != "https" and not self.insecure:
            raise RegistryError("denied", _("%s sends for its tokens to a place without TLS.") % self.name)
        query = {"service": parts.get("service", ""), "scope": scope or parts.get("scope", "")}
        query = {key: value for key, value in query.items() if value}
        answer = self._send("GET", f"{realm}{'&' if '?' in realm else '?'}{urlencode(query)}", self._basic())
        self._expect(answer, 200)
        try:
            content = json.loads(answer.data)
            return str(content.get("token") or content["access_token"])
        except (ValueError, KeyError, AttributeError) as error:
            raise RegistryError("other", _("%s sent a token that cannot be read.") % self.name) from error

    def _send(
        self, method: str, url: str, headers: dict[str, str], *, body: Any = None, timeout: urllib3.Timeout = TIMEOUT
    ) -> Any:
        try:
            # A redirect is not followed: credentials stay with the registry.
            answer = self.pool.request(
                method, url, headers=headers, body=body, timeout=timeout, redirect=False, preload_content=False
            )
            try:
                data = answer.read(_LARGEST + 1)
            finally:
                answer.release_conn()
        except urllib3.exceptions.SSLError as error:
            raise RegistryError("tls", _tls_sentence(self.name, str(error))) from error
        except urllib3.exceptions.TimeoutError as error:
            if isinstance(error, urllib3.exceptions.NewConnectionError):  # calls itself a timeout, and is none
                raise self._unreachable(error) from error
            raise RegistryError("unreachable", _("%s did not answer in time.") % self.name, retry=True) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._unreachable(error) from error
        if len(data) > _LARGEST:
            raise RegistryError("other", _("%s sent too large an answer.") % self.name)
        return _Answer(answer.status, answer.headers, data)

    def _unreachable(self, error: Exception) -> RegistryError:
        forbidden = found_in(error)
        if forbidden is not None:
            return RegistryError("forbidden", str(forbidden))
        text = str(error).lower()
        words = _("the connection is refused") if "refused" in text else type(error).__name__
        if "resolve" in text or "name or service" in text:
            words = _("its name is not known")
        sentence = _("%(name)s cannot be reached: %(words)s.") % {"name": self.name, "words": words}
        return RegistryError("unreachable", sentence, retry=True)

    def _expect(self, answer: Any, *good: int) -> None:
        if answer.status in good:
            return
        words = _error_words(answer.data)
        if answer.status in {401, 403}:
            raise RegistryError(
                "denied", _("%s refuses the user or password.") % self.name + (f" ({words})" if words else "")
            )
        if answer.status == 404:
            raise RegistryError("not_found", _("%s does not have it.") % self.name)
        raise RegistryError(
            "other",
            _("%(name)s answered %(status)s. %(words)s") % {"name": self.name, "status": answer.status, "words": words},
            retry=answer.status >= 500 or answer.status == 429,
        )


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: Any
    data: bytes


def _error_words(data: bytes) -> str:
    try:
        return "; ".join(str(e.get("message") or e.get("code")) for e in json.loads(data)["errors"])[:300]
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""


def _tls_sentence(name: str, words: str) -> str:
    if "expired" in words:
        return _("The certificate of %s has expired.") % name
    if "self-signed" in words or "unable to get local issuer" in words or "self signed" in words:
        return _("The certificate of %s is not signed by a known CA: give its CA certificate.") % name
    if "mismatch" in words or "doesn't match" in words or "not valid for" in words:
        return _("The certificate of %s is made out for another name.") % name
    if "WRONG_VERSION" in words or "record layer" in words:
        return _("%s speaks plain HTTP, not TLS.") % name
    return _("No TLS with %(name)s: %(words)s") % {"name": name, "words": words[:200]}
