"""The runtime of system containers: what `hosts.engine.Engine` promises, done by an LXD or Incus server."""

from __future__ import annotations

import os
import re
import stat
import threading
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from django.utils.translation import gettext as _

from hosts import engine_calls, inventory
from hosts.engine_body import ContainerSpec, Limits
from hosts.engine_errors import EngineError
from hosts.engine_specs import Labels
from hosts.engine_transport import ConnectionSpec
from hosts.lxd import making, shape
from hosts.lxd.console import ConsoleLines, Consoles
from hosts.lxd.execs import LxdExecs
from hosts.lxd.has_images import WithImages
from hosts.lxd.has_segments import WithSegments
from hosts.lxd.health import Checks
from hosts.lxd.heard import Heard
from hosts.lxd.link import CALL_SECONDS, SLOW_SECONDS, Json
from hosts.lxd.volumes import LxdVolumes

STOP_SECONDS = 30  # that an instance's init has to shut down, where nobody says another
REMEMBERED = 4096  # names of instances by what stays of them
MOST_FILE = 1 << 20
WAIT_PAUSE = 0.2  # seconds
SO_ALREADY = re.compile(r"already (running|stopped)|is not running", re.I)


class LxdEngine(WithImages, WithSegments):
    """A connection to one server, safe to use from many threads. Methods raise EngineError and nothing else."""

    def __init__(self, spec: ConnectionSpec, api_version: str = "", timeout: float = CALL_SECONDS) -> None:
        super().__init__(spec, api_version, timeout)
        self._lock = threading.Lock()
        self._checks = Checks()
        self._execs = LxdExecs(self)
        self._volumes = LxdVolumes(self)
        self._consoles = Consoles(self.link, self._found)
        self._names: dict[str, str] = {}  # identity → name
        self._labels: dict[str, dict[str, str]] = {}  # of the same, for events of what is gone

    @property
    def execs(self) -> LxdExecs:
        return self._execs

    @property
    def volumes(self) -> LxdVolumes:
        return self._volumes

    def events(
        self,
        since: float | None = None,
        until: float | None = None,
        types: Iterable[str] = (),
        actions: Iterable[str] = (),
        labels: Iterable[str] = (),
    ) -> Heard:
        """Events as they come. The server keeps none: what was before the stream is not told, whatever `since` says."""
        return Heard(self, self.link.events(["lifecycle"]), set(actions), tuple(labels))

    # --- Instances -----------------------------------------------------------------------------------------------

    def _all(self, recursion: int) -> list[Json]:
        found = self.link.ask("GET", "/instances", params={"recursion": recursion, "instance-type": "container"})
        with self._lock:
            if len(self._names) > REMEMBERED:
                self._names.clear()
                self._labels.clear()
            for one in found:
                self._remember(one)
        return [dict(one) for one in found]

    def _remember(self, instance: Mapping[str, Any]) -> str:
        """Its identity. With the lock."""
        identity = shape.identity(instance)
        self._names[identity] = str(instance["name"])
        self._labels[identity] = shape.labels_of(instance)
        return identity

    def known(self, name: str) -> tuple[str, dict[str, str]]:
        """Identity and labels of an instance by its name; what was last known of one that is gone."""
        instance = self.link.ask("GET", f"/instances/{quote(name)}", absent=True)
        with self._lock:
            if instance is not None:
                identity = self._remember(instance)
            else:
                identity = next((found for found, its in self._names.items() if its == name), name)
            return identity, dict(self._labels.get(identity, {}))

    def _instance(self, container: str) -> Json:
        """By its identity, or its name. Raises EngineError, kind `not_found`."""
        with self._lock:
            name = self._names.get(container, container)
        instance = self.link.ask("GET", f"/instances/{quote(name)}", absent=True)
        if instance is not None and container in {shape.identity(instance), name}:
            return dict(instance)
        for one in self._all(1):
            if shape.identity(one) == container:
                return one
        raise EngineError("not_found", container, _("%(where)s has no such container.") % {"where": self.where})

    def _found(self, container: str) -> Json | None:
        try:
            return self._instance(container)
        except EngineError as error:
            if error.kind == "not_found":
                return None
            raise

    def inspect_raw(self, container: str) -> Json:
        """As the server tells it. Raises EngineError, kind `not_found`."""
        return self._instance(container)

    def path_of(self, container: str) -> str:
        return f"/instances/{quote(str(self._instance(container)['name']))}"

    def list_containers(self, *, all: bool = True, labels: Labels | Iterable[str] = ()) -> list[Json]:
        """Instances, also stopped ones, that carry all the labels (`key`, `key=value`, or a mapping)."""
        marks = [f"{key}={value}" for key, value in labels.items()] if isinstance(labels, Mapping) else list(labels)
        entries = []
        for instance in self._all(2):
            seen = shape.inspected(instance, self._known_health(instance))
            if shape.wanted(seen["Config"]["Labels"], marks) and (all or seen["State"]["Running"]):
                created = inventory.parse_time(seen["Created"])
                words = inventory.status_words(seen["State"], datetime.now(UTC))
                entries.append(shape.listed(seen, words, int(created.timestamp()) if created else 0))
        return entries

    def inspect(self, container: str) -> Json:
        instance = self._instance(container)
        state = self.link.ask("GET", f"/instances/{quote(instance['name'])}/state", absent=True)
        return shape.inspected(instance | {"state": state or {}}, self._looked_health(instance))

    def checked(self) -> list[Json]:
        """Running instances that have a health check; what is known of others is forgotten."""
        found = [one for one in self._all(1) if shape.check_of(one) and shape.is_running(one)]
        self._checks.forget({shape.identity(one) for one in found})
        return found

    def _known_health(self, instance: Json) -> Json:
        return self._checks.seen(shape.identity(instance), str(instance.get("last_used_at"))).as_json()

    def _looked_health(self, instance: Json) -> Json:
        """What its check says; run now if that is due, and it runs."""
        check, since = shape.check_of(instance), inventory.parse_time(str(instance.get("last_used_at") or ""))
        if not check or not shape.is_running(instance) or since is None:
            return self._known_health(instance)
        identity = shape.identity(instance)

        def execute(words: list[str], seconds: float) -> tuple[int, str]:
            try:
                return self._execs.whole(identity, words, seconds, {}, noted=False)
            except EngineError as error:
                if error.out_of_reach and error.kind != "timeout":
                    raise
                return 1, error.message

        up = (datetime.now(UTC) - since).total_seconds()
        return self._checks.looked(identity, str(instance["last_used_at"]), check, up, execute).as_json()

    def create(self, spec: ContainerSpec) -> str:
        """Make an instance of an image that is there; its identity. A name in use is a `conflict`."""
        pool = str(self.pool()["name"])
        fingerprint = self._fingerprint(spec.image)
        said = self.link.ask("GET", f"/images/{fingerprint}").get("properties") or {}
        body = making.create_body(spec, fingerprint, self._network(spec.network), pool, said)
        for volume in making.volumes(spec.binds):
            if volume.of_pool:
                self.ensure_volume(pool, volume.source, spec.labels)
        with self.own("create", spec.name):
            self.link.operate("POST", "/instances", body=body)
        made = self._instance(spec.name)
        with self._lock:
            self._remember(made)
        return shape.identity(made)

    def _write_file(self, name: str, path: str, text: str) -> None:
        """As root's, for all to read; a link of the image at this place (systemd's resolv.conf) becomes a file."""
        url = f"/instances/{quote(name)}/files"
        headers = {
            "X-LXD-uid": "0",
            "X-LXD-gid": "0",
            "X-LXD-mode": "0644",
            "X-LXD-type": "file",
            "X-LXD-write": "overwrite",
        }
        try:
            self.link.raw("DELETE", url, params={"path": path}, absent=True)
        except EngineError as error:
            if "does not exist" not in error.message and "not found" not in error.message.lower():
                raise
        self.link.raw("POST", url, params={"path": path}, data=text.encode(), headers=headers)

    def ensure_volume(self, pool: str, name: str, labels: Labels) -> None:
        """A volume that is there stays as it is, with what is in it."""
        path = f"/storage-pools/{quote(pool)}/volumes/custom"
        if self.link.ask("GET", f"{path}/{quote(name)}", absent=True) is None:
            config = {f"{shape.USER}{key}": value for key, value in labels.items()}
            self.link.ask(
                "POST", path, body={"name": name, "type": "custom", "content_type": "filesystem", "config": config}
            )

    def _state(self, container: str, action: str, timeout: int, *, force: bool = False, absent: bool = False) -> None:
        try:
            path = self.path_of(container)
            body = {"action": action, "timeout": timeout, "force": force}
            with self.own("kill" if force else action, container):
                self.link.operate("PUT", f"{path}/state", body=body, timeout=timeout + SLOW_SECONDS)
        except EngineError as error:
            if not (absent and error.kind == "not_found") and not SO_ALREADY.search(error.message):
                raise

    def start(self, container: str) -> None:
        """Start it. What it takes over from a stopped one, a name and a MAC address, is that one's no more."""
        instance = self._instance(container)
        if not shape.is_running(instance):
            for path, text in shape.files_of(instance).items():
                self._write_file(str(instance["name"]), path, text)
            for change in making.before_start(instance, self._all(1)):
                with self.own("rename" if change.name else "update", change.identity):
                    if change.name:
                        self.link.operate("POST", f"/instances/{quote(change.of)}", body={"name": change.name})
                    else:
                        self.link.operate("PATCH", f"/instances/{quote(change.of)}", body={"devices": change.devices})
            self._all(1)
        self._state(container, "start", int(SLOW_SECONDS))

    def stop(self, container: str, timeout: int | None = None) -> None:
        """Shut it down; after `timeout` seconds (default: its own) it is killed. Gone is stopped, too."""
        try:
            instance = self._instance(container)
        except EngineError as error:
            if error.kind == "not_found":
                return
            raise
        own = (instance.get("config") or {}).get("boot.host_shutdown_timeout") or ""
        wait = timeout if timeout is not None else int(own) if own.isdigit() else STOP_SECONDS
        try:
            if wait:
                self._state(container, "stop", wait, absent=True)
        except EngineError as error:
            if error.out_of_reach and error.kind != "timeout":
                raise
        if self.status_of(container) not in {"Stopped", ""}:
            self._state(container, "stop", int(SLOW_SECONDS), force=True, absent=True)
            if (left := self.status_of(container)) not in {"Stopped", ""}:
                words = _("It could not be stopped on %(where)s: it is %(state)s.")
                raise EngineError("other", left, words % {"where": self.where, "state": left}, retry=True)

    def status_of(self, container: str) -> str:
        """The server's word; empty: it is gone."""
        return str((self._found(container) or {}).get("status") or "")

    def restart(self, container: str, timeout: int | None = None) -> None:
        self.stop(container, timeout)
        self.start(container)

    def kill(self, container: str, signal: str = "SIGKILL") -> None:
        """End it at once; one that does not run (any more) is no error. Other signals go to its init by a command inside."""
        if signal in {"SIGKILL", "KILL", "9"}:
            self._state(container, "stop", int(SLOW_SECONDS), force=True, absent=True)
        else:
            self.exec(container, ("kill", f"-{signal.removeprefix('SIG')}", "1"))

    def remove(self, container: str, *, force: bool = False, volumes: bool = True) -> None:
        """Remove it; gone is done. Volumes of the pool stay, whatever `volumes` says: they are nobody's but the service's."""
        try:
            path = self.path_of(container)
        except EngineError as error:
            if error.kind == "not_found":
                return
            raise
        if force:
            self.kill(container)
        with self.own("remove", container):
            self.link.operate("DELETE", path, absent=True)

    def rename(self, container: str, name: str) -> None:
        """A running one keeps its name until its next start, which gives it the one that it was made for (`start`)."""
        instance = self._instance(container)
        if instance["name"] != name and not shape.is_running(instance):
            with self.own("rename", container):
                self.link.operate("POST", f"/instances/{quote(instance['name'])}", body={"name": name})
            with self._lock:
                self._names[shape.identity(instance)] = name

    def update(self, container: str, limits: Limits) -> list[str]:
        """Change the limits of a running instance."""
        with self.own("update", container):
            self.link.operate("PATCH", self.path_of(container), body={"config": making.limits_config(limits)})
        return []

    def memory_used(self, container: str) -> int | None:
        """Bytes that it uses (with what is cached of files: the server counts both together)."""
        state = self.link.ask("GET", f"{self.path_of(container)}/state")
        return int((state.get("memory") or {}).get("usage") or 0)

    def set_restart(self, container: str, policy: str) -> None:
        """Whether it starts with the machine."""
        starts = str(policy not in {"", "no"}).lower()
        with self.own("update", container):
            self.link.operate("PATCH", self.path_of(container), body={"config": {"boot.autostart": starts}})

    def wait(self, container: str, timeout: float) -> int:
        """Wait until it ends; 0, as the server keeps no exit code. Kind `timeout` if it still runs after so many seconds."""
        until = time.monotonic() + timeout
        while self.inspect(container)["State"]["Running"]:
            if time.monotonic() > until:
                words = _("%(where)s did not answer in time.")
                raise EngineError("timeout", "wait", words % {"where": self.where})
            time.sleep(WAIT_PAUSE)
        return 0

    def stats(self, container: str, timeout: float = CALL_SECONDS) -> Json:
        """What the server has measured of a running instance."""
        instance = self._instance(container)
        state = self.link.ask("GET", f"/instances/{quote(str(instance['name']))}/state", timeout=timeout)
        return shape.stats(instance, state, time.time())

    def logs(
        self,
        container: str,
        *,
        tail: int | None = None,
        follow: bool = False,
        since: float | str | None = None,
        until: float | str | None = None,
        timeout: float | None = None,
    ) -> ConsoleLines:
        """Lines of the console, the oldest first: the last `tail`, going on if `follow`.

        The server keeps the last 1 MiB and no times: a line carries the moment at which it was read. One who goes on following
        (`follow` with `since`) gets only what comes; else `since` and `until` leave nothing out.
        """
        past = not (follow and since is not None)
        identity = shape.identity(self._instance(container))
        return ConsoleLines(self._consoles, identity, tail=tail, follow=follow, past=past)

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
        return self._execs.whole(container, command, timeout, env or {})

    def stat_file(self, container: str, path: str) -> Json | None:
        """What lies at a path: name, mode (Go's bits of a folder); None: nothing. Size and target are not told by the server."""
        answer = self.link.raw(
            "GET", f"{self.path_of(container)}/files", params={"path": path}, absent=True, stream=True
        )
        if answer is None:
            return None
        try:
            mode = int(answer.headers.get("X-LXD-mode") or "0", 8)
            folder = answer.headers.get("X-LXD-type") == "directory"
            size = int(answer.headers.get("Content-Length") or 0)
        finally:
            answer.close()
        bits = stat.S_IMODE(mode) | (1 << 31 if folder else 0)
        return {"name": os.path.basename(path), "size": size, "mode": bits, "linkTarget": ""}

    def read_file(self, container: str, path: str, most: int = MOST_FILE) -> bytes:
        """A file's first bytes, at most so many. Raises EngineError, kind `not_found` if it is not there."""
        answer = self.link.raw("GET", f"{self.path_of(container)}/files", params={"path": path}, stream=True)
        assert answer is not None
        try:
            if answer.headers.get("X-LXD-type") != "file":
                return b""
            return bytes(answer.raw.read(most))
        finally:
            answer.close()
