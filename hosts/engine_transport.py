"""How the platform reaches an engine: Unix socket, TCP with mutual TLS, SSH. Nothing of the environment counts."""

from __future__ import annotations

import socket
import ssl
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import docker
import requests
import requests.adapters
from django.utils.translation import gettext as _
from urllib3.connection import HTTPConnection

from hosts.engine_address import POOL, ConnectionSpec
from hosts.engine_errors import EngineError
from hosts.engine_ssh import SshAdapter
from hosts.ssh import KEEPALIVE


class Client(docker.APIClient):
    """docker-py's client, with an adapter of ours, and deaf to REQUESTS_CA_BUNDLE, proxies and netrc."""

    def __init__(self, spec: ConnectionSpec, api_version: str, timeout: float) -> None:
        if spec.kind == "local":
            super().__init__(base_url=spec.full, version=api_version, timeout=timeout, max_pool_size=POOL)
        else:
            # docker-py makes no request here, because a version is given.
            super().__init__(base_url="http://localhost:2375", version=api_version, timeout=timeout)
            adapter = TlsAdapter(tls_context(spec)) if spec.kind == "tcp" else SshAdapter(spec)
            scheme = "https" if spec.kind == "tcp" else "http+docker"
            self.mount(f"{scheme}://", adapter)
            self._custom_adapter = adapter
            self.base_url = f"https://{spec.full.partition('://')[2]}" if spec.kind == "tcp" else "http+docker://ssh"
        self.trust_env = False
        self.proxies: dict[str, str] = {}

    def ask(
        self,
        method: str,
        url: str,
        *,
        params: Any = None,
        data: Any = None,
        json: Any = None,
        headers: Any = None,
        stream: bool = False,
        timeout: Any = None,
    ) -> requests.Response:
        """One request without what a browser would add (cookies, netrc, redirects, hooks): that took half of its CPU time."""
        made = requests.PreparedRequest()
        made.prepare(method, url, {**self.headers, **(headers or {})}, None, data, params, json=json)
        answer: requests.Response = self.get_adapter(url).send(made, stream=stream, timeout=timeout)
        if not stream:
            answer.content  # noqa: B018  read now, so that its connection is free again
        return answer

    def use_version(self, api_version: str) -> None:
        self._version = api_version


class TlsAdapter(requests.adapters.HTTPAdapter):
    """Connections of one ready SSL context; neither files nor bundles are looked up for a request."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(pool_connections=2, pool_maxsize=POOL)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        options["socket_options"] = [*HTTPConnection.default_socket_options, *KEEPALIVE]
        super().init_poolmanager(connections, maxsize, block, ssl_context=self._context, **options)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Nothing to look up: the context verifies."""

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> tuple[Any, Any]:
        parts = urlsplit(request.url)
        return {"scheme": parts.scheme, "host": parts.hostname, "port": parts.port}, {"ssl_context": self._context}


def tls_context(spec: ConnectionSpec) -> ssl.SSLContext:
    """A context for mutual TLS. Raises EngineError if a PEM text cannot be used, saying which."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if spec.ca.strip():
            context.load_verify_locations(cadata=spec.ca)
        else:
            context.load_default_certs()
    except (ssl.SSLError, ValueError) as error:
        raise EngineError("tls", str(error), _("The CA certificate is not a certificate in PEM form.")) from error
    if spec.cert.strip() or spec.key.strip():
        _load_chain(context, spec)
    return context


def _no_password() -> str:
    raise EngineError("tls", "encrypted key", _("The client key is protected by a password: give it without one."))


def _load_chain(context: ssl.SSLContext, spec: ConnectionSpec) -> None:
    # OpenSSL reads a chain only from files: they exist for a moment, in a folder that only this user may enter.
    with tempfile.TemporaryDirectory(prefix="xq-tls-") as folder:
        cert, key = Path(folder, "cert.pem"), Path(folder, "key.pem")
        for path, text in ((cert, spec.cert), (key, spec.key)):
            path.touch(mode=0o600)
            path.write_text(text.strip() + "\n")
        try:
            context.load_cert_chain(cert, key, password=_no_password)
        except (ssl.SSLError, OSError) as error:
            if "KEY_VALUES_MISMATCH" in str(error):
                words = _("The client key does not belong to the client certificate.")
            else:
                words = _("The client certificate or its key is not in PEM form.")
            raise EngineError("tls", str(error), words) from error


def abort(response: requests.Response) -> None:
    """Break a stream off from another thread: whoever reads it wakes up at once."""
    raw = getattr(response.raw, "_fp", None)
    reader = getattr(raw, "fp", None)
    inner = getattr(reader, "raw", None)
    sock = getattr(inner, "_sock", None) or getattr(reader, "channel", None)
    if sock is None:
        connection = getattr(response.raw, "_connection", None)
        sock = getattr(connection, "sock", None)
    if sock is not None:
        try:
            sock.shutdown(socket.SHUT_RDWR) if hasattr(sock, "shutdown") else sock.close()
        except OSError:
            return
