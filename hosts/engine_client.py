"""One engine: typed calls over docker-py's client. Thin: no decisions, no rows; every call has a timeout."""

from __future__ import annotations

import base64
import json
import os
import tarfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import IO, Any

import docker.errors
import paramiko
import requests
import urllib3.exceptions
from django.utils.translation import gettext as _

from hosts import engine_calls
from hosts.engine_body import ContainerSpec, Json, Limits, create_body, version_tuple
from hosts.engine_errors import TOO_OLD, EngineError, from_exception, from_response, from_transfer
from hosts.engine_specs import Auth, Labels, NetworkSpec, split_ref
from hosts.engine_streams import LogLine, Stream, frames, json_objects, log_lines
from hosts.engine_transport import CONNECT_SECONDS, Client, ConnectionSpec, SshAdapter
from hosts.exec_types import Execs
from hosts.inside_types import Insides
from hosts.inventory import Space
from hosts.outside import own_calls
from hosts.volume_copies import VolumeCopies
from hosts.volume_types import Volumes

OLDEST_API = "1.24"
NEWEST_API = "1.51"  # the newest that this code was written against; a newer engine is spoken to in it
CALL_SECONDS = 30.0
SLOW_SECONDS = 120.0  # create, start, remove: an engine under load takes its time
SILENCE_SECONDS = 900.0  # of a transfer or a build that says nothing
EXEC_OUTPUT = 1 << 20  # bytes kept of a command's output
NETWORK_TRIES = 20  # to make a network that another worker may just be making
NETWORK_PAUSE = 0.25  # seconds
OnLine = Callable[[str], None]
OnProgress = Callable[[Json], None]


# Everything that a connection may fail with. (Through an SSH channel, paramiko's own errors come out bare.)
BROKEN = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    paramiko.SSHException,
    OSError,
    EOFError,
    ValueError,
)


class Engine:
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

    # --- The one way to the engine -------------------------------------------------------------------------------

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

    # --- The engine itself ---------------------------------------------------------------------------------------

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

    def info(self) -> Json:
        return dict(self._json("GET", "/info"))

    def facts(self) -> Json:
        """What conformance checks are told beyond `info`: nothing, the machine is looked at."""
        return {}

    def disk_usage(self) -> Json:
        """What images, containers and volumes take, as the engine counts it (slow on a large host)."""
        return dict(self._json("GET", "/system/df", timeout=SLOW_SECONDS))

    def data_root_space(self, data_root: str) -> Space | None:
        """The data root's file system; None where only a helper can tell: on other machines."""
        if self.spec.kind != "local":
            return None
        try:
            seen = os.statvfs(data_root)
        except OSError:
            return None
        return Space(seen.f_blocks * seen.f_frsize, seen.f_bavail * seen.f_frsize, seen.f_files, seen.f_favail)

    execs: Execs | None = None  # by requests of its API: `hosts.execs`
    insides: Insides | None = None  # a helper looks into all containers at once: `hosts.inside`
    meter: None = None  # a collector measures its containers
    copies: VolumeCopies | None = None
    volumes: Volumes | None = None  # an engine's volumes have no snapshots

    def interfaces(self) -> dict[str, int] | None:
        """The machine's network interfaces and their MTUs: an engine does not tell them, only a helper can."""
        return None

    def events(
        self,
        since: float | None = None,
        until: float | None = None,
        types: Iterable[str] = (),
        actions: Iterable[str] = (),
        labels: Iterable[str] = (),
    ) -> Stream[Json]:
        """Events as they come, from `since` (Unix time) on; `stop()` it from another thread.

        `actions` such as «die» or «health_status» (which stands for both of its results).
        """
        params: Json = {}
        if since is not None:
            params["since"] = f"{since:.9f}"
        if until is not None:
            params["until"] = f"{until:.9f}"
        filters = {"type": list(types), "event": list(actions), "label": list(labels)}
        if any(filters.values()):
            params["filters"] = json.dumps({name: values for name, values in filters.items() if values})
        return self._stream("GET", "/events", json_objects, params=params, timeout=0)

    # --- Containers ----------------------------------------------------------------------------------------------

    def list_containers(self, *, all: bool = True, labels: Labels | Iterable[str] = ()) -> list[Json]:
        """Containers, also stopped ones, that carry all the labels (`key`, `key=value`, or a mapping)."""
        words = [f"{key}={value}" for key, value in labels.items()] if isinstance(labels, Mapping) else list(labels)
        params: Json = {"all": int(all)}
        if words:
            params["filters"] = json.dumps({"label": words})
        return list(self._json("GET", "/containers/json", params=params))

    def inspect(self, container: str) -> Json:
        return dict(self._json("GET", f"/containers/{container}/json"))

    def create(self, spec: ContainerSpec) -> str:
        """Make a container; its id. A name in use is a `conflict` (repeating a call that got through says so)."""
        try:
            return self._create(spec)
        except EngineError as error:
            if error.kind != "api_too_old":
                raise
        # Refused before anything was made: the stored version no longer fits, and the body depends on it.
        self._api_version = ""
        return self._create(spec)

    def _create(self, spec: ContainerSpec) -> str:
        body, params = create_body(spec, self.api_version), {"name": spec.name}
        path = "/containers/create"
        made = self._json("POST", path, params=params, body=body, timeout=SLOW_SECONDS, repeat=False)
        return str(made["Id"])

    def start(self, container: str) -> None:
        self.call("POST", f"/containers/{container}/start", timeout=SLOW_SECONDS)

    def stop(self, container: str, timeout: int | None = None) -> None:
        """Stop it; after `timeout` seconds (default: the container's own) it is killed. Gone is stopped, too."""
        params = {} if timeout is None else {"t": timeout}
        wait = (timeout if timeout is not None else 600) + SLOW_SECONDS
        self.call("POST", f"/containers/{container}/stop", params=params, timeout=wait, accept=[404])

    def restart(self, container: str, timeout: int | None = None) -> None:
        params = {} if timeout is None else {"t": timeout}
        wait = (timeout if timeout is not None else 600) + SLOW_SECONDS
        self.call("POST", f"/containers/{container}/restart", params=params, timeout=wait)

    def kill(self, container: str, signal: str = "SIGKILL") -> None:
        """Send a signal; a container that does not run (any more) is no error."""
        self.call("POST", f"/containers/{container}/kill", params={"signal": signal}, accept=[404, 409])

    def remove(self, container: str, *, force: bool = False, volumes: bool = True) -> None:
        """Remove it, with its anonymous volumes; gone, or going already, is done."""
        params = {"force": int(force), "v": int(volumes)}
        try:
            self.call("DELETE", f"/containers/{container}", params=params, timeout=SLOW_SECONDS, accept=[404])
        except EngineError as error:
            if error.kind != "conflict" or "already in progress" not in error.message:
                raise

    def rename(self, container: str, name: str) -> None:
        try:
            self.call("POST", f"/containers/{container}/rename", params={"name": name})
        except EngineError as error:
            if "same name as its current name" not in error.message:
                raise

    def update(self, container: str, limits: Limits) -> list[str]:
        """Change the limits of a running container; returns the engine's warnings (what its kernel cannot do)."""
        body = limits.update_body()
        return list(self._json("POST", f"/containers/{container}/update", body=body).get("Warnings") or [])

    def memory_used(self, container: str) -> int | None:
        """Bytes that it cannot do without: usage less what is only cached of files; None if the engine cannot tell."""
        seen = dict(self._json("GET", f"/containers/{container}/stats", params={"stream": 0, "one-shot": 1}))
        memory = seen.get("memory_stats") or {}
        usage, details = memory.get("usage"), memory.get("stats") or {}
        if usage is None:
            return None
        cache = details.get("inactive_file", details.get("total_inactive_file", 0))
        return max(0, int(usage) - int(cache or 0))

    def set_restart(self, container: str, policy: str) -> None:
        """Whether the engine starts it again by itself: no, always, unless-stopped, on-failure."""
        self._json("POST", f"/containers/{container}/update", body={"RestartPolicy": {"Name": policy}})

    def wait(self, container: str, timeout: float) -> int:
        """Wait until it ends; its exit code. Kind `timeout` if it still runs after so many seconds."""
        return int(self._json("POST", f"/containers/{container}/wait", timeout=timeout)["StatusCode"])

    def logs(
        self,
        container: str,
        *,
        tail: int | None = None,
        follow: bool = False,
        since: float | str | None = None,
        until: float | str | None = None,
        timeout: float | None = None,
    ) -> Stream[LogLine]:
        """Log lines, the oldest first: the last `tail`, those from `since` to `until`, going on if `follow`.

        `since`, `until`: Unix time, as text («1764.000000001») where a float would lose nanoseconds. The engine takes the
        tail first and leaves out of it what is not in the range. `timeout`: seconds of silence, of one that does not follow.
        """
        params: Json = {"stdout": 1, "stderr": 1, "timestamps": 1, "follow": int(follow)}
        params["tail"] = "all" if tail is None else tail
        for name, moment in (("since", since), ("until", until)):
            if moment is not None:
                params[name] = moment if isinstance(moment, str) else f"{moment:.9f}"
        wait = 0 if follow else timeout or self.timeout
        return self._stream("GET", f"/containers/{container}/logs", log_lines, params=params, timeout=wait)

    def follow_raw(self, path: str) -> Stream[bytes]:
        """An endless answer's bytes as they come, without chunks; `path` with its query."""
        return self._stream("GET", path, lambda chunks: chunks, timeout=0)

    def stats(self, container: str, timeout: float = CALL_SECONDS) -> Json:
        """What the engine has measured of a running container, once and without waiting for a second look (API 1.41)."""
        params = {"stream": 0, "one-shot": 1}
        return dict(self._json("GET", f"/containers/{container}/stats", params=params, timeout=timeout))

    @engine_calls.as_one
    def exec(
        self,
        container: str,
        command: Iterable[str],
        *,
        timeout: float = CALL_SECONDS,
        user: str = "",
        env: Labels | None = None,
    ) -> tuple[int, str]:
        """Run a command inside; (exit code, output of both streams, its first MB). Kind `timeout` after so many seconds."""
        body: Json = {"Cmd": list(command), "AttachStdout": True, "AttachStderr": True, "User": user}
        if env:
            body["Env"] = [f"{key}={value}" for key, value in env.items()]
        made = self._json("POST", f"/containers/{container}/exec", body=body, repeat=False)["Id"]
        settings = {"Detach": False, "Tty": False}
        output, size = [], 0
        stream = self._stream(
            "POST", f"/exec/{made}/start", frames, body=settings, timeout=timeout + CALL_SECONDS, repeat=False
        )
        alarm = threading.Timer(timeout, stream.stop)
        alarm.daemon = True
        alarm.start()
        try:
            for _channel, data in stream:
                if size < EXEC_OUTPUT:
                    output.append(data[: EXEC_OUTPUT - size])
                    size += len(data)
        finally:
            alarm.cancel()
        if stream.stopped:
            words = _("The command did not end within %(seconds)s s on %(where)s; it may still run there.")
            raise EngineError("timeout", "exec", words % {"seconds": f"{timeout:g}", "where": self.where}, retry=False)
        code = self._json("GET", f"/exec/{made}/json")["ExitCode"]
        return -1 if code is None else int(code), b"".join(output).decode("utf-8", "replace")

    def stat_file(self, container: str, path: str) -> Json | None:
        """What lies at a path of a container, running or not: name, size, mode (Go's bits), linkTarget; None: nothing."""
        url = f"/containers/{container}/archive"
        answer = self.call("HEAD", url, params={"path": path}, accept=[404])
        head = answer.headers.get("X-Docker-Container-Path-Stat")
        if answer.status_code == 404 or not head:
            return None
        return dict(json.loads(base64.b64decode(head)))

    def read_file(self, container: str, path: str, most: int = 1 << 20) -> bytes:
        """A file's first bytes, at most so many. Links are followed. Raises EngineError, kind `not_found` if it is not there."""
        # Read from the socket as it comes: an engine that is free to would pack it.
        plain = {"Accept-Encoding": "identity"}
        url = f"/containers/{container}/archive"
        answer = self.call("GET", url, params={"path": path}, stream=True, headers=plain)
        try:
            with tarfile.open(fileobj=answer.raw, mode="r|") as tar:
                member = tar.next()
                found = tar.extractfile(member) if member is not None and member.isfile() else None
                return found.read(most) if found is not None else b""
        except (tarfile.TarError, *BROKEN) as error:
            raise from_exception(error, self.where) from error
        finally:
            answer.close()

    def export_root(self, container: str, mark: str, out: IO[bytes], told: Callable[[int], None]) -> None:
        """Writes a tarball of its files, volumes left out, while it runs. Raises EngineError, and whatever `told` (bytes so far) raises.

        `mark`: what somebody who died at it left there has it; here nothing is left.
        """
        with self.call("GET", f"/containers/{container}/export", stream=True, timeout=SILENCE_SECONDS) as answer:
            pieces, done = answer.iter_content(1 << 20), 0
            while True:
                try:
                    piece = next(pieces, b"")
                except BROKEN as error:
                    raise from_exception(error, self.where) from error
                if not piece:
                    return
                out.write(piece)
                done += len(piece)
                told(done)

    # --- Images --------------------------------------------------------------------------------------------------

    def pull(
        self,
        ref: str,
        auth: Auth | None = None,
        on_progress: OnProgress | None = None,
        on_stream: Callable[[Stream[Json]], None] | None = None,
    ) -> None:
        """Fetch `name:tag` or `name@digest`. `on_progress` gets each message; `on_stream` what can be stopped."""
        name, tag = split_ref(ref)
        params = {"fromImage": name, "tag": tag}
        self._transfer("/images/create", ref, params, auth=auth, on_progress=on_progress, on_stream=on_stream)

    def push(
        self,
        ref: str,
        auth: Auth | None = None,
        on_progress: OnProgress | None = None,
        on_stream: Callable[[Stream[Json]], None] | None = None,
    ) -> str:
        """Send `name:tag` to its registry; returns the digest that the registry knows it by."""
        name, tag = split_ref(ref)
        path, anyone = f"/images/{name}/push", Auth("", "")
        last = self._transfer(
            path, ref, {"tag": tag}, auth=auth or anyone, on_progress=on_progress, on_stream=on_stream
        )
        return str(last.get("Digest", ""))

    @engine_calls.as_one
    def _transfer(
        self, path: str, ref: str, params: Json, *, auth: Auth | None, on_progress: OnProgress | None, on_stream: Any
    ) -> Json:
        headers = {"X-Registry-Auth": auth.header()} if auth else {}
        last: Json = {}
        try:
            stream = self._stream("POST", path, json_objects, params=params, headers=headers, timeout=SILENCE_SECONDS)
        except EngineError as error:
            if error.out_of_reach:
                raise
            raise from_transfer(error.message, self.where, ref) from error
        if on_stream:
            on_stream(stream)
        with stream:
            for message in stream:
                if "error" in message:
                    raise from_transfer(str(message["error"]), self.where, ref)
                last = message.get("aux") or last
                if on_progress:
                    on_progress(message)
            if stream.stopped:
                raise EngineError("other", "stopped", _("The transfer of %(ref)s was stopped.") % {"ref": ref})
        return last

    def build(
        self,
        context: IO[bytes] | bytes,
        *,
        dockerfile: str = "Dockerfile",
        tags: Iterable[str] = (),
        buildargs: Labels | None = None,
        labels: Labels | None = None,
        network: str = "",
        nocache: bool = False,
        pull: bool = False,
        auths: Mapping[str, Auth] | None = None,
        on_line: OnLine | None = None,
        on_stream: Callable[[Stream[Json]], None] | None = None,
    ) -> str:
        """Build a tar as context; returns the image's id. A failed step is kind `other`, its output went to `on_line`.

        `on_stream` gets what can be stopped from another thread: the engine then gives the build up.
        """
        params: Json = {"dockerfile": dockerfile, "t": list(tags), "rm": 1, "forcerm": 1, "nocache": int(nocache)}
        params |= {"buildargs": json.dumps(dict(buildargs or {})), "labels": json.dumps(dict(labels or {}))}
        if network:
            params["networkmode"] = network
        if pull:
            params["pull"] = 1
        known = {
            server: {"username": auth.username, "password": auth.password, "serveraddress": server}
            for server, auth in (auths or {}).items()
        }
        headers = {
            "Content-Type": "application/x-tar",
            "X-Registry-Config": base64.urlsafe_b64encode(json.dumps(known).encode()).decode(),
        }
        stream = self._stream(
            "POST", "/build", json_objects, params=params, data=context, headers=headers,
            timeout=SILENCE_SECONDS, repeat=False,
        )  # fmt: skip
        if on_stream:
            on_stream(stream)
        image = ""
        with stream:
            for message in stream:
                if "error" in message:
                    text = str(message["error"])
                    raise from_response(500, text, self.where)
                image = (message.get("aux") or {}).get("ID") or image
                if on_line and (line := _build_line(message)):
                    on_line(line)
            if stream.stopped:
                raise EngineError("other", "stopped", _("The build was stopped."))
        if not image:
            raise EngineError(
                "other", "no image id", _("%(where)s ended the build without an image.") % {"where": self.where}
            )
        return image

    def tag(self, image: str, ref: str) -> None:
        name, tag = split_ref(ref)
        self.call("POST", f"/images/{image}/tag", params={"repo": name, "tag": tag})

    def inspect_image(self, image: str) -> Json:
        return dict(self._json("GET", f"/images/{image}/json"))

    def has_image(self, image: str) -> bool:
        try:
            self.inspect_image(image)
        except EngineError as error:
            if error.kind == "not_found":
                return False
            raise
        return True

    def image_history(self, image: str) -> list[Json]:
        return list(self._json("GET", f"/images/{image}/history"))

    def list_images(self, labels: Iterable[str] = ()) -> list[Json]:
        words = list(labels)
        params = {"filters": json.dumps({"label": words})} if words else {}
        return list(self._json("GET", "/images/json", params=params))

    def remove_image(self, image: str, *, force: bool = False) -> None:
        """Remove an image or a tag; gone is done, in use is a `conflict`."""
        params = {"force": int(force)}
        self.call("DELETE", f"/images/{image}", params=params, timeout=SLOW_SECONDS, accept=[404])

    # --- Networks ------------------------------------------------------------------------------------------------

    def list_networks(self) -> list[Json]:
        return list(self._json("GET", "/networks"))

    def inspect_network(self, network: str) -> Json:
        return dict(self._json("GET", f"/networks/{network}"))

    def ensure_network(self, spec: NetworkSpec) -> str:
        """The id of the network, made if there is none of this name; `conflict` if it is there but differs.

        Safe to call from many workers at once: a refusal may come from another one who is making this very network, which
        the engine does not list yet (its range or bridge is taken then), so it is looked for again for some seconds.
        """
        for attempt in range(NETWORK_TRIES):
            try:
                seen = self.inspect_network(spec.name)
            except EngineError as error:
                if error.kind != "not_found":
                    raise
            else:
                return self._checked(spec, seen)
            try:
                return str(self._json("POST", "/networks/create", body=spec.body(), repeat=False)["Id"])
            except EngineError as error:
                broke_off = error.kind == "unreachable" and attempt == 0  # it may have been made all the same
                if (error.out_of_reach and not broke_off) or attempt == NETWORK_TRIES - 1:
                    raise
            if attempt:
                time.sleep(NETWORK_PAUSE)
        raise AssertionError("unreachable")

    def _checked(self, spec: NetworkSpec, seen: Json) -> str:
        differences = spec.differences(seen)
        if differences:
            words = _("The network %(name)s on %(where)s differs from its segment (is, should be): %(text)s.")
            values = {"name": spec.name, "where": self.where, "text": "; ".join(differences)}
            raise EngineError("conflict", "network differs", words % values)
        return str(seen["Id"])

    def remove_network(self, network: str) -> None:
        """Remove it; gone is done, in use is a `conflict`."""
        try:
            self.call("DELETE", f"/networks/{network}", accept=[404])
        except EngineError as error:
            if error.kind == "forbidden" and "active endpoints" in error.message:
                raise EngineError("conflict", error.message, error.words) from error
            raise


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


def _build_line(message: Json) -> str:
    """A build's message as text for its log: output as it is, progress of a pull without its bars."""
    if "stream" in message:
        return str(message["stream"])
    if "status" in message and not message.get("progressDetail"):
        prefix = f"{message['id']}: " if message.get("id") else ""
        return f"{prefix}{message['status']}\n"
    return ""
