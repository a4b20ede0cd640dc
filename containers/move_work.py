"""A step of a move, carried out on two engines: from the host where the instance stands to the one it goes to.

The address must never answer from two places. So the new container is made first but not started, the old one is stopped
and seen to be stopped, the instance's row is switched to the new host, and only then the new one starts. The old one stays,
stopped, until the new one is well: the way back starts it again. Where both runtimes keep volumes the data goes along, between the stop and the switch (`carrying`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from containers import announcing, left_behind
from containers.carrying import Carry, names_of
from containers.ending import StepFailed
from containers.models import Instance, KeptLog, MovedVolume, Step
from containers.steps import making, retiring, rising
from containers.steps.bench import Json
from containers.steps.context import Context
from containers.steps.work import Work
from hosts import probe
from hosts.engine import EngineError, connect
from hosts.helper import NoHelper
from hosts.models import Host
from xqplatform import live

log = logging.getLogger(__name__)
PING_SECONDS = 5.0


class Move(Work):
    """Like `Work`; `self.host` and `self.engine` are those of the host that is being acted on."""

    def __init__(self, context: Context, step: Step, stop: Any, *, fresh: bool = False) -> None:
        super().__init__(context, step, stop, fresh=fresh)
        hosts = Host.objects.in_bulk([self.step.host_id or 0, self.step.old_host_id or 0])
        self.new_host = hosts[self.step.host_id or 0]
        self.old_host = hosts[self.step.old_host_id or 0]

    @property
    def runs(self) -> bool:
        """A stopped instance moves, too, and stays stopped."""
        return self.step.old_wanted_state != "stopped"

    @property
    def _is_back(self) -> str:
        return _("It is back on %(host)s.") % {"host": self.old_host}

    # --- There ---------------------------------------------------------------------------------------------------

    def forward(self) -> None:
        try:
            self.around.begin()
            self._move()
        except (StepFailed, EngineError) as error:
            words = [str(getattr(error, "words", "") or error)]
            if self.step.new_engine_id and not (isinstance(error, EngineError) and error.out_of_reach):
                with self._at(self.new_host):
                    self.step.log = retiring.keep_log(self, self.step.new_engine_id, KeptLog.Why.FAILED)
            self.around.returning = True
            try:
                self._home("")
                words.append(self._is_back)
            except (StepFailed, EngineError) as second:
                words.append(str(getattr(second, "words", "") or second))
            self.save(state="failed", reason=" ".join(words), log=self.step.log)
        else:
            self.point("end")
            self.save(state="done", reason="")

    def _move(self) -> None:
        lost = self._lost()
        carry = None if lost or self._stands_on(self.new_host) else Carry.between(self, self.old_host, self.new_host)
        if carry is not None:
            carry.prepare()
            self._ahead(carry)
        with self._at(self.new_host):
            mine, leftovers = self.look(str(self.step.pk))
            for one in leftovers:
                retiring.retire(self, one["Id"])
            made = making.made(self, mine, self.step.image, self.step.config, str(self.step.pk))
            if self.fixed:
                announcing.prepare(self.engine)
        old = [] if lost else self._found(self.old_host)
        side_by_side = self.context.order == "start-first" and not self.fixed and not lost and self.runs and not carry
        if not side_by_side:
            self._stop_there(self.old_host, old)
        if carry is not None:
            carry.copy()
            self._stands_still(self.old_host)
        if lost:
            self._nobody_answers(made)
        self._switch(self.new_host)
        with self._at(self.new_host):
            if self.runs:
                rising.up(self, made, announced=True)
            else:
                Instance.objects.filter(pk=self.instance.pk).update(state="stopped", drift=[], drift_since=None)
        if side_by_side:
            with self._at(self.old_host):
                self.around.drained(old)
            self._stop_there(self.old_host, old, serves=False)
        self._tidy_up(self.old_host, old)
        left_behind.leave(self, self.old_host, names_of(self))
        retiring.others_ended(self, made)

    def _ahead(self, carry: Carry) -> None:
        running = [one for one in self._found(self.old_host) if one.get("State") == "running"]
        begun = self.times.get("ahead")
        if begun is not None and begun[1] is not None:
            return
        if begun is not None and not running:
            carry.anew()  # it was stopped before all was sure
        elif running:
            self.point("before ahead")
            carry.ahead(str(running[0]["Id"]))
            self.point("after ahead")

    def _stands_on(self, host: Host) -> bool:
        return self.instance.host_id == host.pk

    def _stands_still(self, host: Host) -> None:
        """Nothing wrote to the data while it was copied. Raises StepFailed."""
        with self._at(host):
            for one in self.look("")[1]:
                state = (self.inspect(str(one["Id"])) or {}).get("State") or {}
                if state.get("Running") or state.get("Restarting"):
                    words = _("%(name)s was started on %(host)s while its data was copied.")
                    raise StepFailed(words % {"name": self.instance.name, "host": host})

    def _lost(self) -> bool:
        """Its old host is off, as somebody made sure; should it have come back, this is a move like any other."""
        return self.step.fenced and not self._answers(self.old_host)

    def _answers(self, host: Host) -> bool:
        try:
            connect(host).ping(timeout=PING_SECONDS)
        except EngineError as error:
            return not error.out_of_reach
        return True

    def _nobody_answers(self, made: str) -> None:
        """A host that is off answers nothing: not for its instances' addresses, either."""
        address = self.instance.address
        if address is None or not address.segment.probe:
            return
        with self._at(self.new_host):
            if ((self.inspect(made) or {}).get("State") or {}).get("Running"):
                return  # a dead process has started it already
            try:
                mac = probe.probe(self.engine, address.segment, address.ip)
            except (NoHelper, EngineError) as error:
                self.save(log=_("%(ip)s was not probed: %(why)s") % {"ip": address.ip, "why": error})
                return
        if mac is not None:
            words = _("%(ip)s still answers (MAC %(mac)s): %(host)s is not off. Nothing was started on %(new)s.")
            raise StepFailed(words % {"ip": address.ip, "mac": mac, "host": self.old_host, "new": self.new_host})

    # --- And back ------------------------------------------------------------------------------------------------

    def _bring_back(self) -> None:
        self._home("undoing")

    def _as_it_was(self) -> None:
        self._home("undoing")

    def _home(self, state: str) -> None:
        """The instance stands on its old host again, as before: its old container, or one made of the old release."""
        if self._lost():
            self._leave(self.new_host)
            self._switch(self.old_host)
            Instance.objects.filter(pk=self.instance.pk).update(state="missing", status="")
            return
        mark, back = f"{self.step.pk}b", self._data_back()
        old = sorted(self._found(self.old_host), key=lambda one: (one.get("State") == "running", one.get("Created", 0)))
        with self._at(self.old_host):
            while back is not None and old:  # they have the volumes that were put aside
                retiring.clear(self, str(old.pop()["Id"]))
            keep = str(old[-1]["Id"]) if old else ""
            if not keep and self.step.old_image is not None:
                keep = making.made(self, None, self.step.old_image, self.step.old_config, mark, state=state)
        if not keep:
            raise StepFailed(_("There is nothing that could run on %(host)s again.") % {"host": self.old_host})
        new = self._stop_new()
        if back is not None:
            back.copy()
            self._stands_still(self.new_host)
        self._switch(self.old_host)
        with self._at(self.old_host):
            self._restarts_by_itself(keep)
            if self.runs:
                rising.up(self, keep, state, announced=True)
        self._tidy_up(self.new_host, new)
        if self._went_over():
            left_behind.leave(self, self.new_host, names_of(self))
        else:
            left_behind.withdraw(self.step, ran="start" in self.times)
        retiring.others_ended(self, keep)

    def _went_over(self) -> bool:
        """Whether the instance was well on the new host, so that its data is that of there."""
        return MovedVolume.objects.filter(step=self.step, host=self.old_host, kind=MovedVolume.Kind.LEFT).exists()

    def _data_back(self) -> Carry | None:
        """The way of its data back, where that has gone over."""
        if not self._went_over() or not self._stands_on(self.new_host):
            return None
        left_behind.leave(self, self.old_host, names_of(self))
        carry = Carry.between(self, self.new_host, self.old_host)
        if carry is not None:
            carry.prepare()
        return carry

    def _stop_new(self) -> list[Json]:
        """What was made on the new host, stopped; a host that went away there forbids the way back if it may run."""
        try:
            new = self._found(self.new_host)
        except StepFailed as error:
            if "start" in self.times:
                words = _("Whether it runs on %(host)s is not known, so it is not started on %(old)s. %(why)s")
                text = words % {"host": self.new_host, "old": self.old_host, "why": error}
                raise StepFailed(f"{text} {self._on_the_wire()}".strip()) from error
            return []
        self._stop_there(self.new_host, new, timed=False)
        return new

    def _on_the_wire(self) -> str:
        """Whether the address answers the old host, for who has to decide: silence is no proof, a cable may be out."""
        address = self.instance.address
        if address is None or not address.segment.probe:
            return ""
        try:
            mac = probe.probe(connect(self.old_host), address.segment, address.ip)
        except (NoHelper, EngineError):
            return ""
        if mac is None:
            return _("Nobody answered for %(ip)s on the wire.") % {"ip": address.ip}
        return _("%(ip)s still answers on the wire (MAC %(mac)s).") % {"ip": address.ip, "mac": mac}

    def _leave(self, host: Host) -> None:
        for one in self._found(host):
            with self._at(host):
                retiring.retire(self, one["Id"])

    def _restarts_by_itself(self, engine_id: str) -> None:
        """Undoes what `_stop_there` did to it."""
        version = self.step.old_config
        policy = self.config_of(version).restart_policy
        if policy == "always":
            self.patience.call(self.engine.set_restart, engine_id, policy)

    # --- Pieces --------------------------------------------------------------------------------------------------

    @contextmanager
    def _at(self, host: Host) -> Iterator[None]:
        before = self.host, self.engine
        self.host, self.engine = host, connect(host)
        try:
            yield
        finally:
            self.host, self.engine = before

    def _found(self, host: Host) -> list[Json]:
        """All containers of the instance on the host. Raises StepFailed when it cannot be reached."""
        with self._at(host):
            return self.look("")[1]

    def _stop_there(self, host: Host, containers: list[Json], *, timed: bool = True, serves: bool = True) -> None:
        """Stops them, and looks: what still runs, or could start again by itself, would hold the address."""
        if not containers:
            return
        if serves:
            with self._at(host):
                self.around.before_stop(containers)
        with self._at(host), self.timed("stop" if timed else "", state="stopping" if timed else ""):
            for one in containers:
                engine_id = str(one["Id"])
                self.point("before stop")
                seen = self.inspect(engine_id)
                if seen is None:
                    continue
                if ((seen.get("HostConfig") or {}).get("RestartPolicy") or {}).get("Name") == "always":
                    self.patience.call(self.engine.set_restart, engine_id, "unless-stopped")
                self.patience.call(self.engine.stop, engine_id, retiring.timeout_of(self, engine_id))
                self.point("after stop")
                state = (self.inspect(engine_id) or {}).get("State") or {}
                if state.get("Running") or state.get("Restarting"):
                    words = _("%(name)s does not stop on %(host)s, so it is not started elsewhere.")
                    raise StepFailed(words % {"name": self.instance.name, "host": host})
        if serves:
            self.around.after_stop()

    def _tidy_up(self, host: Host, containers: list[Json]) -> None:
        """Removes what is stopped. A host that is away meanwhile is tidied up when it comes back (`converge.strays`)."""
        with self._at(host):
            for one in containers:
                if not self._answers(host):
                    log.warning("%s on %s is left to be removed later", self.instance, host)
                    return
                retiring.clear(self, str(one["Id"]))

    def _switch(self, host: Host) -> None:
        """From now on the instance stands there: what is seen of it elsewhere is a stray."""
        if self.instance.host_id == host.pk:
            return
        self.point("before switch")
        with transaction.atomic():
            self.save()  # raises Broken when the lease is another process's
            before = self.instance.host_id
            Instance.objects.filter(pk=self.instance.pk).update(host=host)
            self.instance.host = host
            live.bump("hosts", f"host:{before}", f"host:{host.pk}")
        self.point("after switch")
