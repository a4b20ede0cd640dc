"""An SSH server in this process: `docker system dial-stdio` leads to an engine's Unix socket; or commands run for real."""

from __future__ import annotations

import contextlib
import io
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519


def new_key() -> tuple[str, paramiko.Ed25519Key]:
    """A key as text and as object."""
    text = (
        ed25519.Ed25519PrivateKey.generate()
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
        .decode()
    )
    return text, paramiko.Ed25519Key.from_private_key(io.StringIO(text))


@dataclass
class SshServer:
    address: str
    host_key: str
    user_key: str
    connections: list[paramiko.Transport] = field(default_factory=list)
    keys: list[paramiko.Ed25519Key] = field(
        default_factory=list
    )  # of the host: the last one counts for new connections

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def drop(self) -> None:
        """Breaks every connection off."""
        for transport in self.connections:
            transport.close()

    def new_host_key(self) -> str:
        """The machine is «set up anew»; its new key as text."""
        self.keys.append(new_key()[1])
        return f"{self.keys[-1].get_name()} {self.keys[-1].get_base64()}"


class _Session(paramiko.ServerInterface):
    def __init__(self, allowed: paramiko.PKey, target: Path | str | None) -> None:
        self._allowed, self._target = allowed, target

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return paramiko.AUTH_SUCCESSFUL if key == self._allowed else paramiko.AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        threading.Thread(target=self._run, args=(channel, command.decode()), daemon=True).start()
        return True

    def _run(self, channel: paramiko.Channel, command: str) -> None:
        with contextlib.suppress(OSError, EOFError), channel:
            if self._target == RUN:
                _really(channel, command)
                return
            assert not isinstance(self._target, str)
            if self._target is None:
                channel.recv(1)  # the client got the answer to its exec, and sends its request or ends its input
                channel.sendall_stderr(b"sh: docker: not found\n")
                channel.send_exit_status(127)
            elif command == "docker system dial-stdio":
                _pipe(channel, self._target)


def _really(channel: paramiko.Channel, command: str) -> None:
    """Runs it on this machine, both streams and the input as sshd does."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        ["sh", "-c", command], stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr

        def feed() -> None:
            with contextlib.suppress(OSError), process.stdin:  # type: ignore[union-attr]
                while data := channel.recv(65536):
                    process.stdin.write(data)  # type: ignore[union-attr]

        def errors() -> None:
            with contextlib.suppress(OSError):
                while data := process.stderr.read1(65536):  # type: ignore[union-attr, attr-defined]
                    channel.sendall_stderr(data)

        beside = threading.Thread(target=errors, daemon=True)
        beside.start()
        threading.Thread(target=feed, daemon=True).start()
        while data := process.stdout.read1(65536):  # type: ignore[attr-defined]
            channel.sendall(data)
        beside.join()
        code = process.wait()
        if code >= 0:
            channel.send_exit_status(code)


def _pipe(channel: paramiko.Channel, target: Path) -> None:
    with socket.socket(socket.AF_UNIX) as engine:
        engine.connect(str(target))

        def answers() -> None:
            with contextlib.suppress(OSError):
                while data := engine.recv(65536):
                    channel.sendall(data)
            channel.close()

        threading.Thread(target=answers, daemon=True).start()
        while data := channel.recv(65536):
            engine.sendall(data)


RUN = "run"


@contextlib.contextmanager
def ssh_server(target: Path | str | None) -> Iterator[SshServer]:
    """`target`: the engine's socket; None: a machine on which docker is not installed; RUN: commands run here."""
    _host_text, host_key = new_key()
    user_text, user_key = new_key()
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = SshServer(
        f"me@127.0.0.1:{port}", f"{host_key.get_name()} {host_key.get_base64()}", user_text, keys=[host_key]
    )

    def serve() -> None:
        while True:
            try:
                sock, _address = listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(sock)
            transport.add_server_key(server.keys[-1])
            server.connections.append(transport)
            with contextlib.suppress(paramiko.SSHException, EOFError):
                transport.start_server(threading.Event(), _Session(user_key, target))

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield server
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for transport in server.connections:
            transport.close()
