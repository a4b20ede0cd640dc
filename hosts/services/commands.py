"""The verbs of reviewed commands: make, change, review, remove, run on hosts."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from hosts import commands
from hosts.models import Host, HostCommand, HostOperation
from hosts.services import operations
from hosts.services.machines import SLUG
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused

log = logging.getLogger(__name__)
FIELDS = ("name", "title", "why", "argv", "parameters", "timeout", "roles", "looks_only")
ROLES = ("developer", "manager")
TAKEN = {"new"}
MOST_HOSTS = 200


def save_command(actor: Actor, data: Mapping[str, Any], command: HostCommand | None = None) -> HostCommand:
    """Makes a command, or changes one; either waits for another SRE's review. `data` holds FIELDS: `argv` a list of words,
    `parameters` lines of text, or a list as a row keeps it."""
    require(actor, "host.operate", obj=command, extra={"name": str(data.get("name", ""))[:60]})
    if set(data) - set(FIELDS):
        wrong = min(set(data) - set(FIELDS))
        raise Refused(_("There is no field «%(field)s».") % {"field": wrong}, wrong, 400)
    with transaction.atomic():
        row = HostCommand.objects.select_for_update().get(pk=command.pk) if command is not None else HostCommand()
        if row.builtin:
            raise Refused(_("This one comes with the platform and stays as it is. Make one of another name."))
        before = {} if command is None else facts(row)
        _fill(row, data)
        old, new = audit.changed(before, facts(row))
        if not new:
            return row
        row.version = row.version + 1 if command is not None else 1
        row.author, row.author_name, row.changed = actor.user, actor.name, timezone.now()
        row.reviewed, row.reviewer_name = None, ""
        try:
            with transaction.atomic():
                row.save()
        except IntegrityError:
            raise Refused(_("There is a command of this name already."), "name") from None
        action = "host.command.create" if command is None else "host.command.change"
        audit.record(actor, action, row, before=old or None, after={**new, "version": row.version})
        live.bump("commands")
    return row


def _fill(row: HostCommand, data: Mapping[str, Any]) -> None:
    for name in ("name", "title", "why"):
        if name in data:
            setattr(row, name, str(data[name] or "").replace("\x00", "").strip())
    if not SLUG.fullmatch(row.name) or row.name in TAKEN:
        raise Refused(_("Small letters, digits, - and _; at most 60."), "name", 400)
    if not 1 <= len(row.title) <= 120:
        raise Refused(_("1 to 120 characters."), "title", 400)
    if len(row.why) > 500:
        raise Refused(_("At most 500 characters."), "why", 400)
    if "parameters" in data:
        given = data["parameters"] or ""
        row.parameters = [one.stored() for one in _parameters(given)]
    row.argv = commands.check_argv(data.get("argv", row.argv or []), commands.parameters_of(row.parameters))
    if "timeout" in data:
        try:
            row.timeout = 30 if data["timeout"] in (None, "") else int(data["timeout"])
        except (TypeError, ValueError):
            row.timeout = 0
    if not 1 <= row.timeout <= 3600:
        raise Refused(_("1 to 3600 seconds."), "timeout", 400)
    if "roles" in data:
        row.roles = sorted({str(role) for role in data["roles"] or []})
        if set(row.roles) - set(ROLES):
            raise Refused(_("developer or manager; SREs may always."), "roles", 400)
    if "looks_only" in data:
        row.looks_only = bool(data["looks_only"])
    if row.roles and not row.looks_only:
        raise Refused(_("Others than SREs run only commands that only look."), "roles", 400)


def _parameters(given: Any) -> list[commands.Parameter]:
    if isinstance(given, str):
        return commands.read_parameters(given)
    try:
        return commands.checked(commands.parameters_of(given))
    except TypeError as error:
        raise Refused(_("Parameters cannot be read: %(why)s") % {"why": error}, "parameters", 400) from None


def review(actor: Actor, command: HostCommand, version: int) -> HostCommand:
    """Approves the version that was seen. Not by who wrote it."""
    require(actor, "host.operate", obj=command)
    with transaction.atomic():
        row = HostCommand.objects.select_for_update().get(pk=command.pk)
        if row.reviewed is not None:
            raise Refused(_("It is reviewed already."))
        if row.version != version:
            raise Refused(_("It was changed meanwhile: look at it again."))
        if row.author_id is not None and actor.user is not None and row.author_id == actor.user.pk:
            raise Refused(_("You wrote this version: another SRE reviews it."))
        row.reviewed, row.reviewer_name = timezone.now(), actor.name
        row.save(update_fields=["reviewed", "reviewer_name"])
        audit.record(actor, "host.command.review", row, after={"version": row.version, "argv": row.argv})
        live.bump("commands")
    return row


def remove_command(actor: Actor, command: HostCommand) -> None:
    """Takes a command off the list; its runs stay."""
    require(actor, "host.operate", obj=command)
    with transaction.atomic():
        if command.builtin:
            raise Refused(_("This one comes with the platform and stays as it is. Make one of another name."))
        audit.record(actor, "host.command.remove", command, before=facts(command))
        command.delete()
        live.bump("commands")


def may_run(actor: Actor, command: HostCommand) -> bool:
    """Whether one of the actor's roles is one of the command's."""
    from xqplatform.accounts.rights import can, has_role

    return can(actor, "host.operate") or any(has_role(actor, role) for role in command.roles)


def run_command(
    actor: Actor, command: HostCommand, hosts: Iterable[Host], values: Mapping[str, str], *, reason: str = ""
) -> tuple[list[HostOperation], list[str]]:
    """Starts the command on each host; the operations, and a sentence for each host where it could not start.

    Raises Refused when it is not reviewed, a value does not fit, or it starts nowhere.
    """
    if not may_run(actor, command):
        require(actor, "host.operate", obj=command)
    if command.reviewed is None:
        raise Refused(
            _("«%(name)s» waits for a review by another SRE; until then it runs nowhere.") % {"name": command}
        )
    argv = commands.fill(command.argv, commands.parameters_of(command.parameters), values)
    wanted = list(hosts)
    if not 1 <= len(wanted) <= MOST_HOSTS:
        raise Refused(_("Tick 1 to %(n)s hosts.") % {"n": MOST_HOSTS}, "hosts", 400)
    params = {"command": command.name, "version": command.version, "argv": argv, "shown": shlex.join(argv)}
    started, refused = [], []
    for host in wanted:
        try:
            row = operations.begin(actor, host, "command.run", params, reason=reason, exclusive=not command.looks_only)
            started.append(row)
        except Refused as refusal:
            if refusal.field == "reason":
                raise
            refused.append(refusal.message)
    if not started:
        raise Refused(" ".join(refused))
    live.bump("commands")
    return started, refused


def facts(row: HostCommand) -> dict[str, Any]:
    """What the log tells of a command."""
    return {name: getattr(row, name) for name in FIELDS}


def ensure_builtin() -> None:
    """The commands that come with the platform are rows as well; a new release may change them."""
    known = {
        row.name: row for row in HostCommand.objects.filter(name__in=[entry["name"] for entry in commands.BUILTIN])
    }
    now = timezone.now()
    for entry in commands.BUILTIN:
        row = known.get(entry["name"])
        if row is not None and not row.builtin:
            continue  # somebody had made one of this name before
        parameters = [one.stored() for one in commands.read_parameters("\n".join(entry.get("parameters", [])))]
        values = {
            "title": str(entry["title"]),
            "argv": entry["argv"],
            "parameters": parameters,
            "timeout": entry.get("timeout", 30),
            "looks_only": True,
        }
        if row is None or any(getattr(row, name) != value for name, value in values.items()):
            row = row or HostCommand(name=entry["name"], builtin=True, author_name="xqplatform", changed=now)
            for name, value in values.items():
                setattr(row, name, value)
            row.reviewed, row.reviewer_name = now, "xqplatform"
            row.save()
