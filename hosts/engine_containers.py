"""Containers of an engine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping

from django.utils.translation import gettext as _

from hosts import engine_calls
from hosts.engine_body import ContainerSpec, Json, Limits, create_body
from hosts.engine_errors import EngineError
from hosts.engine_link import CALL_SECONDS, SLOW_SECONDS, Link
from hosts.engine_specs import Labels
from hosts.engine_streams import LogLine, Stream, frames, log_lines

EXEC_OUTPUT = 1 << 20  # bytes kept of a command's output


class WithContainers(Link):
    """What is asked of an engine's containers."""

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
