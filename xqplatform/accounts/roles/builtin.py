"""The roles that come with the platform. They cannot be changed; own ones stand beside them (`OwnRole`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from xqplatform.accounts.catalogue import TICKABLE
from xqplatform.accounts.models import Role

ADMIN = frozenset({"people.manage", "service_account.manage", "roles.manage", "roles.approve"})
DEVELOPER = frozenset(
    {
        "service.create",
        "service.change",
        "service.secrets",
        "service.deploy",
        "service.scale",
        "service.restart",
        "service.operate",
        "service.remove",
        "service.logs",
        "service.terminal",
        "service.command",
        "data.restore",
        "release.approve",
        "build.start",
        "build.cancel",
        "image.discard",
        "project.change",
        "blueprint.change",
        "alerts.silence",
        "notices.manage",
    }
)
# Reads everything, changes nothing.
READING = frozenset({"service.logs", "audit.read", "terminal.recordings", "metrics.read", "fleet.read"})


@dataclass(frozen=True)
class Builtin:
    slug: str
    title: Any
    text: Any
    rights: frozenset[str]


BUILTIN: dict[str, Builtin] = {
    role.slug: role
    for role in (
        Builtin(
            Role.DEVELOPER,
            Role.DEVELOPER.label,
            _("Builds, releases and runs services: as the base role those of the own teams, as a grant where it says."),
            DEVELOPER,
        ),
        Builtin(
            Role.SRE,
            Role.SRE.label,
            _("Runs everything: all services, machines and networks. People and rights are an admin's."),
            (TICKABLE - ADMIN) | {"service_account.manage"},
        ),
        Builtin(
            Role.MANAGER,
            Role.MANAGER.label,
            _("Reads everything, and changes nothing but prices and budgets."),
            READING | {"capacity.manage"},
        ),
        Builtin(
            Role.AUDITOR,
            Role.AUDITOR.label,
            _("Reads everything, the audit log and recordings included; reviews events, and changes nothing else."),
            READING | {"audit.review"},
        ),
        Builtin(
            Role.ADMIN,
            Role.ADMIN.label,
            _("People, teams, roles, sign-in: says who may what, and runs nothing."),
            ADMIN | {"audit.read"},
        ),
        Builtin(
            Role.READER,
            Role.READER.label,
            _("Nothing but what everybody may read; all else comes from grants. For people who may a few things only."),
            frozenset(),
        ),
    )
}
# Base roles that hold everywhere; a developer's holds in the own teams, a reader's has nothing.
EVERYWHERE = frozenset({Role.SRE, Role.MANAGER, Role.AUDITOR, Role.ADMIN})
