"""Opening an SSH connection: the key, the pinned host key, and what each failure means. Engines and shells stand on it."""

from __future__ import annotations

import base64
import errno
import hashlib
import io
import logging
import socket
from dataclasses import dataclass
from typing import Literal

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from django.utils.translation import gettext as _

from xqplatform.outgoing.gate import ForbiddenAddress

CONNECT_SECONDS = 5.0
# A peer that vanished (cable, power) must end a silent stream, too: after 15 + 3 × 5 s.
KEEPALIVE = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, getattr(socket, "TCP_KEEPIDLE", 4), 15),
    (socket.IPPROTO_TCP, getattr(socket, "TCP_KEEPINTVL", 5), 5),
    (socket.IPPROTO_TCP, getattr(socket, "TCP_KEEPCNT", 6), 3),
    # The same for a request that was sent and never acknowledged (milliseconds): else it waits out the call's timeout.
    *([(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 20_000)] if hasattr(socket, "TCP_USER_TIMEOUT") else []),
]
Kind = Literal[
    "refused", "timeout", "unreachable", "name", "host_key_changed", "no_key", "denied", "forbidden", "other"
]

logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # what it would log is raised as well


class SshError(Exception):
    """An SSH connection did not come about, or broke. `words`: a sentence for people; `host_key`: the one seen, if any."""

    def __init__(self, kind: Kind, words: str, message: str = "", host_key: str = "") -> None:
        super().__init__(message or words)
        self.kind: Kind = kind
        self.words = words
        self.message = message or words
        self.host_key = host_key

    def __str__(self) -> str:
        return self.words


@dataclass(frozen=True)
class Login:
    """Who logs in where. `host_key`: the pinned one («ssh-ed25519 AAAA…»); empty: whichever answers is taken and told."""

    user: str
    address: str
    port: int
    key: str
    host_key: str = ""
    name: str = ""

    @property
    def where(self) -> str:
        """What sentences call it: the host's name, else its address."""
        return self.name or self.address


def fingerprint(host_key: str) -> str:
    """The fingerprint of «type base64», as `ssh-keygen -l` prints it; empty for an empty key."""
    words = host_key.split()
    if len(words) < 2:
        return ""
    return "SHA256:" + base64.b64encode(hashlib.sha256(base64.b64decode(words[1])).digest()).decode().rstrip("=")


def private_key(text: str) -> paramiko.PKey:
    """The key of a PEM or OpenSSH text. Raises SshError `no_key`."""
    try:
        pem = _as_openssh(text.strip().encode() + b"\n")
    except (TypeError, ValueError, UnsupportedAlgorithm) as error:
        if isinstance(error, TypeError) or "password" in str(error).lower():
            raise SshError("no_key", _("The SSH key is protected by a password: give it without one.")) from error
        raise SshError("no_key", _("The SSH key is not a private key that can be used."), str(error)) from error
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key(io.StringIO(pem))
        except (paramiko.SSHException, ValueError, IndexError):
            continue
    raise SshError("no_key", _("The SSH key is of a kind that is not used any more: make an Ed25519 key."))


def _as_openssh(pem: bytes) -> str:
    """In the one form that paramiko reads of every kind of key."""
    if b"OPENSSH PRIVATE KEY" in pem:
        key = serialization.load_ssh_private_key(pem, password=None)
    else:
        key = serialization.load_pem_private_key(pem, password=None)  # type: ignore[assignment]
    form, plain = serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, plain).decode()


def open_transport(login: Login) -> tuple[paramiko.Transport, str]:
    """A connection that is logged in, and the host key that answered. Raises SshError."""
    key = private_key(login.key)
    values = {"where": login.where, "user": login.user, "port": login.port}
    try:
        sock = socket.create_connection((login.address.strip("[]"), login.port), CONNECT_SECONDS)
    except OSError as error:
        raise _not_reached(error, values) from error
    for option in KEEPALIVE:
        sock.setsockopt(*option)
    transport, seen = paramiko.Transport(sock), ""
    transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = CONNECT_SECONDS * 2
    pinned = login.host_key.split()
    if pinned:
        # Ask the server for a key of the pinned type first: it may have several.
        options = transport.get_security_options()
        wanted = ["rsa-sha2-512", "rsa-sha2-256"] if pinned[0] == "ssh-rsa" else [pinned[0]]
        first = [name for name in options.key_types if name in wanted]
        options.key_types = [*first, *(name for name in options.key_types if name not in first)]
    try:
        transport.start_client(timeout=CONNECT_SECONDS * 2)
        answered = transport.get_remote_server_key()
        seen = f"{answered.get_name()} {answered.get_base64()}"
        if pinned and seen.split() != pinned[:2]:
            words = _(
                "The host key of %(where)s changed: pinned is %(pinned)s, now %(print)s answers. Another machine answers, or it "
                "was set up anew: nothing was sent to it. If you know why, trust the new key."
            )
            prints = {"pinned": fingerprint(login.host_key), "print": fingerprint(seen)}
            raise SshError("host_key_changed", words % {**values, **prints}, "host key changed", seen)
        transport.auth_publickey(login.user, key)
    except paramiko.AuthenticationException as error:
        transport.close()
        words = _(
            "%(where)s does not accept the SSH key for user %(user)s: wrong user, or the key's public half is not in its "
            "authorized_keys."
        )
        raise SshError("denied", words % values, str(error), seen) from error
    except (paramiko.SSHException, EOFError, OSError) as error:
        transport.close()
        text = str(error) or type(error).__name__
        kind: Kind = "timeout" if isinstance(error, TimeoutError) or "timeout" in text.lower() else "other"
        words = _("%(where)s does not speak SSH on this port: %(text)s")
        raise SshError(kind, words % {**values, "text": text}, text, seen) from error
    except BaseException:
        transport.close()
        raise
    transport.set_keepalive(15)
    return transport, seen


def _not_reached(error: OSError, values: dict[str, object]) -> SshError:
    """What it means that no connection came about."""
    text = str(error)
    if isinstance(error, ForbiddenAddress):
        return SshError("forbidden", text, text)
    if isinstance(error, socket.gaierror):
        return SshError("name", _("The name of %(where)s does not resolve to an address.") % values, text)
    if isinstance(error, TimeoutError) or error.errno == errno.ETIMEDOUT:
        return SshError("timeout", _("%(where)s did not answer in time.") % values, text)
    if error.errno == errno.ECONNREFUSED:
        words = _("%(where)s refused the connection: no SSH server listens on port %(port)s.")
        return SshError("refused", words % values, text)
    if error.errno in {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN}:
        return SshError("unreachable", _("No way leads to %(where)s: it is off or cut off.") % values, text)
    return SshError("other", _("%(where)s cannot be reached: %(text)s") % {**values, "text": text}, text)
