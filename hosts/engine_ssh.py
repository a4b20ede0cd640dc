"""An engine reached by SSH: HTTP through channels of one connection."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import paramiko
from django.utils.translation import gettext as _
from docker.transport.basehttpadapter import BaseHTTPAdapter
from docker.transport.sshconn import SSHConnection, SSHConnectionPool

from hosts.engine_address import POOL, ConnectionSpec, port_of
from hosts.engine_errors import EngineError, Kind
from hosts.ssh import CONNECT_SECONDS, Login, SshError, open_transport

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
            port_of(self._spec.full) or 22,
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
