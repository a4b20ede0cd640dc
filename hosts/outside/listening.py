"""Listens to one host's events for what somebody else does there, and tells the audit log of it.

What was heard waits until an object is quiet for some seconds: then the platform's own calls are known, and what belongs together has
come. How far it was judged is stored with the events, and what came later is read again after a death.
"""

from __future__ import annotations

import json
import logging
import queue
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections, transaction
from django.db.models import Q

from hosts import hooks, labels
from hosts.engine import Engine, EngineError
from hosts.models import Ear, Host, HostOperation, OwnCall
from hosts.outside import shape
from hosts.outside.shape import Deed, Happening, Own, Window
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor

log = logging.getLogger(__name__)
TYPES = ("container", "image", "network", "volume")
ACTIONS = (
    "create", "start", "restart", "stop", "kill", "die", "pause", "unpause", "rename", "update", "destroy", "remove",
    "exec_create", "pull", "tag", "untag", "delete", "import", "load",
)  # fmt: skip
TICK = 0.5  # seconds
JUDGE = 1.0  # seconds between two judgements at least: what got ripe meanwhile is read, and written, together
SAVE = 10.0  # seconds between two notes of how far nothing but the platform's own work was heard
WHO = "somebody else"
USED = 50_000  # that are remembered of what own calls account for


def heard_as(event: Mapping[str, Any], at: float) -> Happening | None:
    """An engine's event as it is judged; None for what is of no interest. Pure."""
    kind, whole = str(event.get("Type") or "container"), str(event.get("Action") or "")
    action, _colon, detail = whole.partition(": ")
    if kind not in TYPES or action not in ACTIONS:
        return None
    actor = event.get("Actor") or {}
    attributes = actor.get("Attributes") or {}
    engine_id = str(actor.get("ID") or "")
    if not engine_id:
        return None
    said = {"kill": attributes.get("signal"), "rename": str(attributes.get("oldName") or "").lstrip("/")}
    mark = f"{event.get('timeNano') or event.get('time')}:{engine_id[:12]}:{action}"
    return Happening(
        kind, action, engine_id, str(attributes.get("name") or ""), at, mark,
        str(detail or said.get(action) or "").strip(), labels.is_ours(attributes), labels.INSTANCE in attributes,
    )  # fmt: skip


def health_command(config: Mapping[str, Any]) -> str:
    """The command of a container's health check as an event of its exec tells it; empty where there is none. Pure."""
    test = (config.get("Healthcheck") or {}).get("Test") or []
    if test[:1] == ["CMD-SHELL"]:
        return " ".join([*(config.get("Shell") or ["/bin/sh", "-c"]), *test[1:]]).strip()
    return " ".join(test[1:]).strip() if test[:1] == ["CMD"] else ""


class Listener:
    """Of one host, beside its watcher. `hear` is quick; a thread judges."""

    def __init__(self, host: Host, engine: Engine) -> None:
        self.host, self.engine = host, engine
        self._queue: queue.Queue[Mapping[str, Any] | None] = queue.Queue()
        self._groups: dict[tuple[str, str], list[Happening]] = {}
        self._checks: dict[str, str] = {}  # container → its health check
        self._died: dict[str, float] = {}
        self._used: set[tuple[str, str, int]] = set()
        self._marks: set[str] = set()
        self._top = 0
        self._saved = time.monotonic()
        self._looked = -JUDGE
        self._thread = threading.Thread(target=self._run, name=f"outside {host.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def hear(self, event: Mapping[str, Any]) -> None:
        self._queue.put(event)

    def close(self) -> None:
        self._queue.put(None)
        self._thread.join(10)

    # --- The thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._ear = self._begin()
            self._listen()
        except Exception:  # the watcher goes on; the next one listens again, from what is stored
            log.exception("Nobody listens to what others do on %s until it is watched anew", self.host.name)
        finally:
            connections.close_all()

    def _listen(self) -> None:
        while True:
            try:
                event = self._queue.get(timeout=TICK if self._groups or self._ear.windows else SAVE)
            except queue.Empty:
                pass
            else:
                if event is None:
                    return
                self._take(event, time.time())
            if self._queue.empty() and time.monotonic() - self._looked >= JUDGE:
                self._looked = time.monotonic()
                self._judge_what_is_ripe()

    def _begin(self) -> Ear:
        """The row; and what the engine still knows of what came while nobody listened."""
        now = int(time.time() * 1e9)
        ear, new = Ear.objects.get_or_create(host=self.host, defaults={"position": now})
        self._top, self._marks = ear.position, set(ear.judged)
        if not new:
            try:
                since = ear.position / 1e9
                with self.engine.events(since=since, until=time.time(), types=TYPES, actions=ACTIONS) as missed:
                    for event in missed:
                        if (nanos := int(event.get("timeNano") or 0)) > ear.position:
                            self._take(event, nanos / 1e9 - (self.host.clock_skew or 0.0))
            except EngineError as error:
                log.info("What was missed of %s is not known: %s", self.host.name, error.message)
        return ear

    def _take(self, event: Mapping[str, Any], at: float) -> None:
        seen = heard_as(event, at)
        if seen is None or seen.mark in self._marks:
            return
        self._marks.add(seen.mark)
        self._top = max(self._top, _nanos(seen.mark))
        if seen.action == "exec_create" and (not seen.ours or seen.detail == self._check_of(seen.id)):
            return  # a health check; what runs inside of other people's containers is theirs
        self._groups.setdefault((seen.kind, seen.id), []).append(seen)

    def _check_of(self, container: str) -> str:
        if container not in self._checks:
            try:
                found = health_command(self.engine.inspect(container).get("Config") or {})
            except EngineError as error:
                log.info("Whether %s has a health check is not known: %s", container[:12], error.message)
                found = ""
            if len(self._checks) > 5000:
                self._checks.clear()
            self._checks[container] = found
        return self._checks[container]

    def _judge_what_is_ripe(self) -> None:
        now = time.time()
        ripe = [key for key, events in self._groups.items() if shape.is_ripe(events, now)]
        over = [one for one in self._windows().values() if one.until <= now]
        due = self._top > self._ear.position and not self._groups and time.monotonic() - self._saved >= SAVE
        if not ripe and not over and not due:
            return
        try:
            self._judge([self._groups[key] for key in ripe], now, keep=[k for k in self._groups if k not in ripe])
        except (DatabaseError, InterfaceError) as error:
            log.warning("What others did on %s is told when the database is back: %s", self.host.name, error)
            connections.close_all()
            return
        for key in ripe:
            del self._groups[key]

    def _judge(self, groups: list[list[Happening]], now: float, keep: list[tuple[str, str]]) -> None:
        """All in one transaction: the events, and how far it is judged."""
        calls = own_calls(self.host, min((events[0].at for events in groups), default=now)) if groups else []
        found: list[Deed] = []
        # (What is judged anew after a database that was away is not used up.)
        used, ended = set(self._used), dict(self._died)
        for events in groups:
            foreign = [one for one in events if not shape.is_own(one, calls, used)]
            done, died = shape.deeds(foreign, ended.pop(events[0].id, None))
            if died is not None:
                ended[events[0].id] = died
            found += done
        waiting = [_nanos(one.mark) for key in keep for one in self._groups[key]]
        position = min([self._top, *(n - 1 for n in waiting)])
        judged = {m for m in self._marks if _nanos(m) > position} - {o.mark for k in keep for o in self._groups[k]}
        with transaction.atomic():
            windows = tell(self.host, found, self._windows(), now)
            values = {"position": position, "judged": sorted(judged), "windows": windows}
            Ear.objects.filter(pk=self._ear.pk).update(**values)
        self._used = used if len(used) < USED else set()
        self._ear.position, self._ear.judged, self._ear.windows = position, sorted(judged), windows
        self._marks = {mark for mark in self._marks if _nanos(mark) > position}
        self._died = {key: at for key, at in ended.items() if now - at < shape.BY_ITSELF}
        self._saved = time.monotonic()

    def _windows(self) -> dict[str, Window]:
        return {key: Window(**{**one, "names": tuple(one["names"])}) for key, one in self._ear.windows.items()}


def _nanos(mark: str) -> int:
    head = mark.partition(":")[0]
    return int(head) if head.isdigit() else 0


def own_calls(host: Host, since: float) -> list[Own]:
    """The platform's calls to the host's engine, and operations on its machine, that may account for something since then."""
    ended = Q(ended=None) | Q(ended__gte=since - shape.SLACK)
    rows = OwnCall.objects.filter(ended, where=host.name, began__gte=since - shape.LONG_END)
    found = [Own(*row) for row in rows.values_list("verb", "target", "began", "ended", "mark", "command")]
    ended = Q(state__in=HostOperation.ACTIVE) | Q(ended__gte=datetime.fromtimestamp(since - shape.SLACK, UTC))
    operations = HostOperation.objects.filter(ended, host=host)
    for began, over in operations.values_list("started", "ended"):
        if began is not None:
            found.append(Own(shape.OPERATION, "", began.timestamp(), over.timestamp() if over else None))
    return found


def tell(host: Host, found: Iterable[Deed], windows: Mapping[str, Window], now: float) -> dict[str, Any]:
    """Writes the audit events, in a transaction; what is left of the windows, as JSON."""
    left = dict(windows)
    for action in [action for action, one in left.items() if one.until <= now]:
        over = left.pop(action)
        if over.more:
            after = {"count": over.more, "names": list(over.names), "since": _moment(over.since)}
            audit.record(_actor(), f"outside.{action}", host, after=after)
    found = list(found)
    whose = _whose(host, [deed for deed in found if deed.kind == "container"])
    for deed in found:
        left[deed.action], single = shape.admitted(left.get(deed.action), deed, now)
        if single:
            parent = whose.get(deed.id)
            after = {
                "title": shape.plain(deed.name or deed.id[:12]),
                "id": shape.plain(deed.id.removeprefix("sha256:")[:12]),
            }
            if deed.detail:
                after["detail"] = shape.plain(deed.detail)
            audit.record(
                _actor(), f"outside.{deed.action}", host, after=after | {"at": _moment(deed.at)}, parent=parent
            )
            live.bump(f"host:{host.pk}")
    return json.loads(json.dumps({action: asdict(one) for action, one in left.items()}))  # type: ignore[no-any-return]


def _whose(host: Host, found: list[Deed]) -> dict[str, Any]:
    """The instance of each container that is one of ours, by engine id."""
    if not found:
        return {}
    whose: dict[str, Any] = {}
    for answer in hooks.ask(hooks.CONTAINER_OWNERS, host.pk, {deed.id: deed.name for deed in found}):
        whose |= answer
    return whose


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _actor() -> Actor:
    return Actor(WHO, via="engine")


def listener_of(host: Host, engine: Engine) -> Listener | None:
    """A listener that listens; None where nobody wants to know."""
    if not settings.HEAR_OUTSIDE:
        return None
    made = Listener(host, engine)
    made.start()
    return made
