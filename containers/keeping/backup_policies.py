"""A place's rules for backups: its row, or what is usual."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from containers.keeping.backup_rules import USUAL, Rules, parse
from containers.keeping.models import BackupPolicy, BackupTarget
from containers.models import ServiceEnvironment
from containers.services.settings import topic
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused


def target_of(name: str) -> BackupTarget:
    """A store by its name. Raises Refused."""
    row = BackupTarget.objects.filter(name=name).first() if "\x00" not in name else None
    if row is None:
        raise Refused(_("There is no store «%(name)s».") % {"name": name[:60]}, "target", 400)
    return row


def rules_of(place: ServiceEnvironment) -> tuple[Rules, BackupTarget | None]:
    """Its rules, and where its backups go by themselves (None: there are none)."""
    row = BackupPolicy.objects.select_related("target").filter(place=place).first()
    return (USUAL, None) if row is None else (parse(row.content), row.target)


def save_rules(actor: Actor, place: ServiceEnvironment, target: str, data: Mapping[str, Any]) -> Rules:
    """`target`: the name of a store, empty: no backups by themselves. What is left out is as usual. Raises Denied, Refused."""
    require(actor, "service.change", **place.at, obj=place)
    rules = parse(data)
    found = target_of(target) if target else None
    with transaction.atomic():
        ServiceEnvironment.objects.select_for_update().get(pk=place.pk)
        old_rules, old_target = rules_of(place)
        before = old_rules.to_json() | {"target": old_target.name if old_target else ""}
        after = rules.to_json() | {"target": target}
        if before == after:
            return rules
        BackupPolicy.objects.update_or_create(
            place=place, defaults={"content": rules.to_json(), "target": found, "author_name": actor.name}
        )
        old, new = audit.changed(before, after)
        audit.record(actor, "data.backup.policy", place, before=old or None, after=new, parent=place.service)
        live.bump(topic(place))
    return rules
