"""Hooks before and after a build: those of the places whose branch it is built for, by their newest settings."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from fnmatch import fnmatch

from django.utils import timezone
from django.utils.translation import gettext as _

from builds.around import AFTER, BEFORE, Moment
from builds.models import Build
from builds.outcomes import Failed
from containers.config import Config, parse
from containers.ending import StepFailed
from containers.hooks import running, shape
from containers.hooks.kinds import Setting
from containers.hooks.running import Guard
from containers.hooks.shape import Hook
from containers.models import HookRun, ServiceEnvironment
from containers.services.settings import secrets_of, topic
from xqplatform.errors import Refused


def register() -> None:
    BEFORE.append(lambda moment: run(moment, "build.before"))
    AFTER.append(lambda moment: run(moment, "build.after"))


def run(moment: Moment, point: str) -> None:
    """Raises Failed for a hook that fails the build. One that would hold fails it: nobody waits for a build."""
    for place in places_of(moment.build):
        for hook in shape.at(_config(place).hooks, point):
            over = point == "build.after" and moment.state != Build.State.SUCCEEDED
            on_failure = "warn" if over or hook.on_failure == "warn" else "fail"
            _one(moment, place, replace(hook, on_failure=on_failure))


def places_of(build: Build) -> list[ServiceEnvironment]:
    """Where the build could be released: the service's environments whose rule its branch fits."""
    rows = ServiceEnvironment.objects.filter(
        service__project=build.project, service__removed=None, config__isnull=False
    )
    found = rows.select_related("service", "environment", "config").order_by("environment__position")
    return [one for one in found if fnmatch(build.branch, one.branch or one.environment.branch or "*")]


def _config(place: ServiceEnvironment) -> Config:
    try:
        return parse(place.config.content) if place.config is not None else Config()
    except Refused:
        return Config()


def _one(moment: Moment, place: ServiceEnvironment, hook: Hook) -> None:
    build = moment.build
    end = moment.state if hook.at == "build.after" else ""
    row, _made = HookRun.objects.get_or_create(
        slot=f"b{build.pk}/{place.pk}/{hook.at}/{end}/{hook.name}",
        defaults={"place": place, "build": build, "point": hook.at, "name": hook.name, "kind": hook.kind,
                  "what": hook.what},
    )  # fmt: skip
    facts = {
        "point": hook.at, "hook": hook.name, "service": place.service.slug, "environment": place.environment.slug,
        "build": build.pk, "branch": build.branch, "revision": build.revision, "tag": build.tag, "state": moment.state,
        "who": build.created_name, "time": timezone.now().isoformat(),
    }  # fmt: skip
    secret = secrets_of(place.config).get(shape.secret_key(hook), "") if hook.signed else ""
    setting = Setting(facts, secret=secret, why=_("%(point)s of build %(tag)s") % {"point": hook.at, "tag": build.tag})
    guard = Guard(None, "", moment.check, _sleeper(moment.check), (topic(place),))
    try:
        running.run(row, hook, setting, guard)
    except StepFailed as error:
        moment.say(str(error))
        raise Failed(str(error)) from error
    moment.say(f"{hook.at} {hook.name} ({place}): {row.get_state_display()} {row.words}".strip())


def _sleeper(check: Callable[[], object]) -> Callable[[float], None]:
    def sleep(seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            check()
            time.sleep(min(0.5, left))

    return sleep
