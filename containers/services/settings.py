"""Settings of a service in an environment: every change is a new version, and a version never changes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from containers.config import Config, difference, parse
from containers.config_volumes import check_folders
from containers.hooks import checks as hook_checks
from containers.hooks import shape as hook_shape
from containers.models import ConfigVersion, ServiceEnvironment
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused
from xqplatform.secrets import decrypt, encrypt


def secrets_of(version: ConfigVersion | None) -> dict[str, str]:
    """The secret values of a version, decrypted: only for the engine call that needs them."""
    return json.loads(decrypt(version.secrets)) if version is not None and version.secrets else {}


def save_config(actor: Actor, place: ServiceEnvironment, data: Mapping[str, Any], reason: str = "") -> ConfigVersion:
    """Saves the settings as a new version if they differ from the newest one, which is returned otherwise.

    `data`: a Config as JSON, and beside it `secrets` {name: new value}; a secret that is in `secret_names` and has no
    new value keeps its old one. Raises Refused with the field.
    """
    require(actor, "service.change", **place.at, obj=place)
    if not isinstance(data, Mapping):
        raise Refused(_("The settings must be an object."), None, 400)
    content = {key: value for key, value in data.items() if key != "secrets"}
    given = data.get("secrets") or {}
    if not isinstance(given, Mapping) or not all(isinstance(v, str) and "\x00" not in v for v in given.values()):
        raise Refused(_("The secrets must be an object of names and texts."), "secrets", 400)
    if any(given.values()):
        require(actor, "service.secrets", **place.at, obj=place)
    variables = [name for name in given if not name.startswith(hook_shape.SECRET)]
    if variables:
        content["secret_names"] = list(dict.fromkeys([*(content.get("secret_names") or []), *variables]))
    config = parse(content)
    hook_checks.check(actor, place, config)
    check_folders(config.volumes, place.service.slug, settings.VOLUME_ROOTS)
    with transaction.atomic():
        locked = ServiceEnvironment.objects.select_for_update().get(pk=place.pk)
        newest = locked.config
        old_values = secrets_of(newest)
        names = [*config.secret_names, *(hook_shape.secret_key(one) for one in config.hooks if one.signed)]
        values = {name: given.get(name) or old_values.get(name, "") for name in names}
        empty = [name for name, value in values.items() if not value]
        if empty:
            raise Refused(_("The secret «%(name)s» has no value.") % {"name": empty[0]}, "secret_names", 400)
        if newest is not None and parse(newest.content) == config and old_values == values:
            return newest
        before = parse(newest.content) if newest is not None else Config()
        changes = difference(before, config)
        row = _new_version(locked, config, values, actor, reason)
        changed_secrets = sorted(name for name in values if values[name] != old_values.get(name))
        audit.record(
            actor,
            "service.config",
            place,
            before={name: old for name, old, _new in changes},
            after={**{name: new for name, _old, new in changes}, "version": row.version}
            | ({"changed secrets": changed_secrets} if changed_secrets else {}),
            reason=reason,
            parent=place.service,
        )
        live.bump(f"service:{place.service.slug}", topic(place))
    place.config = row
    return row


def ensure_config(actor: Actor, place: ServiceEnvironment) -> ConfigVersion:
    """The newest version; the first release of a place makes one of the defaults."""
    if place.config is None:
        with transaction.atomic():
            place.config = _new_version(place, Config(), {}, actor, "")
            after = {"version": place.config.version, "defaults": True}
            audit.record(actor, "service.config", place, after=after, parent=place.service)
    return place.config


def _new_version(
    place: ServiceEnvironment, config: Config, values: Mapping[str, str], actor: Actor, reason: str
) -> ConfigVersion:
    last = place.configs.aggregate(last=Max("version"))["last"] or 0
    row = place.configs.create(
        version=last + 1,
        content=config.to_json(),
        secrets=encrypt(json.dumps(dict(values))) if values else "",
        author=actor.name,
        reason=reason[:250],
    )
    ServiceEnvironment.objects.filter(pk=place.pk).update(config=row)
    return row


def topic(place: ServiceEnvironment) -> str:
    """The live topic of the place's run page."""
    return f"run:{place.service.slug}:{place.environment.slug}"
