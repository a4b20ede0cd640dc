"""The verbs of hooks: save them, try one, and answer one that holds."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from containers.config import Config, parse
from containers.hooks import checks, running, shape
from containers.hooks.kinds import Setting
from containers.hooks.running import Guard
from containers.hooks.shape import Hook
from containers.models import ConfigVersion, Container, Deployment, HookRun, Instance, ServiceEnvironment
from containers.services import settings as settings_verbs
from containers.services.settings import secrets_of, topic
from hosts.engine import EngineError, connect
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused
from xqplatform.work import enqueue

Json = dict[str, Any]


def config_of(place: ServiceEnvironment) -> Config:
    """The newest settings; the defaults where there are none, or none that can be read."""
    try:
        return parse(place.config.content) if place.config is not None else Config()
    except Refused:
        return Config()


def save(
    actor: Actor,
    place: ServiceEnvironment,
    *,
    hooks: Sequence[Json] | None = None,
    traffic: Json | None = None,
    secrets: Mapping[str, str] | None = None,
    reason: str = "",
) -> ConfigVersion:
    """A new version of the settings with these hooks and this traffic (None: as they were). Raises Refused.

    `secrets`: of hooks that sign, by the hook's name; one that is left out keeps its own.
    """
    content = config_of(place).to_json()
    content |= {name: value for name, value in (("hooks", hooks), ("traffic", traffic)) if value is not None}
    content["secrets"] = {f"{shape.SECRET}{name}": value for name, value in (secrets or {}).items()}
    return settings_verbs.save_config(actor, place, content, reason)


def put_one(
    actor: Actor, place: ServiceEnvironment, data: Json, *, old: str = "", secret: str = "", reason: str = ""
) -> ConfigVersion:
    """Adds a hook, or puts it in the place of the one called `old`."""
    hooks = [hook.to_json() for hook in config_of(place).hooks]
    known = [hook["name"] for hook in hooks]
    if old in known:
        hooks[known.index(old)] = data
    else:
        hooks.append(data)
    name = str(data.get("name", ""))
    if old and old != name and not secret and data.get("signed"):
        secret = secrets_of(place.config).get(f"{shape.SECRET}{old}", "")
    return save(actor, place, hooks=hooks, secrets={name: secret} if secret else {}, reason=reason)


def remove_one(actor: Actor, place: ServiceEnvironment, name: str, reason: str = "") -> ConfigVersion:
    """Takes a hook away. Raises Refused where traffic still needs it."""
    hooks = [hook.to_json() for hook in config_of(place).hooks]
    return save(actor, place, hooks=[hook for hook in hooks if hook["name"] != name], reason=reason)


def find(place: ServiceEnvironment, name: str) -> Hook:
    """The hook of the newest settings. Raises Refused (404)."""
    for hook in config_of(place).hooks:
        if hook.name == name:
            return hook
    raise Refused(_("There is no hook «%(name)s».") % {"name": name[:60]}, None, 404)


# --- Trying one ----------------------------------------------------------------------------------------------------


def try_out(actor: Actor, place: ServiceEnvironment, name: str, number: int | None = None) -> HookRun:
    """Runs a hook of the newest settings once, now, with `way` «test». `number`: with which instance (None: the first)."""
    from containers.tasks import try_hook

    require(actor, "service.change", **place.at, obj=place)
    hook = find(place, name)
    if hook.kind == "host":
        checks.check_host(actor, hook, "hook")  # a release has it run; by hand it is run by who may
    instance = None
    if hook.at in shape.INSTANCE:
        rows = place.instances.filter(removed=None).order_by("number")
        instance = (rows.filter(number=number) if number is not None else rows).first()
        if instance is None:
            raise Refused(_("There is no instance to try it with."), "instance")
    with transaction.atomic():
        row = HookRun.objects.create(
            place=place, instance=instance, slot=f"test/{uuid.uuid4().hex}", point=hook.at, name=hook.name,
            kind=hook.kind, way="test", what=hook.what,
        )  # fmt: skip
        after = {"hook": hook.name, "what": hook.what, "run": row.pk}
        audit.record(actor, "hook.test", place, after=after, parent=place.service)
        live.bump(topic(place))
        enqueue(try_hook, row.pk)
    return row


def carry_out(pk: int) -> None:
    """Makes the one try of a test."""
    row = HookRun.objects.select_related(
        "place__service", "place__environment", "place__config", "instance__host", "instance__address"
    ).get(pk=pk)
    if row.attempts or row.way != "test":
        return
    guard = Guard(None, "", lambda: None, lambda _s: None, (topic(row.place),))
    try:
        hook = find(row.place, row.name)
        setting = setting_of(row.place, hook, row.instance, "test")
    except (Refused, EngineError) as error:
        guard.write(row, state=HookRun.State.FAILED, words=str(error), ended=timezone.now(), attempts=1)
        return
    running.once(row, hook, setting, guard)


def setting_of(place: ServiceEnvironment, hook: Hook, instance: Instance | None, way: str) -> Setting:
    """What a hook outside of a release is about. Raises EngineError."""
    facts: Json = {
        "point": hook.at, "hook": hook.name, "service": place.service.slug, "environment": place.environment.slug,
        "way": way, "time": timezone.now().isoformat(),
    }  # fmt: skip
    secret = secrets_of(place.config).get(shape.secret_key(hook), "") if hook.signed else ""
    if instance is None:
        return Setting(facts, secret=secret, why=f"{way}: {hook.name}")
    facts["instance"] = {
        "number": instance.number,
        "name": instance.name,
        "address": instance.address.ip if instance.address else instance.ip,
        "host": instance.host.name,
    }
    container = Container.objects.filter(instance=instance, ended=None).order_by("-id").first()
    engine = connect(instance.host) if hook.kind == "command" else None
    return Setting(
        facts, engine, container.engine_id if container else "", instance.host, secret, f"{way}: {hook.name}"
    )


# --- Answering one that holds --------------------------------------------------------------------------------------


def retry(actor: Actor, run: HookRun, reason: str = "") -> HookRun:
    """The held hook is tried again now."""
    return _answer(actor, run, "retry", reason)


def go_on(actor: Actor, run: HookRun, reason: str = "") -> HookRun:
    """The step goes on without the held hook. At traffic.out: the instance is stopped though it may still get traffic."""
    return _answer(actor, run, "pass", reason)


def _answer(actor: Actor, run: HookRun, answer: str, reason: str) -> HookRun:
    place = run.place
    require(actor, "service.deploy", **place.at, obj=place)
    reason = reason.strip()
    if len(reason) > 2000:
        raise Refused(_("The reason is too long."), "reason", 400)
    with transaction.atomic():
        row = HookRun.objects.select_for_update(of=("self",)).select_related("deployment").get(pk=run.pk)
        active = row.deployment is not None and row.deployment.state in Deployment.ACTIVE
        if row.state != HookRun.State.HELD or not active:
            raise Refused(_("This hook does not hold any more."))
        row.asked, row.asked_name = answer, actor.name
        row.save(update_fields=["asked", "asked_name"])
        after = {"hook": row.name, "point": row.point, "why it held": row.words[:500], "run": row.pk}
        audit.record(actor, f"hook.{answer}", row.deployment, after=after, reason=reason, parent=place.service)
        live.bump(f"release:{row.deployment_id}", topic(place))
    return row
