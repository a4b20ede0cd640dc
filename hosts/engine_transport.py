"""How the platform reaches an engine: Unix socket, TCP with mutual TLS, SSH. Nothing of the environment counts."""

from __future__ import annotations

import io
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import docker
import paramiko
import requests
import requests.adapters
from django.utils.translation import gettext as _
from docker.transport.basehttpadapter import BaseHTTPAdapter
from docker.transport.sshconn import SSHConnection, SSHConnectionPool
from urllib3.connection import HTTPConnection

from hosts.engine_errors import EngineError, Kind
from hosts.runtimes import TRAITS, Runtime
from hosts.ssh import CONNECT_SECONDS, KEEPALIVE, Login, SshError, fingerprint, open_transport

__all__ = ["CONNECT_SECONDS", "Client", "ConnectionSpec", "SshAdapter", "abort", "fingerprint"]

POOL = 32  # connections kept an engine
# What went wrong with SSH, as kinds of an engine.
SSH_KINDS: dict[str, Kind] = {
    "refused": "refused",
    "timeout": "timeout",
    "unreachable": "unreachable",
    "name": "name",
    "host_key_changed": "tls",
    "no_key": "forbidden",
    "denied": "forbidden",
    "other": "unreachable",
}


@dataclass(frozen=True)
class ConnectionSpec:
    """All that is needed to reach an engine. Certificates and keys are PEM texts.

    url: `unix:///var/run/docker.sock`, `tcp://HOST:PORT` or `ssh://USER@HOST[:PORT]`; the scheme may be left out.
    `ssh_host_key`: the pinned key («ssh-ed25519 AAAA…»); empty: the first one seen is trusted and reported.
    """

    kind: Literal["local", "tcp", "ssh"]
    url: str
    ca: str = ""
    cert: str = ""
    key: str = ""
    ssh_key: str = ""
    ssh_host_key: str = ""
    name: str = ""
    runtime: Runtime = "docker"

    @property
    def where(self) -> str:
        """What sentences call it: the host's name, else its address."""
        return self.name or self.bare

    @property
    def bare(self) -> str:
        """The URL without its scheme."""
        return self.url.partition("://")[2] or self.url

    @property
    def full(self) -> str:
        """The URL with its scheme, and the port where there is a usual one."""
        scheme = {"local": "unix", "tcp": "tcp", "ssh": "ssh"}[self.kind]
        url = f"{scheme}://{self.bare}"
        port = TRAITS[self.runtime].port
        return f"{url}:{port}" if self.kind == "tcp" and _port(url) is None else url


def _port(url: str) -> int | None:
    try:
        return urlsplit(url).port
    except ValueError as error:
        raise EngineError("name", str(error), _("%(url)s is not a valid address.") % {"url": url}) from error


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


class _ChannelReader(io.RawIOBase):
    """What comes through a channel. paramiko's own files have no `read1`, by which answers without a length are read."""

    def __init__(self, channel: paramiko.Channel, done: Callable[[], None]) -> None:
        super().__init__()
        self._sock, self._done = channel, done

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._sock.recv(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._done()


class _ChannelSocket:
    """A channel as http.client wants its socket: closed, it stays open until the answer is read to its end."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel
        self._lock = threading.Lock()
        self._users, self._closed = 1, False

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        with self._lock:
            self._users += 1
        return io.BufferedReader(_ChannelReader(self._channel, self._leave))

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._leave()

    def _leave(self) -> None:
        with self._lock:
            self._users -= 1
            last = self._users == 0
        if last:
            self._channel.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)


class _Connection(SSHConnection):
    def connect(self) -> None:
        super().connect()
        self.sock = _ChannelSocket(self.sock)  # type: ignore[has-type]


class _Pool(SSHConnectionPool):
    def _new_conn(self) -> _Connection:
        return _Connection(self.ssh_transport, self.timeout, self.ssh_host)


class SshAdapter(BaseHTTPAdapter):
    """HTTP over `docker system dial-stdio`, a channel of one SSH connection for each request in flight."""

    def __init__(self, spec: ConnectionSpec) -> None:
        self._spec = spec
        self._lock = threading.Lock()
        self._ssh: paramiko.Transport | None = None
        self._pool: SSHConnectionPool | None = None
        self.host_key = spec.ssh_host_key
        super().__init__()

    def get_connection(self, url: str, proxies: Any = None) -> SSHConnectionPool:
        with self._lock:
            if self._ssh is None or not self._ssh.is_active() or self._pool is None:
                if self._pool is not None:
                    self._pool.close()
                self._ssh = self._open()
                self._pool = _Pool(timeout=60, maxsize=POOL, host=self._spec.bare)
                self._pool.ssh_transport = self._ssh
            return self._pool

    def request_url(self, request: Any, proxies: Any) -> str:
        return str(request.path_url)

    def dial(self) -> paramiko.Channel:
        """A channel of its own to the engine, for one who speaks on it by himself and closes it."""
        self.get_connection("")
        with self._lock:
            ssh = self._ssh
        if ssh is None:
            raise EOFError("closed")
        channel = ssh.open_session(timeout=CONNECT_SECONDS * 2)
        channel.exec_command("docker system dial-stdio")  # a fixed command, its words quoted  # nosec B601
        return channel

    def close(self) -> None:
        with self._lock:
            if self._pool is not None:
                self._pool.close()
            if self._ssh is not None:
                self._ssh.close()
            self._ssh = self._pool = None

    def complaint(self) -> str:
        """What the far side says when `docker` does not answer there (not installed, no right)."""
        with self._lock:
            if self._ssh is None or not self._ssh.is_active():
                return ""
            channel = self._ssh.open_session(timeout=CONNECT_SECONDS)
        channel.settimeout(CONNECT_SECONDS)
        channel.exec_command("docker version --format '{{.Server.Version}}'")  # a fixed command, its words quoted  # nosec B601
        channel.shutdown_write()
        with channel, channel.makefile_stderr("rb") as words:
            return bytes(words.read(4000)).decode("utf-8", "replace").strip()

    def _open(self) -> paramiko.Transport:
        parts = urlsplit(self._spec.full)
        if not parts.username or not parts.hostname:
            raise EngineError("name", self._spec.url, _("An SSH address is written USER@HOST or USER@HOST:PORT."))
        login = Login(
            parts.username,
            parts.hostname,
            _port(self._spec.full) or 22,
            self._spec.ssh_key,
            self._spec.ssh_host_key,
            self._spec.where,
        )
        try:
            transport, self.host_key = open_transport(login)
        except SshError as error:
            self.host_key = error.host_key or self.host_key
            raise EngineError(SSH_KINDS[error.kind], error.message, error.words) from error
        return transport


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
