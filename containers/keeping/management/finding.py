"""What the command lines of snapshots and backups are told by name."""

from __future__ import annotations

from typing import Any, TypeVar

from django.core.management.base import CommandError
from django.db.models import Model, QuerySet

from containers.models import ServiceEnvironment
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.visibility import visible

M = TypeVar("M", bound=Model)


def place_of(actor: Actor, options: dict[str, Any]) -> ServiceEnvironment:
    """Raises CommandError."""
    rows = visible(actor, ServiceEnvironment).select_related("service__team", "environment", "active")
    row = rows.filter(service__slug=options["service"], environment__slug=options["environment"]).first()
    if row is None:
        raise CommandError(f"There is no {options['service']}/{options['environment']}.")
    return row


def labelled(rows: QuerySet[M], prefix: str, name: str) -> M:
    """Of these rows the one that is called so: «xq-7», «backup-7». Raises CommandError."""
    number = name.removeprefix(prefix)
    row = rows.filter(pk=int(number)).first() if number.isascii() and number.isdigit() and len(number) < 15 else None
    if row is None:
        raise CommandError(f"There is no {name[:40]}.")
    return row
