"""The way to one LXD or Incus server: its REST API by pylxd's session, its websockets, both over the same pinned TLS.

pylxd's own session would heed the environment, and its websockets check no server certificate: both are replaced.
Source: https://documentation.ubuntu.com/lxd/en/latest/rest-api/
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

import requests
import urllib3.exceptions
import websockets.exceptions
from django.utils.translation import gettext as _
from pylxd.client import get_session_for_url

from hosts import engine_calls
from hosts.engine_address import ConnectionSpec
from hosts.engine_errors import EngineError, from_exception, from_response
from hosts.engine_transport import TlsAdapter, tls_context
from hosts.lxd.wires import Wire, dial
from hosts.ssh import CONNECT_SECONDS

Json = dict[str, Any]
CALL_SECONDS = 30.0
PING_SECONDS = 20.0
SLOW_SECONDS = 120.0  # an operation: make, start, stop, remove
BROKEN = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    OSError,
    EOFError,
    ValueError,
)
FAILED = 400  # from this status on an operation has failed (its codes are in the API's description)


def pinned_context(spec: ConnectionSpec) -> ssl.SSLContext:
    """TLS that trusts the one certificate that is pinned (`spec.ca`), whatever name stands in it. Raises EngineError."""
    if not spec.ca.strip():
        words = _("%(where)s has not been joined yet: no certificate of it is known.")
        raise EngineError("tls", "no pinned certificate", words % {"where": spec.where})
    context = tls_context(spec)
    # A server's certificate is self-signed, no authority's, and names the machine as it was called at its installation.
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


class PinnedAdapter(TlsAdapter):
    """The certificate itself is known, so its name does not count."""

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, assert_hostname=False, **options)


class Link:
    """One server. Nothing is sent before the first call; safe to use from many threads. Raises EngineError and nothing else."""

    def __init__(self, spec: ConnectionSpec, timeout: float = CALL_SECONDS) -> None:
        self.spec, self.timeout, self.where = spec, timeout, spec.where
        self._context: ssl.SSLContext | None = None
        if spec.kind == "local":
            self.url = f"http+unix://{quote(spec.bare, safe='')}"
        else:
            self.url = f"https{spec.full.removeprefix('tcp')}"
            self._context = pinned_context(spec)
        # pylxd's client would ask the server at once, and answers of others surprise it: its session does.
        self._session = get_session_for_url(self.url)
        self._session.trust_env = False
        if self._context is not None:
            self._session.mount("https://", PinnedAdapter(self._context))

    def close(self) -> None:
        self._session.close()

    # --- Requests ------------------------------------------------------------------------------------------------

    def server(self) -> Json:
        """What the server says of itself (`/1.0`); `auth` is «untrusted» for a stranger."""
        found = self.ask("GET", "")
        if not isinstance(found, dict):
            raise EngineError("not_docker", str(found)[:200], _("What answers there is no LXD or Incus server."))
        return found

    def ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
        absent: bool = False,
    ) -> Any:
        """One request below `/1.0`; the answer's metadata, of a background operation the operation.

        `absent`: «not found» is no error, and the answer None.
        """
        answer = self.raw(method, path, params=params, body=body, timeout=timeout, headers=headers, absent=absent)
        return None if answer is None else _metadata(answer)

    def raw(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        data: Any = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
        absent: bool = False,
        stream: bool = False,
    ) -> requests.Response | None:
        """The response itself: files, exports, images."""
        seconds, began, status, words = timeout or self.timeout, time.time(), 0, ""
        url = f"{self.url}/1.0{path}"
        try:
            answer = self._session.request(
                method, url, params=dict(params or {}), json=body, data=data, headers=dict(headers or {}), stream=stream,
                timeout=(min(CONNECT_SECONDS, seconds), seconds), allow_redirects=False,
            )  # fmt: skip
            status = answer.status_code
            if status == 404 and absent:
                return None
            if status >= FAILED:
                words = _words(answer)
                raise from_response(status, words, self.where)
        except BROKEN as error:
            found = from_exception(error, self.where)
            words = found.message
            raise found from error
        else:
            return answer
        finally:
            engine_calls.tell(self.where, method, f"/1.0{path}", params, began=began, status=status, words=words)

    def text(self, path: str, *, params: Mapping[str, Any] | None = None) -> str:
        """An answer that is a text."""
        answer = self.raw("GET", path, params=params)
        assert answer is not None
        return answer.content.decode("utf-8", "replace")

    def operate(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        timeout: float = SLOW_SECONDS,
        absent: bool = False,
    ) -> Json:
        """A request that is worked on in the background, waited for: what the operation says at its end.

        Kind `timeout` if it still runs after so many seconds; it goes on there.
        """
        begun = self.ask(method, path, params=params, body=body, absent=absent)
        return {} if begun is None else self.ended(begun, timeout)

    def ended(self, operation: Json | None, timeout: float = SLOW_SECONDS) -> Json:
        """Waits for an operation that a request began. Raises EngineError with the server's words if it failed."""
        if not isinstance(operation, dict) or "id" not in operation:
            return operation or {}  # it was done at once
        done = dict(
            self.ask(
                "GET", f"/operations/{operation['id']}/wait", params={"timeout": int(timeout)}, timeout=timeout + 10
            )
        )
        code, words = int(done.get("status_code") or 0), str(done.get("err") or "")
        if code >= FAILED:
            raise from_response(404 if "not found" in words.lower() else 500, words, self.where)
        if code != 200:
            said = _("%(where)s still works on it after %(seconds)d s.")
            raise EngineError("timeout", "operation", said % {"where": self.where, "seconds": timeout})
        return done

    # --- Websockets ----------------------------------------------------------------------------------------------

    def socket(self, path: str, timeout: float = CONNECT_SECONDS, *, pings: bool = True, silent: bool = False) -> Wire:
        """A websocket below `/1.0`, to be closed by the caller.

        `pings`: off where its reader may pause, which is no death. `silent`: see `wires.Silent`.
        """
        every = PING_SECONDS if pings else None
        try:
            if self.spec.kind == "local":
                return dial(f"ws://lxd/1.0{path}", path=self.spec.bare, timeout=timeout, pings=every, silent=silent)
            url = f"wss{self.url.removeprefix('https')}/1.0{path}"
            return dial(url, tls=self._context, timeout=timeout, pings=every, silent=silent)
        except websockets.exceptions.InvalidStatus as error:
            body = bytes(error.response.body or b"").decode("utf-8", "replace")
            raise from_response(error.response.status_code, body[:500], self.where) from error
        except (websockets.exceptions.WebSocketException, OSError, EOFError) as error:
            raise from_exception(error, self.where) from error

    def events(self, types: Iterable[str]) -> Events:
        return Events(self.socket(f"/events?type={','.join(types)}"), self.where)


class Events:
    """A server's events as they come; `stop()` ends them from any thread. Raises EngineError when the connection breaks."""

    def __init__(self, socket: Wire, where: str) -> None:
        self._socket, self._where = socket, where
        self._stopped = threading.Event()

    def __iter__(self) -> Iterator[Json]:
        try:
            for message in self._socket:
                yield dict(json.loads(message))
        except websockets.exceptions.ConnectionClosed as error:
            if not self._stopped.is_set():
                words = _("%(where)s closed the connection.") % {"where": self._where}
                raise EngineError("unreachable", str(error), words) from error
        if not self._stopped.is_set():
            words = _("%(where)s closed the connection.") % {"where": self._where}
            raise EngineError("unreachable", "events ended", words)

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()

    def stop(self) -> None:
        self._stopped.set()
        self._socket.close()


def _words(answer: requests.Response) -> str:
    try:
        said = answer.json()
    except ValueError:
        return answer.text[:500]
    return str(said.get("error") or "")[:2000] if isinstance(said, dict) else str(said)[:500]


def _metadata(answer: requests.Response) -> Any:
    try:
        said = answer.json()
    except ValueError:
        said = None
    if not isinstance(said, dict) or "metadata" not in said:
        raise EngineError("not_docker", answer.text[:200], _("What answers there is no LXD or Incus server."))
    return said["metadata"]
