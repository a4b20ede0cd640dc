"""All rights there are, in groups, each with the sentence that a person who ticks it reads.

A right that is not here cannot be asked for. `whole`: it may be asked of a service or a team as a whole, without an environment; who
has it in some environments of a team or service only has it there, too. All others are asked of an environment, or of the platform.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

READ = "read"
# What everybody has who is signed in, whatever their role.
OF_EVERYBODY = frozenset({READ, "token.manage", "inbox.manage", "session.manage"})


@dataclass(frozen=True)
class Right:
    name: str
    text: Any  # lazy: the sentence beside its tick box
    whole: bool = False


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
            Right("service.create", _("Make a new service."), whole=True),
            Right("service.remove", _("Remove a service, or what it runs in an environment."), whole=True),
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
            Right("build.start", _("Start builds."), whole=True),
            Right("build.cancel", _("Cancel builds."), whole=True),
            Right("image.discard", _("Discard images that nothing runs."), whole=True),
            Right("project.change", _("Change projects: repository, forge, badges."), whole=True),
            Right("blueprint.change", _("Change the team's own blueprints."), whole=True),
            Right("base_image.manage", _("Change base images and rebuild all that stands on them.")),
            Right("registry.manage", _("Set up registries.")),
        ),
    ),
    Group(
        "host",
        _("Machines and networks"),
        (
            Right("host.manage", _("Connect, change, drain and remove hosts; certificates, profiles and measuring.")),
            Right("host.operate", _("Run commands and operations on hosts; nginx fronts.")),
            Right("persisted.remove", _("Remove folders in which instances kept data.")),
            Right("segment.manage", _("Make and change network segments.")),
            Right("address.manage", _("Reserve and release addresses.")),
        ),
    ),
    Group(
        "platform",
        _("The platform"),
        (
            Right("environment.manage", _("Change environments, guardrails, gates and calendars.")),
            Right("secrets.manage", _("Replace the keys with which stored secrets are encrypted.")),
            Right("alerts.manage", _("Change alert rules and channels.")),
            Right("fleet.read", _("See the whole fleet first: home page and alerts of all teams.")),
            Right("metrics.read", _("Read all measurements at /metrics.")),
            Right("audit.read", _("Read the whole audit log.")),
            Right("audit.review", _("Say of events that they were looked at, and which shall be.")),
            Right("terminal.recordings", _("Watch terminals of others, and their recordings.")),
        ),
    ),
    Group(
        "access",
        _("People and rights"),
        (
            Right("people.manage", _("Add people, deactivate them, set passwords; make teams and say who is in them.")),
            Right("service_account.manage", _("Make service accounts of a team, and their tokens."), whole=True),
            Right("roles.manage", _("Make own roles, and give any role to others.")),
            Right("roles.approve", _("Approve that others get more rights in production.")),
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
# What can be ticked in an own role.
TICKABLE = frozenset(CATALOGUE) - OF_EVERYBODY
