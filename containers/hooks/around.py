"""What is done around a step of a change: its hooks, and the traffic of its instance. One `Around` a step's work."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.translation import gettext as _

from containers.config import Config
from containers.hooks import running, shape
from containers.hooks.kinds import Outcome, Setting
from containers.hooks.running import Guard
from containers.hooks.shape import Hook
from containers.models import ConfigVersion, Deployment, HookRun, Serving, Step, Upstream
from containers.services.settings import secrets_of
from containers.traffic import fronts, rows
from hosts.models import Host

if TYPE_CHECKING:
    from containers.steps.bench import Bench

WIDE_KINDS = ("deploy",)  # the changes that have hooks of their own: others have their instances' only
NGINX_SECONDS = 60.0  # for all hosts of a front to take a file, in one try


class Around:
    """`back`: on the way back, by the settings that are gone back to."""

    def __init__(self, work: Bench) -> None:
        self.work = work
        self.place = work.instance.place
        self.returning = False  # a move that failed brings the instance home within its own step

    # --- By what it goes ------------------------------------------------------------------------------------------

    @property
    def back(self) -> bool:
        return self.returning or self.work.step.state == "undoing"

    @property
    def version(self) -> ConfigVersion | None:
        step = self.work.step
        return (step.old_config or step.config) if self.back else (step.config or step.old_config)

    @property
    def config(self) -> Config:
        return self.work.config_of(self.version)

    # --- The points -----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Before the first thing is done for the step: hooks of the release and of its batch, once for all steps."""
        if self.config.traffic.way != "none":
            rows.ensure(self.place, self.config.traffic)
        if (
            self.back
            or self.work.context.kind not in WIDE_KINDS
            or not any(h.at in shape.WIDE for h in self.config.hooks)
        ):
            return
        with self._alone():
            batch = self.work.step.batch
            self._wide("release.before", None)
            if batch:
                self._wide("batch.after", batch - 1)
            self._wide("batch.before", batch)

    def before_stop(self, containers: Sequence[Mapping[str, Any]]) -> None:
        """Takes the instance out of traffic, waits until it is drained, and runs what is to be run before the stop.

        On the way back a container that does not run is no reason to wait for anything.
        """
        running = [one for one in containers if one.get("State", "running") in {"running", "restarting", "paused"}]
        if self.back and not running:
            return
        container = str((running or containers)[0]["Id"])
        self._take_out(container)
        self._run("stop.before", container)

    def after_stop(self) -> None:
        self._run("stop.after")

    def before_start(self) -> None:
        self._run("start.before")

    def after_start(self, container: str) -> None:
        """It is well: what is to be run before it gets traffic, then traffic."""
        self._run("start.after", container)
        self._put_in(container)

    def readdressed(self, old: str) -> None:
        """An engine gave it another address than it had: all fronts have to hear it, also of one that stays in."""
        if old and not self.back and not self.work.step.old_ip:
            self.work.step.old_ip = old  # hooks take it out, when the new one is in
            Step.objects.filter(pk=self.work.step.pk).update(old_ip=old)
        self._ported()
        rows.changed(self.place)

    def drained(self, old: Sequence[Mapping[str, Any]] = ()) -> None:
        """Waits as after a taking out: a new container has taken the place of the `old` one in traffic."""
        if self._beside():
            self._run("traffic.out", str(old[0]["Id"]) if old else "", self.work.step.old_ip)
        if self.config.traffic.way != "none":
            self._drain()

    def _beside(self) -> bool:
        """Whether hooks have to be told of two addresses: it came up beside the old container and stayed in all the time."""
        step, instance = self.work.step, self.work.instance
        moved = bool(step.old_ip) and step.old_ip != instance.ip and instance.address_id is None
        in_ = rows.state_of(instance) == Serving.State.IN
        return moved and in_ and not self.back and self.config.traffic.way == "hooks"

    # --- Traffic --------------------------------------------------------------------------------------------------

    def _take_out(self, container: str) -> None:
        traffic = self.config.traffic
        if traffic.way == "none":
            return
        if rows.claimed(self.work.instance, self.work.step) == Serving.State.OUT:
            return
        with self.work.timed("out", state="" if self.back else "stopping"):
            self.work.point("before out")
            self._say(Serving.State.LEAVING)
            self._front("traffic.out")
            self._run("traffic.out", container)
            self._drain()
            self._say(Serving.State.OUT)
            self.work.point("after out")

    def _drain(self) -> None:
        """At most so many seconds; nginx's old workers, once they have gone, have no request left for it."""
        traffic, began = self.config.traffic, time.monotonic()
        if not traffic.drain:
            return
        if traffic.way == "nginx":
            found = [(one.front, one.host) for one in self._upstreams()]
            if found and fronts.drained(found, traffic.drain, self.work.patience.check):
                return
        self.work.patience.sleep(max(0.0, traffic.drain - (time.monotonic() - began)))

    def _put_in(self, container: str) -> None:
        if self.config.traffic.way == "none":
            return
        if rows.state_of(self.work.instance) == Serving.State.IN:
            # It stayed in with a container of another address: the one of before goes when fronts, or hooks, know that.
            if self._beside():
                self._run("traffic.in", container)
            if self.work.instance.address_id is None and any(one.applied < one.wanted for one in self._upstreams()):
                self._front("traffic.in")
            return
        if self._deployment().policy.get("strategy") == "blue-green":
            return  # the switch puts in a whole side at once
        with self.work.timed("in"):
            self.work.point("before in")
            self._run("traffic.in", container)
            self._ported()
            self._say(Serving.State.IN)
            self._front("traffic.in")
            self.work.point("after in")

    def _ported(self) -> None:
        """From now on its container is one of these settings."""
        if self.config.traffic.way == "nginx":
            rows.ported(self.work.instance, self.config.traffic.port)

    def _say(self, state: str) -> None:
        self.work.save()  # raises Broken when the lease is another process's
        rows.put(self.work.instance, state, self.work.step)

    def _upstreams(self) -> list[Upstream]:
        found = Upstream.objects.filter(place=self.place, front__slug=self.config.traffic.front)
        return list(found.select_related("front", "host", "place__service", "place__environment"))

    def _front(self, point: str) -> None:
        """All hosts of the front have to know it. What cannot be put in on the way back is put in by the sweep."""
        traffic = self.config.traffic
        if traffic.way != "nginx":
            return
        on_failure = "warn" if point == "traffic.in" and self.back else traffic.on_failure
        hook = Hook("nginx", point, "nginx", timeout=NGINX_SECONDS, retries=2, on_failure=on_failure)
        what = _("Upstream of %(place)s on %(front)s") % {"place": self.place, "front": traffic.front}
        row = self._row(hook, str(self.work.step.pk), what=what)
        running.run(row, hook, self._setting(hook, ""), self._guard(), self._settle)

    def _settle(self, hook: Hook, setting: Setting) -> Outcome:
        check = self.work.patience.check
        try:
            said = fronts.settle_all(self._upstreams(), setting.why, hook.timeout, check)
        except fronts.NotApplied as error:
            return Outcome(False, words=str(error))
        return Outcome(True, output="\n".join(said))

    # --- Running --------------------------------------------------------------------------------------------------

    def _run(self, point: str, container: str = "", address: str = "") -> None:
        """`address`: of a container of before, where that is not the instance's any more."""
        for hook in shape.at(self.config.hooks, point):
            row = self._row(hook, str(self.work.step.pk), what=hook.what)
            setting = self._setting(hook, container)
            if address:
                setting.facts["instance"]["address"] = address
            running.run(row, hook, setting, self._guard())

    def _wide(self, point: str, batch: int | None) -> None:
        for hook in shape.at(self.config.hooks, point):
            row = wide_row(self._deployment(), hook, batch)
            running.run(row, hook, self._setting(hook, "", batch), self._guard())

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One step runs what all wait for."""
        lock = self.work.context.wide
        while not lock.acquire(timeout=0.2):
            self.work.patience.check()
        try:
            yield
        finally:
            lock.release()

    def _deployment(self) -> Deployment:
        return Deployment.objects.get(pk=self.work.context.deployment)

    def _row(self, hook: Hook, of: str, *, what: str) -> HookRun:
        way = "back" if self.back else "forward"
        step = self.work.step
        # Somebody's further try of the step is another run, with a key of its own: the one before may be undone by now.
        again = f".{step.tries}" if step.tries else ""
        row, _made = HookRun.objects.get_or_create(
            slot=f"s{of}{again}/{way}/{hook.at}/{hook.kind}/{hook.name}",
            defaults={
                "place": self.place,
                "deployment_id": self.work.context.deployment,
                "step": step,
                "instance": self.work.instance,
                "point": hook.at,
                "name": hook.name,
                "kind": hook.kind,
                "way": way,
                "what": what,
            },
        )
        return row

    def _guard(self) -> Guard:
        context, patience = self.work.context, self.work.patience
        return Guard(context.deployment, context.lease.text, patience.check, patience.sleep, context.topics)

    def _setting(self, hook: Hook, container: str, batch: int | None = None) -> Setting:
        work = self.work
        deployment = self._deployment()
        facts = facts_of(deployment, hook, way="back" if self.back else "forward", batch=batch)
        if hook.at in shape.INSTANCE:
            facts["batch"] = work.step.batch + 1
            facts["instance"] = {
                "number": work.instance.number,
                "name": work.instance.name,
                "address": work.instance.address.ip if work.instance.address else work.instance.ip,
                "host": work.host.name,
                "action": work.step.action,
            }
        secret = secrets_of(self.version).get(shape.secret_key(hook), "") if hook.signed else ""
        host: Host = work.host
        why = _("%(point)s of release #%(pk)s") % {"point": hook.at, "pk": deployment.pk}
        return Setting(facts, work.engine, container, host, secret, why)


def wide_row(deployment: Deployment, hook: Hook, batch: int | None, way: str = "forward") -> HookRun:
    """The row of a hook of the whole release, or of one batch of it."""
    row, _made = HookRun.objects.get_or_create(
        slot=f"d{deployment.pk}/{way}/{hook.at}/{'' if batch is None else batch}/{hook.name}",
        defaults={
            "place_id": deployment.place_id,
            "deployment": deployment,
            "batch": batch,
            "point": hook.at,
            "name": hook.name,
            "kind": hook.kind,
            "way": way,
            "what": hook.what,
        },
    )
    return row


def facts_of(deployment: Deployment, hook: Hook, *, way: str, batch: int | None = None) -> dict[str, Any]:
    """What the other side is told of the change."""
    place = deployment.place
    found: dict[str, Any] = {
        "point": hook.at,
        "hook": hook.name,
        "service": place.service.slug,
        "environment": place.environment.slug,
        "release": deployment.pk,
        "kind": deployment.kind,
        "way": way,
        "image": str(deployment.image or ""),
        "old_image": str(deployment.old_image or ""),
        "who": deployment.created_name,
        "reason": deployment.reason,
        "time": timezone.now().isoformat(),
    }
    return found | ({} if batch is None else {"batch": batch + 1})
