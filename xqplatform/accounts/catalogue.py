"""All rights there are, in groups, each with the sentence that a person who ticks it reads.

A right that is not here cannot be asked for. `whole`: it may be asked of a service or a team as a whole, without an environment; who
has it in some environments of a team or service only has it there, too. All others are asked of an environment, or of the platform.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from django.utils.translation import gettext_lazy as _

READ = "read"
# What everybody has who is signed in, whatever their role.
OF_EVERYBODY = frozenset({READ, "token.manage", "inbox.manage", "session.manage"})


class Of(Enum):
    """What a right is asked about, and so which grants reach it: each with its sentence."""

    PLACE = _(
        "A service in an environment, or as a whole: reached by a grant on its team, on it, or in that environment."
    )
    PROJECT = _(
        "A project, its builds and images: reached by a grant on its team, and by one on a service that alone runs what it "
        "builds and is of the same team."
    )
    TEAM = _("What a team has in common: reached by a grant on the team, not by one on a service or in an environment.")
    PLATFORM = _("Machines and the platform itself: reached by a grant that is limited to nothing.")


@dataclass(frozen=True)
class Right:
    name: str
    text: Any  # lazy: the sentence beside its tick box
    whole: bool = False
    of: Of = Of.PLACE


@dataclass(frozen=True)
class Group:
    slug: str
    title: Any
    rights: tuple[Right, ...]


GROUPS = (
    Group(
        "service",
        _("Services"),
        (
            Right("service.deploy", _("Release a version, steer the release and roll it back.")),
            Right("service.restart", _("Restart instances.")),
            Right("service.operate", _("Start and stop instances, move them to other hosts and addresses.")),
            Right("service.scale", _("Change how many instances there are.")),
            Right("service.change", _("Change settings: limits, environment, hooks, health checks."), whole=True),
            Right("service.secrets", _("Set secret values, and see when they were set; nobody can read them back.")),
            Right("service.logs", _("Read logs, of the past, too, and download them.")),
            Right("service.terminal", _("Open a terminal in a container.")),
            Right("service.command", _("Run a single command in a container.")),
            Right("service.create", _("Make a new service."), whole=True, of=Of.TEAM),
            Right("service.remove", _("Remove a service, or what it runs in an environment."), whole=True),
            Right("data.restore", _("Put data back as it was at a snapshot or backup, and remove these.")),
            Right("release.approve", _("Approve releases of other people.")),
            Right("release.break_glass", _("Release in spite of guardrails, with a reason that is reviewed.")),
            Right("alerts.silence", _("Silence alerts of services.")),
            Right("notices.manage", _("Say who hears of releases and builds.")),
        ),
    ),
    Group(
        "build",
        _("Projects and images"),
        (
            Right("build.start", _("Start builds."), whole=True, of=Of.PROJECT),
            Right("build.cancel", _("Cancel builds."), whole=True, of=Of.PROJECT),
            Right("image.discard", _("Discard images that nothing runs."), whole=True, of=Of.PROJECT),
            Right("project.change", _("Change projects: repository, forge, badges."), whole=True, of=Of.PROJECT),
            Right("blueprint.change", _("Change the team's own blueprints."), whole=True, of=Of.TEAM),
            Right("base_image.manage", _("Change base images and rebuild all that stands on them."), of=Of.PLATFORM),
            Right("registry.manage", _("Set up registries."), of=Of.PLATFORM),
        ),
    ),
    Group(
        "host",
        _("Machines and networks"),
        (
            Right(
                "host.manage",
                _("Connect, change, drain and remove hosts; certificates, profiles and measuring."),
                of=Of.PLATFORM,
            ),
            Right("host.operate", _("Run commands and operations on hosts; nginx fronts."), of=Of.PLATFORM),
            Right("persisted.remove", _("Remove folders in which instances kept data."), of=Of.PLATFORM),
            Right("segment.manage", _("Make and change network segments."), of=Of.PLATFORM),
            Right("address.manage", _("Reserve and release addresses."), of=Of.PLATFORM),
        ),
    ),
    Group(
        "platform",
        _("The platform"),
        (
            Right("environment.manage", _("Change environments, guardrails, gates and calendars."), of=Of.PLATFORM),
            Right("secrets.manage", _("Replace the keys with which stored secrets are encrypted."), of=Of.PLATFORM),
            Right("alerts.manage", _("Change alert rules and channels."), of=Of.PLATFORM),
            Right("fleet.read", _("See the whole fleet first: home page and alerts of all teams."), of=Of.PLATFORM),
            Right("backup.manage", _("Set up stores of backups."), of=Of.PLATFORM),
            Right("capacity.manage", _("Change prices and budgets."), of=Of.PLATFORM),
            Right("metrics.read", _("Read all measurements at /metrics."), of=Of.PLATFORM),
            Right("audit.read", _("Read the whole audit log."), of=Of.PLATFORM),
            Right("audit.review", _("Say of events that they were looked at, and which shall be."), of=Of.PLATFORM),
            Right("terminal.recordings", _("Watch terminals of others, and their recordings."), of=Of.PLATFORM),
        ),
    ),
    Group(
        "access",
        _("People and rights"),
        (
            Right(
                "people.manage",
                _("Add people, deactivate them, set passwords; make teams and say who is in them."),
                of=Of.PLATFORM,
            ),
            Right(
                "service_account.manage",
                _("Make service accounts of a team, and their tokens."),
                whole=True,
                of=Of.TEAM,
            ),
            Right("roles.manage", _("Make own roles, and give any role to others.")),
            Right("roles.approve", _("Approve that others get more rights in production."), of=Of.PLATFORM),
        ),
    ),
    Group(
        "self",
        _("Everybody has these"),
        (
            Right(READ, _("Read what is open to everybody who is signed in.")),
            Right("token.manage", _("Make and revoke one's own API tokens.")),
            Right("session.manage", _("See and end one's own sessions.")),
            Right("inbox.manage", _("Change one's own inbox: what one hears of, where, and what is read.")),
        ),
    ),
)
CATALOGUE: dict[str, Right] = {right.name: right for group in GROUPS for right in group.rights}
# Of what each right is asked, for the page that says what a grant reaches.
REACH = [
    (of, [right for right in CATALOGUE.values() if right.of is of and right.name not in OF_EVERYBODY]) for of in Of
]
# What can be ticked in an own role.
TICKABLE = frozenset(CATALOGUE) - OF_EVERYBODY
