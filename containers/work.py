"""One step of a deployment, carried out on its engine: forward to the new release, or back to the old one.

Every function may be begun again where a dead process left it: what is there is found by its labels first, a container
that was made just before a `kill -9` is adopted, and names keep a second one from being made.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from builds.models import Image
from builds.registry import auth_of
from containers import announcing, happenings, health, holds, images, keeping_logs, known, live_limits, spec
from containers.config import Config, parse
from containers.ending import Broken, StepFailed
from containers.firstcheck import FirstCheck
from containers.hooks.around import Around
from containers.init_mode import Needs, needs, problems
from containers.leases import Lease
from containers.models import ConfigVersion, Container, Instance, KeptLog, Step
from containers.pulse import ASK_ANYWAY, Pulse
from containers.services import persisted
from containers.services.settings import secrets_of, topic
from containers.wire import SECONDS, Wire
from hosts import helper, labels
from hosts.engine import Engine, EngineError, connect
from hosts.models import Address
from hosts.networks import ensure_network
from hosts.services import addresses
from xqplatform import live
from xqplatform.errors import Refused

log = logging.getLogger(__name__)
SAID = {"reason", "log"}  # of a step: may quote what a container, a hook or an engine said
R = TypeVar("R")
Json = dict[str, Any]
BACK_SECONDS = 60.0
PER_HOST = 6  # creates, starts and removals side by side on one engine
BUSY_ADDRESS_SECONDS = 20.0  # an engine may take a moment to give an endpoint's address free


# Tests put a function here that is told each point between two engine calls (and may raise or kill, as a death would).
PROBE: list[Callable[[str, int], None]] = []


def point(name: str, step: int = 0) -> None:
    """Tells tests where the work is; `step` is 0 where it is the whole deployment's."""
    for probe in PROBE:
        probe(name, step)


@dataclass
class Context:
    """What all steps of one run share."""

    deployment: int
    kind: str
    order: str
    deadline: float
    lease: Lease
    topics: tuple[str, ...]
    pulse: Pulse
    halt: threading.Event = field(default_factory=threading.Event)
    gates: dict[int, threading.BoundedSemaphore] = field(default_factory=dict)
    wide: threading.Lock = field(default_factory=threading.Lock)  # who runs hooks that all steps wait for
    wire: Wire = field(init=False)

    def __post_init__(self) -> None:
        self.wire = Wire(self.deployment)

    def gate(self, host: int) -> threading.BoundedSemaphore:
        return self.gates.setdefault(host, threading.BoundedSemaphore(PER_HOST))


class Patience:
    """Calls an engine, and waits and calls again while it is away, for at most `seconds`; says so in words meanwhile."""

    def __init__(self, context: Context, stop: threading.Event, seconds: float, note: Callable[[str], None]) -> None:
        self._context, self._stop, self._seconds, self._note = context, stop, seconds, note
        self._away_since: float | None = None

    def check(self) -> None:
        """Raises Broken when this process must not act any more."""
        if self._stop.is_set() or self._context.halt.is_set() or not self._context.lease.trusted:
            raise Broken

    def sleep(self, seconds: float) -> None:
        self._stop.wait(seconds)
        self.check()

    def call(self, function: Callable[..., R], *args: Any, **options: Any) -> R:
        delay = 0.2
        while True:
            self.check()
            try:
                result = function(*args, **options)
            except EngineError as error:
                if not (error.retry or error.out_of_reach):
                    raise
                now = time.monotonic()
                self._away_since = self._away_since or now
                left = self._seconds - (now - self._away_since)
                if left <= 0:
                    raise StepFailed(
                        _("%(words)s It was tried for %(seconds)d s.")
                        % {"words": error.words, "seconds": self._seconds}
                    ) from error
                self._note(_("%(words)s Trying again for %(left)d s.") % {"words": error.words, "left": left})
                self.sleep(min(delay, left))
                delay = min(2.0, delay * 1.6)
            else:
                if self._away_since is not None:
                    self._away_since = None
                    self._note("")
                return result


def load(pks: Iterable[int]) -> dict[int, Step]:
    """Steps with all rows that their work needs: those of a batch together, since so wide a query costs more than its rows."""
    rows = Step.objects.filter(pk__in=list(pks)).select_related(
        "instance__place__service", "instance__place__environment", "instance__host", "instance__address__segment",
        "image__registry", "config", "old_image__registry", "old_config",
    )  # fmt: skip
    return {row.pk: row for row in rows}


class Work:
    """A step with its instance and engine. `forward` and `back` leave the step's row in one of its ended states."""

    def __init__(self, context: Context, step: Step, stop: threading.Event, *, fresh: bool = False) -> None:
        """`step`: from `load`; `fresh`: nobody has begun it before."""
        self.context, self.fresh = context, fresh
        self.step = step
        self.instance: Instance = self.step.instance
        self.host = self.instance.host
        self.engine: Engine = connect(self.host)
        self.patience = Patience(context, stop, max(10.0, context.deadline), self._note)
        self.times: Json = dict(self.step.times)
        self.around = Around(self)
        self._before: str | None = None  # the step's reason before it waits for an engine
        self.own_name = False  # the new container was made under the instance's own name

    # --- The two stories -----------------------------------------------------------------------------------------

    def forward(self) -> None:
        """Does what the step's action says."""
        actions = {
            "replace": self._replace, "add": self._replace, "remove": self._remove, "restart": self._restart,
            "stop": self._stop, "start": self._start, "limits": self._limits,
        }  # fmt: skip
        try:
            self.around.begin()
            actions[self.step.action]()
        except (StepFailed, EngineError) as error:
            self._failed("failed", error)
        else:
            self._point("end")
            self.save(state="done", reason="")

    def back(self) -> None:
        """Brings the instance back to what it was before the step."""
        self.save(state="undoing")
        try:
            with self._timed("undo"):
                if self.step.action in {"replace", "add", "remove"}:
                    self._bring_back()
                elif self.step.action == "limits":
                    self._limits_back()
                else:
                    self._as_it_was()
        except (StepFailed, EngineError) as error:
            self._failed("undo_fail", error)
        else:
            self.save(state="undone")

    def _failed(self, state: str, error: Exception) -> None:
        words = getattr(error, "words", None) or str(error)
        mine = self.step.new_engine_id
        text = ""
        if mine and not (isinstance(error, EngineError) and error.out_of_reach):
            text = self._keep_log(mine, KeptLog.Why.FAILED)
        self.save(state=state, reason=words, **({"log": text} if text else {}))

    # --- Replace, add, remove ------------------------------------------------------------------------------------

    def _replace(self) -> None:
        """The new container is made beside the old one, so that what cannot be made stops nothing, and the instance is out
        of service only from the stop of the old to the health of the new. What is left of the old one is tidied up while
        the new one comes up.
        """
        mine, others = self._first_look() if self.fresh else self._look(str(self.step.pk))
        self._claim_state("running")
        if mine is not None and self._left_ill(mine):
            self._retire_all([mine])
            mine = None
        made = self._made(mine, self.step.image, self.step.config, str(self.step.pk), beside=bool(others))
        if self.step.action == "add":
            self._nobody_else_answers(made)
        if self.context.order == "start-first" and self.step.action == "replace" and not self._fixed:
            self._save_data(made, others)
            self._bring_up(made, self._deadline())
            self.around.drained(others)
            self._retire_all(others, state="starting", serves=False)
            self._take_name(made, mine, others)
        else:
            self._stop_all(others)
            self._save_data(made, others)
            self._up(
                made,
                announced=self.step.action == "add" and self._fixed and announcing.was_elsewhere(self.instance),
                tidy=lambda: self._tidy(made, mine, others),
            )
        self._others_ended(made)

    def _save_data(self, made: str, others: list[Json]) -> None:
        """Whoever keeps data keeps it as it is before the new container starts; where that fails nothing new does."""
        for keeper in holds.KEEPERS:
            if keeper.wants(self.step):
                with self._timed("snapshot", state="stopping"):
                    self._point("before snapshot")
                    self.patience.call(
                        keeper.save, self.step, [one["Id"] for one in others] or [made], self.patience.check
                    )
                    self._point("after snapshot")

    def _put_data_back(self, stopped: list[Json]) -> None:
        """On the way back, if that is wanted, and before the old container starts. `stopped`: who has to be for that."""
        for keeper in holds.KEEPERS:
            if keeper.goes_back(self.step):
                for one in stopped:
                    self.patience.call(self.engine.stop, one["Id"], self._timeout_of(one["Id"]))
                self._point("before data back")
                self.patience.call(keeper.put_back, self.step, self.patience.check)
                self._point("after data back")

    def _left_ill(self, one: Json) -> bool:
        """Whether an earlier try left it like this: somebody asked for another try, and to watch it once more is none."""
        if not self.step.tries or self.step.new_engine_id == one["Id"]:
            return False
        seen = self._inspect(one["Id"])
        return seen is not None and health.shown_state(seen) not in {"healthy", "running"}

    def _nobody_else_answers(self, made: str) -> None:
        """A new address is not used while a stranger answers on it: it is put aside, and the next try has another."""
        address = self.instance.address
        if address is None or not address.segment.probe:
            return
        answer, until = self.context.wire.ask(self.host.pk), time.monotonic() + SECONDS
        while not answer.ready.is_set() and time.monotonic() < until:
            self.patience.check()
            answer.ready.wait(0.1)
        if answer.why or not answer.ready.is_set():
            why = answer.why or _("no answer in time")
            self.save(log=_("%(ip)s was not probed before its first use: %(why)s") % {"ip": address.ip, "why": why})
        mac = answer.strangers.get(address.ip)
        # A dead process may have started it already: then our own MAC answers.
        if mac is None or (mac == address.mac and not self.fresh):
            return
        self._clear(made)
        words = _("%(ip)s answers from MAC %(mac)s.") % {"ip": address.ip, "mac": mac}
        try:
            with transaction.atomic():
                other = addresses.exchange(address, words)
                Instance.objects.filter(pk=self.instance.pk).update(address=other, ip=other.ip)
        except Refused as refusal:
            raise StepFailed(f"{words} {refusal.message}") from refusal
        more = _("It is reserved now, and the instance has %(ip)s for the next try.") % {"ip": other.ip}
        raise StepFailed(f"{words} {more}")

    def _first_look(self) -> tuple[Json | None, list[Json]]:
        """Nobody has worked on this step: the rows know what is there, and the engine need not be asked."""
        ids = Container.objects.filter(instance=self.instance, ended=None).values_list("engine_id", flat=True)
        if not ids and self.step.action != "add":
            return self._look(str(self.step.pk))
        return None, [{"Id": engine_id} for engine_id in ids]

    def _stop_all(self, containers: list[Json]) -> None:
        if not containers:
            return
        self.around.before_stop(containers)
        with self._timed("stop", state="stopping"):
            for one in containers:
                self._point("before stop")
                self.patience.call(self.engine.stop, one["Id"], self._timeout_of(one["Id"]))
                self._point("after stop")
        self.around.after_stop()

    def _tidy(self, made: str, mine: Json | None, others: list[Json]) -> None:
        for one in others:
            self._clear(one["Id"])
        self._take_name(made, mine, others)

    def _take_name(self, made: str, mine: Json | None, others: list[Json]) -> None:
        """The new container was made beside the old one under another name."""
        if self.own_name or (mine is None and not others):
            return
        self._point("before rename")
        for _attempt in range(5):
            try:
                return self.patience.call(self.engine.rename, made, self.instance.name)
            except EngineError as error:
                if error.kind != "conflict" or self._who_has(self.instance.name, str(self.step.pk)):
                    raise
        return None

    def _others_ended(self, made: str) -> None:
        """Rows of containers that vanished without us are closed, too."""
        Container.objects.filter(instance=self.instance, ended=None).exclude(engine_id=made).update(
            ended=timezone.now()
        )

    def _remove(self) -> None:
        _mine, others = self._look("")
        self._retire_all(others)
        self._others_ended("")

    def _bring_back(self) -> None:
        """Old container still there: it serves again. Gone: made anew from the old image and the old settings."""
        mark = f"{self.step.pk}b"
        mine, others = self._look(mark)
        new = [one for one in others if _label(one, spec.STEP) == str(self.step.pk)]
        old = [one for one in others if one not in new]
        if new and not self.step.log:
            self.save(log=self._keep_log(new[0]["Id"], KeptLog.Why.REPLACED))
        if old and mine is None:
            self._retire_all(new, state="undoing")
            self._put_data_back(old)
            self._run_old(old)
            return
        self._retire_all([*new, *old], state="undoing")
        self._put_data_back([mine] if mine is not None else [])
        if self.step.old_image is None:
            if mine is not None:
                self._retire_all([mine], state="undoing")
            return
        made = self._made(mine, self.step.old_image, self.step.old_config, mark, state="undoing")
        self._bring_up(made, self._deadline(), state="undoing")
        self._others_ended(made)

    def _run_old(self, old: list[Json]) -> None:
        keep, *rest = old
        self._retire_all(rest, state="undoing")
        self.patience.call(self.engine.rename, keep["Id"], self.instance.name)
        self._others_ended(keep["Id"])
        if self.step.old_wanted_state == "running":
            if (self.times.get("stop") or [0, 0])[1] is None:  # a stop that nobody waited for may still be under way
                self.patience.call(self.engine.stop, keep["Id"], self._timeout_of(keep["Id"]))
            self._bring_up(keep["Id"], self._deadline(), state="undoing")

    # --- Restart, stop, start ------------------------------------------------------------------------------------

    def _restart(self) -> None:
        there = self._there()
        self._claim_state("running")
        if there is None:
            made = self._made(None, self.step.image, self.step.config, str(self.step.pk))
            return self._bring_up(made, self._deadline())
        again = self._left_ill(there)
        if again or "start" not in self.times:  # else a dead process has stopped it already
            self.around.before_stop([there])
            with self._timed("stop", state="stopping"):
                self._point("before stop")
                self.patience.call(self.engine.stop, there["Id"], self._stop_timeout(self.step.old_config))
            self.around.after_stop()
        if again:
            self.save(new_engine_id=there["Id"])  # it is this try's from now on
        return self._bring_up(there["Id"], self._deadline())

    def _stop(self) -> None:
        self._claim_state("stopped")
        there = self._there()
        if there is not None:
            self.around.before_stop([there])
            with self._timed("stop", state="stopping"):
                self.patience.call(self.engine.stop, there["Id"], self._stop_timeout(self.step.old_config))
            self.around.after_stop()
        Instance.objects.filter(pk=self.instance.pk).update(state="stopped", drift=[], drift_since=None)

    def _start(self) -> None:
        there = self._there()
        self._claim_state("running")
        if there is not None and there.get("State") == "running" and self._left_ill(there):
            self.patience.call(self.engine.stop, there["Id"], self._stop_timeout(self.step.config))
            self.save(new_engine_id=there["Id"])
        made = there["Id"] if there else self._made(None, self.step.image, self.step.config, str(self.step.pk))
        self._bring_up(made, self._deadline())

    def _as_it_was(self) -> None:
        there = self._there()
        self._claim_state(self.step.old_wanted_state)
        if there is None:
            return
        if self.step.old_wanted_state == "stopped":
            self.around.before_stop([there])
            self.patience.call(self.engine.stop, there["Id"], self._stop_timeout(self.step.old_config))
        else:
            self._bring_up(there["Id"], self._deadline(), state="undoing")

    # --- Limits --------------------------------------------------------------------------------------------------

    def _limits(self) -> None:
        """The running container takes new limits; nothing is stopped. What the engine refuses leaves the old ones."""
        there = self._there()
        if there is None:
            raise StepFailed(_("There is no container that could take new limits."))
        old, new = self._config(self.step.old_config), self._config(self.step.config)
        self._point("before limits")
        if new.memory < old.memory and there.get("State") == "running":
            self._enough_memory(there["Id"], new)
        with self._timed("limits", state="starting"):
            warnings = self.patience.call(self.engine.update, there["Id"], spec.limits_of(new))
        self._point("after limits")
        self._has_limits(there["Id"], self.step.config, live_limits.words(live_limits.changes(old, new)))
        files = spec.limits_of(new).cgroup(self.host.cgroup_version or "1")
        self.save(log="\n".join([*warnings, *(f"{name} = {value}" for name, value in files.items())]))

    def _limits_back(self) -> None:
        there = self._there()
        if there is None or self.step.old_config is None:
            return
        self.patience.call(self.engine.update, there["Id"], spec.limits_of(self._config(self.step.old_config)))
        Container.objects.filter(engine_id=there["Id"]).update(config=self.step.old_config)

    def _enough_memory(self, engine_id: str, new: Config) -> None:
        try:
            used = self.patience.call(self.engine.memory_used, engine_id)
        except EngineError as error:
            if error.out_of_reach:
                raise
            used = None  # it cannot tell: then the engine decides
        why = live_limits.too_small(new, used)
        if why:
            raise StepFailed(why)

    def _has_limits(self, engine_id: str, version: ConfigVersion | None, words: str) -> None:
        """Said once, also when a dead process got as far as the engine's answer."""
        with transaction.atomic():
            rows = Container.objects.filter(engine_id=engine_id).exclude(config=version)
            row = rows.select_related("instance").first()
            if row is not None and rows.filter(pk=row.pk).update(config=version):
                happenings.limits_changed(row, words)

    def _config(self, version: ConfigVersion | None) -> Config:
        return parse(version.content) if version is not None else Config()

    # --- Pieces --------------------------------------------------------------------------------------------------

    @property
    def _address(self) -> Address | None:
        """What the container that is made next has."""
        return self.instance.address

    @property
    def _fixed(self) -> bool:
        return self.instance.address_id is not None

    def _deadline(self) -> float:
        """When an instance must be healthy. The way back has more time: nothing comes after it that could help."""
        seconds = self.context.deadline
        return time.monotonic() + (max(seconds, BACK_SECONDS) if self.step.state == "undoing" else seconds)

    def _stop_timeout(self, version: ConfigVersion | None) -> int:
        return self._config(version).stop_timeout

    def _point(self, name: str) -> None:
        self.patience.check()
        point(name, self.step.pk)

    def _claim_state(self, wanted: str) -> None:
        """Notes first what is wanted, so that what follows is no drift."""
        if self.instance.wanted_state != wanted:
            Instance.objects.filter(pk=self.instance.pk).update(wanted_state=wanted)
            self.instance.wanted_state = wanted

    def _look(self, mark: str) -> tuple[Json | None, list[Json]]:
        """This step's own container, if it is there, and all others of the instance."""
        marks = {labels.INSTANCE: str(self.instance.pk), labels.PLATFORM: labels.installation()}
        found = self.patience.call(self.engine.list_containers, labels=marks)
        mine = [one for one in found if mark and _label(one, spec.STEP) == mark]
        return (mine[0] if mine else None), [one for one in found if one not in mine[:1]]

    def _there(self) -> Json | None:
        """The instance's container: the one that runs, else the newest."""
        mine, others = self._look(str(self.step.pk))
        found = sorted(
            [*([mine] if mine else []), *others], key=lambda one: (one.get("State") == "running", one.get("Created", 0))
        )
        return found[-1] if found else None

    def _retire_all(self, containers: list[Json], state: str = "stopping", *, serves: bool = True) -> None:
        """`serves`: one of them may be what the instance's traffic goes to."""
        if not containers:
            return
        if serves:
            self.around.before_stop(containers)
        with self._timed("stop" if state != "undoing" else "", state=state):
            for one in containers:
                self._retire(one["Id"])
        if serves:
            self.around.after_stop()

    def _retire(self, engine_id: str) -> None:
        """Stops it gracefully, keeps its last words and its exit code, removes it."""
        self._point("before stop")
        self.patience.call(self.engine.stop, engine_id, self._timeout_of(engine_id))
        self._clear(engine_id)

    def _timeout_of(self, engine_id: str) -> int:
        if engine_id == self.step.old_engine_id:
            return self._stop_timeout(self.step.old_config)
        row = Container.objects.filter(engine_id=engine_id).select_related("config").first()
        return self._stop_timeout(row.config if row is not None else self.step.old_config)

    def _clear(self, engine_id: str) -> None:
        """Keeps a stopped container's last words and exit code, and removes it."""
        self._point("before remove")
        seen = self._inspect(engine_id)
        self._keep_log(engine_id, KeptLog.Why.REMOVED if self.step.action == "remove" else KeptLog.Why.REPLACED)
        with self.context.gate(self.host.pk):
            self.patience.call(self.engine.remove, engine_id, force=True)
        self._point("after remove")
        state = (seen or {}).get("State") or {}
        if state.get("OOMKilled"):
            happenings.noticed_oom(engine_id, state)
        Container.objects.filter(engine_id=engine_id, ended=None).update(
            ended=timezone.now(),
            exit_code=state.get("ExitCode"),
        )

    def _inspect(self, engine_id: str) -> Json | None:
        try:
            return self.patience.call(self.engine.inspect, engine_id)
        except EngineError as error:
            if error.kind == "not_found":
                return None
            raise

    def _keep_log(self, engine_id: str, why: str) -> str:
        """Keeps its last lines; the very last of them as text, empty when there are none."""
        return keeping_logs.keep(
            self.engine, engine_id, self.instance.pk, why, host=self.host.name, deployment=self.context.deployment
        )

    def _made(
        self,
        mine: Json | None,
        image: Image | None,
        version: ConfigVersion | None,
        mark: str,
        *,
        state: str = "creating",
        beside: bool = False,
    ) -> str:
        """The id of this step's container, made now unless it is there already."""
        if mine is not None:
            engine_id = str(mine["Id"])
        else:
            if image is None:
                raise StepFailed(_("No release is stored that a container could be made of."))
            with self._timed("create" if state == "creating" else "", state=state):
                self._point("before create")
                engine_id = self._create(self.spec_for(image, version, mark, beside=beside), image, mark)
                self._point("after create")
        with transaction.atomic():
            row, _new = Container.objects.get_or_create(
                engine_id=engine_id,
                instance=self.instance,
                defaults={
                    "host": self.host,
                    "image": image,
                    "config": version,
                    "deployment_id": self.context.deployment,
                },
            )
            if version is not None:
                persisted.note(row, parse(version.content), self._address)
            self.save(new_engine_id=engine_id)
        return engine_id

    def _create(self, wanted: spec.ContainerSpec, image: Image, mark: str) -> str:
        for _attempt in range(10):
            try:
                with self.context.gate(self.host.pk):
                    return self.patience.call(self.engine.create, wanted)
            except EngineError as error:
                if error.kind == "conflict":
                    if self._runs_beside(wanted.name, mark):
                        self.own_name = True
                        wanted = replace(wanted, name=self.instance.name)
                        continue
                    found = self._who_has(wanted.name, mark)
                    if found:
                        return found
                elif error.kind == "not_found":
                    self.prepare(image)
                else:
                    raise
        raise StepFailed(_("The name %(name)s stays in use on %(host)s.") % {"name": wanted.name, "host": self.host})

    def _runs_beside(self, name: str, mark: str) -> bool:
        """What runs still has the name of one that is made beside: its runtime renames nothing that runs, or a process died
        before it did. Then the instance's own name is free for the new one.
        """
        if name == self.instance.name or self._inspect(self.instance.name) is not None:
            return False
        seen = self._inspect(name) or {}
        marks = (seen.get("Config") or {}).get("Labels") or {}
        mine = labels.is_ours(marks) and marks.get(labels.INSTANCE) == str(self.instance.pk)
        return mine and marks.get(spec.STEP) != mark and bool((seen.get("State") or {}).get("Running"))

    def _who_has(self, name: str, mark: str) -> str:
        """The name is in use. Ours, of this step: its id (a call got through although its answer was lost, or a dead
        process sent it). A leftover of ours is removed; a foreign container is never touched: StepFailed.
        """
        seen = self._inspect(name)
        if seen is None:
            self.patience.sleep(0.5)  # the name is reserved, the container not there yet, or going
            return ""
        marks = (seen.get("Config") or {}).get("Labels") or {}
        instance = marks.get(labels.INSTANCE, "")
        ours = labels.is_ours(marks)
        if ours and instance == str(self.instance.pk) and marks.get(spec.STEP) == mark:
            return str(seen["Id"])
        stands = instance.isdigit() and Instance.objects.filter(pk=int(instance), removed=None).exists()
        if not ours or (stands and instance != str(self.instance.pk)):
            words = _("On %(host)s another container has the name %(name)s; rename or remove it.")
            raise StepFailed(words % {"host": self.host, "name": name})
        self._retire(str(seen["Id"]))
        return ""

    def prepare(self, image: Image) -> None:
        """Again what the engine has lost: the image, the network."""
        prepare(self.engine, image, self._segment(), self.patience)

    def _segment(self) -> Any:
        return self.instance.address.segment if self.instance.address is not None else None

    def spec_for(
        self, image: Image, version: ConfigVersion | None, mark: str, *, beside: bool = False
    ) -> spec.ContainerSpec:
        """What the engine is asked for, from the stored rows."""
        needed = self._init_needs(parse(version.content) if version is not None else Config(), image)
        place = replace(self.spec_place, init=needed)
        return spec.container_spec(
            place,
            parse(version.content) if version is not None else Config(),
            secrets_of(version),
            image.reference,
            platform=labels.installation(),
            deployment=self.context.deployment,
            step=mark,
            config_version=version.version if version is not None else 0,
            name=f"{place.name}-next" if beside else "",
        )

    @property
    def spec_place(self) -> spec.Place:
        """Where the container stands that is made next."""
        address = self._address
        return spec.Place(
            service=self.instance.place.service.slug,
            environment=self.instance.place.environment.slug,
            number=self.instance.number,
            instance=self.instance.pk,
            network=address.segment.network_name if address else "",
            ip=address.ip if address else "",
            mac=address.mac if address else "",
            dns=tuple(address.segment.dns) if address else (),
            dns_search=tuple(address.segment.search) if address else (),
            folder=persisted.folder(self.host, address.ip) if address else "",
        )

    def _init_needs(self, config: Config, image: Image) -> Needs:
        """What the image's init needs, in init mode. Raises StepFailed for an image that breaks the rules of it."""
        if config.init != "image":
            return Needs()
        if not self.patience.call(self.engine.has_image, image.reference):
            self.prepare(image)
        facts = self.patience.call(images.ensure, self.engine, image)
        if broken := problems(facts):
            raise StepFailed(" ".join(broken))
        return needs(facts.kind, self.host.cgroup_version, facts.stop_signal)

    def _bring_up(
        self, engine_id: str, deadline: float, state: str = "starting", tidy: Callable[[], None] | None = None
    ) -> None:
        """Starts it if it does not run, and waits until it is well; `tidy` is done meanwhile. Raises StepFailed."""
        forward = state == "starting"
        self.around.before_start()
        with self._timed("start" if forward else "", state=state):
            self._point("before start")
            self._begin(engine_id)
            self._point("after start")
        late: Callable[[], None] | None = None
        with self._timed("healthy" if forward else ""):
            if tidy is not None:
                try:
                    tidy()
                except EngineError as error:
                    if "sandbox" not in error.message:
                        raise
                    late = tidy  # its program has just ended: that is the reason to tell, and the watch below sees it
            seen = self._watch(engine_id, deadline)
            if late is not None:
                late()
        now = timezone.now()
        Container.objects.filter(engine_id=engine_id).update(
            healthy=now, started=now, ended=None, exit_code=None, oom_killed=False
        )
        fresh: Json = {"state": health.shown_state(seen), "seen": now, "drift": [], "drift_since": None}
        if not self._fixed:
            fresh["ip"] = _ip(seen)
        with transaction.atomic():
            Instance.objects.filter(pk=self.instance.pk).update(**fresh)
            if fresh.get("ip", self.instance.ip) != self.instance.ip:
                old, self.instance.ip = self.instance.ip, fresh["ip"]
                self.around.readdressed(old)
        self.around.after_start(engine_id)

    def _up(
        self, engine_id: str, state: str = "starting", *, announced: bool, tidy: Callable[[], None] | None = None
    ) -> None:
        """Brings it up; meanwhile its address is announced, if it was on another host before."""
        address = self.instance.address
        if not announced or address is None:
            return self._bring_up(engine_id, self._deadline(), state=state, tidy=tidy)
        words = announcing.begin(self.engine, address, engine_id, lambda: point("after announce", self.step.pk))

        def meanwhile() -> None:
            if words.ident is None:  # it may be tidied up once more
                words.start()
            if tidy is not None:
                tidy()

        self._bring_up(engine_id, self._deadline(), state=state, tidy=meanwhile)
        words.join(helper.SECONDS)

    def _begin(self, engine_id: str) -> None:
        until = time.monotonic() + BUSY_ADDRESS_SECONDS
        prepared = False
        while True:
            try:
                with self.context.gate(self.host.pk):
                    return self.patience.call(self.engine.start, engine_id)
            except EngineError as error:
                if error.kind == "not_found" and not prepared and self._segment() is not None:
                    prepared = True  # its network went with somebody's clean-up
                    self.patience.call(ensure_network, self.engine, self._segment())
                    continue
                busy = "ddress already in use" in error.message
                if not busy or time.monotonic() > until:
                    raise
                self.patience.sleep(0.5)

    def _watch(self, engine_id: str, deadline: float) -> Json:
        """Waits for health; what the engine says of it is asked for when it has something to tell."""
        delay, ran_since, began = 0.1, None, time.monotonic()
        self.context.pulse.listen(self.host.pk, self.engine)
        run = None
        first = FirstCheck(self.engine, engine_id)
        verdict = health.Verdict("starting")
        self._point("before healthy")
        while True:
            try:
                seen = self.patience.call(self.engine.inspect, engine_id)
            except EngineError as error:
                if error.kind == "not_found":
                    raise StepFailed(_("The container was removed by somebody while it started.")) from error
                raise
            now = time.monotonic()
            if run != (seen["State"].get("StartedAt"), seen.get("RestartCount")):
                run, ran_since = (seen["State"].get("StartedAt"), seen.get("RestartCount")), now
            verdict = health.judge(seen, now - (ran_since or now))
            if verdict.state == "healthy":
                return seen
            if verdict.state == "failed":
                raise StepFailed(verdict.why)
            if first.passes(seen):
                return {**seen, "State": {**seen["State"], "Health": {"Status": "healthy"}}}
            if now >= deadline:
                words = _("It was not healthy within %(seconds)d s. %(why)s")
                raise StepFailed(words % {"seconds": now - began, "why": verdict.why})
            if health.has_check(seen):
                self.context.pulse.wait(self.host.pk, engine_id, delay, self.patience.sleep, first.wait or ASK_ANYWAY)
            else:
                self.patience.sleep(delay)
            delay = 0.1 if now - began < 5 else min(0.5, delay * 1.2)

    # --- The row -------------------------------------------------------------------------------------------------

    @contextmanager
    def _timed(self, name: str, state: str = "") -> Iterator[None]:
        began = time.time()
        if name:
            self.times[name] = [began, None]
        self.save(**({"state": state} if state else {}), times=self.times)
        try:
            yield
        finally:
            if name:
                self.times[name] = [began, time.time()]

    def _note(self, words: str) -> None:
        """What it waits for meanwhile; empty: for nothing any more, and what was said before holds again."""
        if self._before is None:
            self._before = self.step.reason
        self.save(reason=words or self._before)
        if not words:
            self._before = None

    def save(self, **fields: Any) -> None:
        """Writes the step's row, but only while this process has the lease. Raises Broken when it has not."""
        self.patience.check()
        fields.setdefault("times", self.times)
        for name in SAID & fields.keys():
            fields[name] = known.of_place(self.instance.place_id)(fields[name])
        for name, value in fields.items():
            setattr(self.step, name, value)
        changed = Step.objects.filter(pk=self.step.pk, deployment__lease=self.context.lease.text).update(**fields)
        if not changed:
            self.context.halt.set()
            raise Broken
        live.bump(*self.context.topics, f"instance:{self.instance.pk}")

    # --- For what is done around a step (`containers.hooks.around`) -----------------------------------------------

    def timed(self, name: str, state: str = "") -> AbstractContextManager[None]:
        return self._timed(name, state)

    def point(self, name: str) -> None:
        self._point(name)

    def config_of(self, version: ConfigVersion | None) -> Config:
        return self._config(version)


def prepare(
    engine: Engine,
    image: Image | None,
    segment: Any,
    patience: Patience,
    *,
    progress: Any = None,
    on_stream: Any = None,
) -> None:
    """What a host needs before its first container: the image, and the segment's network.

    `on_stream` gets the pull, which another thread may stop.
    """
    if image is not None and not patience.call(engine.has_image, image.reference):
        registry = image.registry
        if registry is None or not image.digest:
            raise StepFailed(
                _("The image %(tag)s is not on %(host)s, and no registry holds it.")
                % {"tag": image.tag, "host": engine.where}
            )
        patience.call(engine.pull, image.reference, auth_of(registry), progress, on_stream)
    if segment is not None:
        wrong = [text for text in patience.call(ensure_network, engine, segment) if text.startswith(("CIDR", "driver"))]
        if wrong:
            raise StepFailed(
                _("The network %(name)s on %(host)s is not the segment's (is, should be): %(what)s")
                % {"name": segment.network_name, "host": engine.where, "what": "; ".join(wrong)}
            )


def _label(container: Json, name: str) -> str:
    return str((container.get("Labels") or {}).get(name, ""))


def _ip(seen: Json) -> str:
    networks = ((seen.get("NetworkSettings") or {}).get("Networks") or {}).values()
    return next((n["IPAddress"] for n in networks if n.get("IPAddress")), "")


def topics_of(deployment: Any) -> tuple[str, ...]:
    """The live topics that a deployment's progress is told to."""
    return (f"release:{deployment.pk}", topic(deployment.place), "services")
