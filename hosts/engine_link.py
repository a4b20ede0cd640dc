"""The one way to an engine: typed calls over docker-py's client, each with a timeout."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import docker.errors
import paramiko
import requests
import urllib3.exceptions
from django.utils.translation import gettext as _

from hosts import engine_calls
from hosts.engine_address import ConnectionSpec
from hosts.engine_body import Json, version_tuple
from hosts.engine_errors import TOO_OLD, EngineError, from_exception, from_response
from hosts.engine_ssh import SshAdapter
from hosts.engine_streams import Stream
from hosts.engine_transport import Client
from hosts.outside import own_calls
from hosts.ssh import CONNECT_SECONDS

OLDEST_API = "1.24"
NEWEST_API = "1.51"  # the newest that this code was written against; a newer engine is spoken to in it
CALL_SECONDS = 30.0
SLOW_SECONDS = 120.0  # create, start, remove: an engine under load takes its time
SILENCE_SECONDS = 900.0  # of a transfer or a build that says nothing
# Everything that a connection may fail with. (Through an SSH channel, paramiko's own errors come out bare.)
BROKEN = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    paramiko.SSHException,
    OSError,
    EOFError,
    ValueError,
)


class Link:
    """A connection to one engine, safe to use from many threads. Methods raise EngineError and nothing else."""

    def __init__(self, spec: ConnectionSpec, api_version: str = "", timeout: float = CALL_SECONDS) -> None:
        """`api_version`: what the inventory knows, so that nothing need be asked; empty: asked before the first call."""
        self.spec = spec
        self.where = spec.where
        self.timeout = timeout
        self._api_version = min(api_version, NEWEST_API, key=version_tuple) if api_version else ""
        self._negotiating = threading.Lock()
        try:
            self.api = Client(spec, self._api_version or OLDEST_API, timeout)
        except (docker.errors.DockerException, ValueError, OSError) as error:
            raise from_exception(error, self.where) from error

    def close(self) -> None:
        self.api.close()

    def _send(self, method: str, url: str, timeout: float | None, repeat: bool, **options: Any) -> requests.Response:
        for attempt in (1, 2):
            try:
                return self.api.ask(method, url, timeout=(min(CONNECT_SECONDS, self.timeout), timeout), **options)
            except BROKEN as error:
                found = from_exception(error, self.where)
                # A kept connection may have died since its last use (the engine was restarted): a new one, once.
                if attempt == 1 and repeat and found.kind == "unreachable":
                    continue
                raise self._explained(found) from error
        raise AssertionError("unreachable")

    def _explained(self, error: EngineError) -> EngineError:
        """Over SSH with what the far machine itself complains about, if it was reached."""
        adapter = self.api._custom_adapter
        if error.kind != "unreachable" or not isinstance(adapter, SshAdapter):
            return error
        try:
            complaint = adapter.complaint()
        except Exception:  # whatever went wrong here, the first error is what counts
            return error
        if not complaint:
            return error
        values = {"where": self.where, "text": complaint, "user": self.spec.bare.rpartition("@")[0]}
        if "permission denied" in complaint.lower():
            words = _(
                "%(user)s has no right to the Docker socket of %(where)s: add it to the group docker there (%(text)s)."
            )
            return EngineError("forbidden", complaint, words % values)
        words = _("SSH to %(where)s works, but Docker does not answer there: %(text)s")
        return EngineError("unreachable", complaint, words % values)

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Json | None = None,
        timeout: float | None = None,
        accept: Iterable[int] = (),
        repeat: bool = True,
        versioned: bool = True,
        noted: bool = False,
        **options: Any,
    ) -> requests.Response:
        """One request. `accept`: error codes that mean «is so already». `repeat`: sending it twice does no harm.

        `timeout`: seconds of silence (default: the engine's own, 0: for ever). `noted`: as the platform's own work, by the caller.
        """
        how = {"params": params, "body": body, "timeout": timeout, "accept": accept, "repeat": repeat, **options}
        if noted:
            return self._call(method, path, versioned=versioned, **how)
        mark = own_calls.begin(self.where, method, path, params, body)
        try:
            return self._call(method, path, versioned=versioned, **how)
        finally:
            own_calls.end(mark)

    def _call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None,
        body: Json | None,
        timeout: float | None,
        accept: Iterable[int],
        repeat: bool,
        versioned: bool,
        **options: Any,
    ) -> requests.Response:
        wait = None if timeout == 0 else timeout or self.timeout
        for attempt in (1, 2):
            version = f"/v{self.api_version}" if versioned else ""
            began = time.time()
            try:
                answer = self._send(
                    method, f"{self.api.base_url}{version}{path}", wait, repeat, params=params, json=body, **options
                )
            except EngineError as error:
                engine_calls.tell(self.where, method, path, params, began=began, status=0, words=error.message)
                raise
            message = _message(answer) if answer.status_code >= 400 else ""
            engine_calls.tell(self.where, method, path, params, began=began, status=answer.status_code, words=message)
            if answer.status_code < 400 or answer.status_code in accept:
                return answer
            if versioned and attempt == 1 and repeat and TOO_OLD.search(message):
                # The engine was upgraded or downgraded since its version was stored.
                self._api_version = ""
                continue
            raise from_response(answer.status_code, message, self.where)
        raise AssertionError("unreachable")

    def _json(self, method: str, path: str, **options: Any) -> Any:
        answer = self.call(method, path, **options)
        try:
            return answer.json()
        except ValueError as error:
            words = _("What answers at %(where)s is not a Docker Engine.") % {"where": self.where}
            raise EngineError("not_docker", str(error), words) from error

    def _stream(self, method: str, path: str, parse: Any, **options: Any) -> Stream[Any]:
        mark = own_calls.begin(self.where, method, path, options.get("params"), options.get("body"))
        ended = partial(own_calls.end, mark)
        try:
            answer = self.call(method, path, stream=True, noted=True, **options)
        except BaseException:
            ended()
            raise
        return Stream(answer, parse, self.where, ended)

    @property
    def api_version(self) -> str:
        """The version that is spoken: the engine's, at most ours. Asks the engine once if it is not known."""
        if not self._api_version:
            with self._negotiating:
                if not self._api_version:
                    self._api_version = self._negotiate()
                    self.api.use_version(self._api_version)
        return self._api_version

    def _negotiate(self) -> str:
        seen = self.version()
        theirs = str(seen["ApiVersion"])
        if version_tuple(theirs) < version_tuple(OLDEST_API):
            words = _("%(where)s speaks API %(theirs)s; the platform needs %(ours)s or newer: upgrade Docker there.")
            values = {"where": self.where, "theirs": theirs, "ours": OLDEST_API}
            raise EngineError("api_too_old", f"API {theirs}", words % values)
        oldest = str(seen.get("MinAPIVersion") or "")
        if version_tuple(oldest) > version_tuple(NEWEST_API):
            words = _("%(where)s speaks API %(theirs)s and newer only: the platform must be upgraded for it.")
            raise EngineError("api_too_old", f"API from {oldest}", words % {"where": self.where, "theirs": oldest})
        return min(theirs, NEWEST_API, key=version_tuple)

    def version(self, timeout: float | None = None) -> Json:
        """The engine's versions (asked without one of ours, so any engine answers)."""
        seen = self._json("GET", "/version", versioned=False, timeout=timeout)
        if not isinstance(seen, dict) or "ApiVersion" not in seen:
            words = _("What answers at %(where)s is not a Docker Engine.") % {"where": self.where}
            raise EngineError("not_docker", "no ApiVersion", words)
        return seen

    def ping(self, timeout: float = 5) -> None:
        """Raises EngineError if the engine does not answer within `timeout` seconds."""
        self.call("GET", "/_ping", versioned=False, timeout=timeout)


def _message(answer: requests.Response) -> str:
    """The engine's words of an error answer."""
    try:
        text = answer.text.strip()
    except requests.RequestException:
        return str(answer.reason or "")
    try:
        seen = json.loads(text)
    except ValueError:
        # Not the engine's JSON: plain words are kept, a proxy's HTML page is not.
        return (
            text[:500] if answer.headers.get("Content-Type", "").startswith("text/plain") else str(answer.reason or "")
        )
    return str(seen.get("message") or text) if isinstance(seen, dict) else text
