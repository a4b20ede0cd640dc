"""The runtime of system containers: what `hosts.engine.Engine` promises, done by an LXD or Incus server."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from urllib.parse import quote

from django.utils.translation import gettext as _

from hosts import engine_calls, inventory
from hosts.engine_address import ConnectionSpec
from hosts.engine_body import ContainerSpec, Limits
from hosts.engine_errors import EngineError
from hosts.engine_specs import Labels
from hosts.lxd import making, shape
from hosts.lxd.console import ConsoleLines, Consoles
from hosts.lxd.execs import LxdExecs
from hosts.lxd.has_files import WithFiles
from hosts.lxd.has_images import WithImages
from hosts.lxd.has_segments import WithSegments
from hosts.lxd.has_settings import WithSettings
from hosts.lxd.health import Checks, Subject
from hosts.lxd.health_states import State
from hosts.lxd.heard import Heard
from hosts.lxd.inside import LxdInsides
from hosts.lxd.kept import Kept, Memory
from hosts.lxd.kills import Kills
from hosts.lxd.link import CALL_SECONDS, SLOW_SECONDS, Json
from hosts.lxd.meter import LxdMeter
from hosts.lxd.volume_copy import LxdVolumeCopies
from hosts.lxd.volumes import LxdVolumes

STOP_SECONDS = 30  # that an instance's init has to shut down, where nobody says another
WAIT_PAUSE = 0.2  # seconds
SO_ALREADY = re.compile(r"already (running|stopped)|is not running", re.I)


class LxdEngine(WithImages, WithSegments, WithFiles, WithSettings):
    """A connection to one server, safe to use from many threads. Methods raise EngineError and nothing else."""

    def __init__(
        self, spec: ConnectionSpec, api_version: str = "", timeout: float = CALL_SECONDS, kept: Kept | None = None,
        mine: Callable[[Mapping[str, str]], bool] = bool,
    ) -> None:  # fmt: skip
        """`kept`: where what is known of its instances is; without it, in this engine. `mine`: whether an instance of these labels is the
        platform's, so that its health is looked after; any with labels is, unless told otherwise.
        """
        super().__init__(spec, api_version, timeout)
        kept, self._mine = kept or Memory(), mine
        self._checks = Checks(kept)
        self._execs = LxdExecs(self)
        self.copies = LxdVolumeCopies(self)
        self.insides = LxdInsides(self)
        self._volumes = LxdVolumes(self)
        self._consoles = Consoles(self.link, self._found, kept)
        self.meter = LxdMeter(self)
        self.kills = Kills(self)

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

    def list_containers(self, *, all: bool = True, labels: Labels | Iterable[str] = ()) -> list[Json]:
        """Instances, also stopped ones, that carry all the labels (`key`, `key=value`, or a mapping)."""
        marks = [f"{key}={value}" for key, value in labels.items()] if isinstance(labels, Mapping) else list(labels)
        entries, found = [], self._all(2)
        healths = self._checks.seen(map(_subject, found))
        for instance in found:
            seen = shape.inspected(instance, healths[shape.identity(instance)].as_json())
            if shape.wanted(seen["Config"]["Labels"], marks) and (all or seen["State"]["Running"]):
                created = inventory.parse_time(seen["Created"])
                words = inventory.status_words(seen["State"], datetime.now(UTC))
                entries.append(shape.listed(seen, words, int(created.timestamp()) if created else 0))
        return entries

    def inspect(self, container: str) -> Json:
        instance = self._instance(container)
        state = self.link.ask("GET", f"/instances/{quote(instance['name'])}/state", absent=True)
        health = self._looked([instance])[shape.identity(instance)]
        return shape.inspected(instance | {"state": state or {}}, health.as_json())

    def looked_after(self) -> list[Json]:
        """Running instances that are this platform's: nothing is run in others."""
        return [one for one in self._all(1) if shape.is_running(one) and self._mine(shape.labels_of(one))]

    def checked(self) -> list[Json]:
        """Running instances that have a health check; what is known of others is forgotten."""
        found = [one for one in self.looked_after() if shape.check_of(one)]
        self._checks.forget({shape.identity(one) for one in found})
        return found

    def look(self, instances: list[Json]) -> dict[str, str]:
        """How healthy they are by what is known; checks that are due begin."""
        return {identity: state.status for identity, state in self._looked(instances).items()}

    def looked(self, done: int, timeout: float) -> int:
        """Waits until more checks have ended than so many; how many have."""
        return self._checks.wait(done, timeout)

    def _looked(self, instances: list[Json]) -> dict[str, State]:
        for instance in instances:
            since = inventory.parse_time(str(instance.get("last_used_at") or ""))
            if since is not None and shape.is_running(instance) and self._mine(shape.labels_of(instance)):
                up = (datetime.now(UTC) - since).total_seconds()
                subject = _subject(instance)
                self._checks.look(subject, up, partial(self._run_check, subject.identity))
        return self._checks.seen(map(_subject, instances))

    def _run_check(self, identity: str, words: list[str], seconds: float) -> tuple[int, str]:
        """Raises EngineError where nothing came out of it."""
        try:
            return self._execs.whole(identity, words, seconds, {}, noted=False)
        except EngineError as error:
            if error.out_of_reach and error.kind != "timeout":
                raise
            if not shape.is_running(self._instance(identity)):
                raise  # it was frozen meanwhile, or stopped: that says nothing of its health
            return 1, error.message

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
            for change in making.before_start(instance, self._all(1)):
                with self.own("rename" if change.name else "update", change.identity):
                    if change.name:
                        self.link.operate("POST", f"/instances/{quote(change.of)}", body={"name": change.name})
                    else:
                        self.link.operate("PATCH", f"/instances/{quote(change.of)}", body={"devices": change.devices})
            self._all(1)
            # After its new name: a server whose helper for files still has the old one waits 15 s for it at the start.
            instance = self._instance(container)
            for path, text in shape.files_of(instance).items():
                self._write_file(str(instance["name"]), path, text)
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
        return self._execs.whole(container, command, timeout, env or {}, user=user)


def _subject(instance: Json) -> Subject:
    return Subject(shape.identity(instance), str(instance.get("last_used_at")), shape.check_of(instance))
