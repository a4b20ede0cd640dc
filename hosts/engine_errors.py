"""What can go wrong with an engine, as one type with a kind, and a sentence that a person can act on."""

from __future__ import annotations

import errno
import re
import socket
import ssl
from collections.abc import Iterator
from typing import Literal

import docker.errors
import requests.exceptions
import urllib3.exceptions
from django.utils.translation import gettext as _

from xqplatform.outgoing.gate import ForbiddenAddress

Kind = Literal[
    "refused", "timeout", "tls", "expired", "forbidden", "api_too_old", "not_found", "conflict", "no_space",
    "unreachable", "registry", "not_docker", "name", "other",
]  # fmt: skip

# Worth another try later: the cause is outside and may pass.
PASSING = {"refused", "timeout", "unreachable", "registry"}
# The engine could not be asked at all, in contrast to: it answered, and said no.
OUT_OF_REACH = {"refused", "timeout", "tls", "expired", "unreachable", "name", "not_docker"}


class EngineError(Exception):
    """An engine did not do what was asked.

    `message` is the cause in the engine's or the library's own words (for logs), `words` a sentence for people,
    `retry` whether the same call may succeed later without anybody changing anything.
    """

    def __init__(self, kind: Kind, message: str, words: str = "", retry: bool | None = None) -> None:
        super().__init__(message)
        self.kind: Kind = kind
        self.message = message
        self.words = words or message
        self.retry = kind in PASSING if retry is None else retry

    def __str__(self) -> str:
        return self.words

    def __reduce__(self) -> tuple[type[EngineError], tuple[Kind, str, str, bool]]:
        return EngineError, (self.kind, self.message, self.words, self.retry)

    @property
    def out_of_reach(self) -> bool:
        """Whether the engine was not reached (nothing is known about what it did), rather than refusing."""
        return self.kind in OUT_OF_REACH


def causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and everything it wraps, the outermost first."""
    seen: set[int] = set()
    todo: list[object] = [error]
    while todo:
        one = todo.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        todo += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]


CERTIFICATE_ALERTS = ("BAD_CERTIFICATE", "CERTIFICATE_REQUIRED", "UNKNOWN_CA", "CERTIFICATE_UNKNOWN", "HANDSHAKE_FAILURE",
                      "ACCESS_DENIED", "UNSUPPORTED_CERTIFICATE", "CERTIFICATE_REVOKED")  # fmt: skip


def from_exception(error: BaseException, where: str) -> EngineError:
    """Say what a failed connection to `where` (a host's name or address) means."""
    if isinstance(error, EngineError):
        return error
    chain = list(causes(error))
    text = str(error) or type(error).__name__
    for one in chain:
        if isinstance(one, EngineError):
            return one
        if isinstance(one, ssl.SSLError):
            return _tls(one, where)
        if isinstance(one, ForbiddenAddress):
            return EngineError("forbidden", text, str(one))
    for one in chain:
        if isinstance(one, socket.gaierror | urllib3.exceptions.NameResolutionError):
            return EngineError(
                "name", text, _("The name of %(where)s does not resolve to an address.") % {"where": where}
            )
    for one in chain:
        if isinstance(one, OSError) and one.errno:
            found = _os_error(one, text, where)
            if found:
                return found
    for one in chain:
        # (A NewConnectionError of urllib3 calls itself a timeout and is none.)
        late = isinstance(one, TimeoutError | urllib3.exceptions.TimeoutError)
        if late and not isinstance(one, urllib3.exceptions.NewConnectionError):
            return EngineError("timeout", text, _("%(where)s did not answer in time.") % {"where": where})
    if any(
        isinstance(one, docker.errors.DockerException | requests.exceptions.InvalidURL | ValueError) for one in chain
    ):
        network = requests.exceptions.ConnectionError | urllib3.exceptions.HTTPError
        if not any(isinstance(one, network) for one in chain):
            words = _("%(where)s cannot be used as an engine: %(text)s")
            return EngineError("other", text, words % {"where": where, "text": text})
    return EngineError(
        "unreachable", text, _("The connection to %(where)s broke off: %(text)s") % {"where": where, "text": text}
    )


def _os_error(error: OSError, text: str, where: str) -> EngineError | None:
    if error.errno == errno.ECONNREFUSED:
        return EngineError(
            "refused", text, _("%(where)s refused the connection: no engine listens there.") % {"where": where}
        )
    if error.errno in {errno.EACCES, errno.EPERM}:
        words = _("No right to use the socket of %(where)s: the platform's user must belong to its group.")
        return EngineError("forbidden", text, words % {"where": where})
    if error.errno == errno.ENOENT:
        return EngineError(
            "refused", text, _("There is no socket at %(where)s: the engine does not run.") % {"where": where}
        )
    if error.errno in {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN}:
        return EngineError(
            "unreachable", text, _("No way leads to %(where)s: it is off or cut off.") % {"where": where}
        )
    if error.errno in {errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED}:
        return EngineError("unreachable", text, _("%(where)s closed the connection.") % {"where": where})
    return None


def _tls(error: ssl.SSLError, where: str) -> EngineError:
    reason = (error.reason or str(error)).upper()
    text = str(error)
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in {9, 10}:
            words = _(
                "The certificate of %(where)s has expired or is not yet valid (or this machine's clock is wrong)."
            )
            return EngineError("expired", text, words % {"where": where})
        if error.verify_code in {62, 63, 64}:
            words = _("The certificate of %(where)s was issued for another name or address.")
            return EngineError("tls", text, words % {"where": where})
        words = _("The certificate of %(where)s was not signed by the given CA: wrong CA, or another machine answers.")
        return EngineError("tls", text, words % {"where": where})
    if "CERTIFICATE_EXPIRED" in reason:
        words = _("%(where)s says that the platform's client certificate has expired.")
        return EngineError("expired", text, words % {"where": where})
    if any(alert in reason for alert in CERTIFICATE_ALERTS):
        words = _(
            "%(where)s does not accept the platform's client certificate: another CA signed it, or it is missing."
        )
        return EngineError("tls", text, words % {"where": where})
    if "WRONG_VERSION_NUMBER" in reason or "RECORD_LAYER" in reason or "HTTP_REQUEST" in reason:
        return EngineError("tls", text, _("%(where)s answers without TLS on this port.") % {"where": where})
    if "EOF" in reason:
        return EngineError("unreachable", text, _("%(where)s closed the connection.") % {"where": where})
    return EngineError("tls", text, _("TLS with %(where)s failed: %(text)s") % {"where": where, "text": text})


NO_SPACE = re.compile(r"no space left on device|disk quota exceeded", re.I)
TAKEN = re.compile(
    r"address already in use|is already in use|already exists|already allocated|has active endpoints", re.I
)
TOO_OLD = re.compile(r"client version \S+ is too (old|new)", re.I)


def from_response(status: int, message: str, where: str) -> EngineError:
    """Say what an error answer of an engine means."""
    if NO_SPACE.search(message):
        return EngineError(
            "no_space", message, _("The disk of %(where)s is full: %(text)s") % {"where": where, "text": message}
        )
    kind: Kind = "other"
    if status == 404:
        kind = "not_found"
    elif status == 409 or TAKEN.search(message):
        kind = "conflict"
    elif status in {401, 403}:
        kind = "forbidden"
    elif TOO_OLD.search(message):
        kind = "api_too_old"
    words = _("%(where)s: %(text)s") % {"where": where, "text": message or f"HTTP {status}"}
    return EngineError(kind, message or f"HTTP {status}", words, retry=status in {502, 503, 504})


DENIED = re.compile(r"unauthorized|denied|authentication required|no basic auth", re.I)
ABSENT = re.compile(
    r"manifest unknown|manifest for .* not found|name unknown|repository .* not found|does not exist", re.I
)


def from_transfer(message: str, where: str, ref: str) -> EngineError:
    """Say why an engine could not pull or push `ref`."""
    values = {"where": where, "text": message, "ref": ref}
    if NO_SPACE.search(message):
        return from_response(500, message, where)
    if ABSENT.search(message):
        return EngineError("not_found", message, _("%(ref)s is not in the registry (asked by %(where)s).") % values)
    if DENIED.search(message):
        return EngineError("forbidden", message, _("The registry refuses %(ref)s to %(where)s: %(text)s") % values)
    return EngineError("registry", message, _("%(where)s and the registry, %(ref)s: %(text)s") % values)
