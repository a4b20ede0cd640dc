"""The one question: may this actor do this to that?

Developers act on what their own teams own, in the environments their membership allows; what no team owns is changed by
SREs only. SREs may everything, managers read everything.
"""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from django.utils.translation import gettext as _

from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Membership, Role
from xqplatform.errors import Denied

READ = "read"
# Rights that a developer has on own things. All others are an SRE's.
OF_DEVELOPERS = frozenset(
    {
        READ,
        "service.create",
        "service.change",
        "service.deploy",
        "service.scale",
        "service.operate",
        "service.remove",
        "service.logs",
        "service.terminal",
        "release.approve",
        "build.start",
        "build.cancel",
        "image.discard",
        "project.change",
        "blueprint.change",
        "token.manage",
        "alerts.silence",
        "notices.manage",
    }
)
OF_SRES = frozenset(
    {
        "host.manage",
        "host.operate",
        "segment.manage",
        "address.manage",
        "registry.manage",
        "environment.manage",
        "release.break_glass",
        "people.manage",
        "secrets.manage",
        "base_image.manage",
        "persisted.remove",
        "audit.read",
        "terminal.recordings",
        "metrics.read",
        "alerts.manage",
    }
)
RIGHTS = OF_DEVELOPERS | OF_SRES


def can(actor: Actor, right: str, *, team_id: int | None = None, environment: str | None = None) -> bool:
    """Whether the actor has the right; reads go to everybody who is signed in. Raises KeyError for an unknown right."""
    if right not in RIGHTS:
        raise KeyError(right)
    if actor.scopes is not None and not actor.scopes.allows(right, team_id, environment):
        return False
    if actor.is_system:
        return True
    user = actor.user
    if user is None or not user.is_active:
        return False
    if user.role == Role.SRE or right == READ or right == "token.manage":
        return True
    if user.role == Role.MANAGER:
        return right in {"service.logs", "audit.read", "terminal.recordings", "metrics.read"}
    if right not in OF_DEVELOPERS or team_id is None:
        return False
    membership = Membership.objects.filter(user=user, team_id=team_id).first()
    if membership is None:
        return False
    return environment is None or not membership.environments or environment in membership.environments


def require(
    actor: Actor,
    right: str,
    *,
    team_id: int | None = None,
    environment: str | None = None,
    obj: Model | None = None,
    extra: dict[str, Any] | None = None,
) -> None:
    """Raises Denied, and records the attempt as an event, when the actor lacks the right.

    Call it before the verb's own transaction: the event must stay when the verb is left by the exception.
    """
    if can(actor, right, team_id=team_id, environment=environment):
        return
    from xqplatform import audit

    audit.record(actor, right, obj, denied=True, after=extra)
    raise Denied(
        _("%(who)s may not do this (%(right)s%(where)s). Ask an SRE or the owning team.")
        % {"who": actor.name, "right": right, "where": f", {environment}" if environment else ""}
    )


def visible_teams(actor: Actor) -> list[int]:
    """Primary keys of the teams that the person belongs to."""
    if actor.user is None:
        return []
    return list(Membership.objects.filter(user=actor.user).values_list("team_id", flat=True))
