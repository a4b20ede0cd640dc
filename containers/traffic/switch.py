"""Blue/green: all traffic goes from one side to the other at once, or back."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from containers import holds
from containers.config import Config, parse
from containers.ending import Broken, StepFailed
from containers.hooks import running, shape
from containers.hooks.kinds import Setting
from containers.hooks.running import Guard
from containers.hooks.shape import Hook
from containers.models import Container, Deployment, HookRun, Serving, Step, Upstream
from containers.services.settings import secrets_of
from containers.traffic import fronts, rows
from hosts.engine import connect

STRATEGY = "blue-green"
SECONDS = 60.0
SIDES = {"switched": "new", "back": "old"}


Sides = tuple[list[Step], list[Step]]  # who comes into traffic, who leaves it


def is_blue_green(row: Deployment) -> bool:
    return bool(row.policy.get("strategy") == STRATEGY)


def switch(row: Deployment, to: str) -> None:
    """Sends the traffic to «new» or «old», as the service's settings say. `row`: as it was when that was decided.

    Raises holds.SwitchFailed, or Broken when something else has been decided since. Safe to repeat.
    """
    release = Deployment.objects.select_related("place__service", "place__environment", "config").get(pk=row.pk)
    config = parse(release.config.content) if release.config is not None else Config()
    come, go = _sides(release, to)
    try:
        if config.traffic.way == "nginx":
            _by_nginx(row, release, config, to, (come, go))
        elif config.traffic.way == "hooks":
            _by_hooks(row, release, config, to, (come, go))
    except (fronts.NotApplied, StepFailed) as error:
        raise holds.SwitchFailed(str(error)) from error


def _sides(release: Deployment, to: str) -> tuple[list[Step], list[Step]]:
    """Whose instances get the traffic, and whose lose it."""
    steps = list(
        # (An old one that nothing was done to is «skipped» on the way back, and serves.)
        release.steps.exclude(state=Step.State.SKIPPED, action=Step.Action.ADD).select_related(
            "instance__place__service", "instance__place__environment", "instance__host", "instance__address"
        )
    )
    new = [step for step in steps if step.action == Step.Action.ADD]
    old = [step for step in steps if step.action != Step.Action.ADD]
    return (new, old) if to == "new" else (old, new)


def say(row: Deployment, come: list[Step], go: list[Step], port: int | None = None) -> None:
    """Notes it of both sides in one go: no file ever has none of them in. `port`: where those that come in listen, if it is news.

    Raises Broken when that is not what was said last.
    """
    with transaction.atomic():
        same = Deployment.objects.select_for_update().filter(pk=row.pk, switch=row.switch, lease=row.lease)
        if not list(same.values_list("pk", flat=True)):
            raise Broken  # somebody went back meanwhile, or another process has it
        now = timezone.now()
        listens = {} if port is None else {"port": port}
        for steps, values in (
            (come, {"state": Serving.State.IN, **listens}), (go, {"state": Serving.State.OUT}),
        ):  # fmt: skip
            for step in steps:
                Serving.objects.update_or_create(
                    instance=step.instance, defaults={**values, "since": now, "step": step}
                )
        if come or go:
            rows.changed((come or go)[0].instance.place)


def _by_nginx(row: Deployment, release: Deployment, config: Config, to: str, sides: Sides) -> None:
    come, go = sides
    rows.ensure(release.place, config.traffic)
    say(row, come, go, config.traffic.port if to == "new" else None)
    found = Upstream.objects.filter(place=release.place, front__slug=config.traffic.front)
    upstreams = list(found.select_related("front", "host", "place__service", "place__environment"))
    fronts.settle_all(upstreams, _("switch of release #%(pk)s") % {"pk": release.pk}, SECONDS, lambda: None)


def _by_hooks(row: Deployment, release: Deployment, config: Config, to: str, sides: Sides) -> None:
    come, go = sides
    for point, steps in (("traffic.in", come), ("traffic.out", go)):
        for step in steps:
            for hook in shape.at(config.hooks, point):
                _hook(release, hook, to, step)
    say(row, come, go)


def _hook(release: Deployment, hook: Hook, to: str, step: Step) -> None:
    instance = step.instance
    row, _made = HookRun.objects.get_or_create(
        slot=f"d{release.pk}/to-{to}/{hook.at}/{instance.pk}/{hook.name}",
        defaults={"place": release.place, "deployment": release, "step": step, "instance": instance, "point": hook.at,
                  "name": hook.name, "kind": hook.kind, "way": "forward" if to == "new" else "back", "what": hook.what},
    )  # fmt: skip
    container = Container.objects.filter(instance=instance, ended=None).order_by("-id").first()
    facts = {
        "point": hook.at, "hook": hook.name, "service": release.place.service.slug,
        "environment": release.place.environment.slug, "release": release.pk, "way": row.way,
        "time": timezone.now().isoformat(),
        "instance": {"number": instance.number, "name": instance.name, "host": instance.host.name,
                     "address": instance.address.ip if instance.address else instance.ip},
    }  # fmt: skip
    secret = secrets_of(release.config).get(shape.secret_key(hook), "") if hook.signed else ""
    setting = Setting(
        facts,
        connect(instance.host),
        container.engine_id if container else "",
        instance.host,
        secret,
        f"switch to {to}",
    )
    if not running.once(row, hook, setting, Guard(None, "", _go_on, lambda _s: None)) and hook.on_failure != "warn":
        raise StepFailed(f"{hook.name} (#{instance.number}): {row.words}")


def _go_on() -> None:
    """Nobody breaks a switch off: what is half done is worse than either side."""


def follow(release: Deployment) -> None:
    """After somebody's click the fronts say what the release says; nothing where they do already."""
    to = SIDES.get(release.switch)
    if to is None:
        return
    come, go = _sides(release, to)
    states = dict(Serving.objects.filter(instance__place=release.place).values_list("instance_id", "state"))
    wrong = any(states.get(s.instance_id) != Serving.State.IN for s in come if s.state != Step.State.FAILED)
    if wrong or any(states.get(s.instance_id) == Serving.State.IN for s in go):
        try:
            switch(release, to)
        except (holds.SwitchFailed, Broken):
            return
