"""Other limits for containers that run on."""

from __future__ import annotations

from collections.abc import Collection

from django.utils.translation import gettext as _

from containers import live_limits
from containers.hooks.shape import SECRET
from containers.models import Deployment, ServiceEnvironment
from containers.services import changes
from containers.services.changes import PolicyData
from containers.services.planning import config_of
from containers.services.settings import secrets_of
from xqplatform.accounts.actor import Actor
from xqplatform.errors import Refused


def live_changes(place: ServiceEnvironment) -> list[live_limits.Change]:
    """What the newest settings change against those of the current release, and what of it needs no new container."""
    if place.config is None or place.current_config is None or place.config_id == place.current_config_id:
        return []
    return live_limits.changes(config_of(place.current_config), config_of(place.config))


def apply_limits(
    actor: Actor,
    place: ServiceEnvironment,
    numbers: Collection[int] | None = None,
    reason: str = "",
    policy: PolicyData = None,
) -> Deployment:
    """The running containers take the limits of the newest settings, without a restart. Refused for what needs a release.

    Where hooks or traffic come along with them, guardrails have a say as in a release.
    """
    changes.may(actor, "service.operate", place)
    place.refresh_from_db()
    if place.config is None or place.current_config is None:
        raise Refused(_("Nothing has been released here yet: release an image first."))
    found = live_changes(place)
    if not found:
        raise Refused(_("The newest settings are in use already: save other limits first."))
    why = live_limits.refusal(found) or _other_secrets(place)
    if why:
        raise Refused(why)
    return changes.begin(actor, place, "limits", config=place.config, policy=policy, reason=reason, numbers=numbers)


def _other_secrets(place: ServiceEnvironment) -> str:
    """Why new limits alone do not make running containers those of the newest settings. (Hooks' secrets are not theirs.)"""
    old, new = (
        {name: value for name, value in secrets_of(version).items() if not name.startswith(SECRET)}
        for version in (place.current_config, place.config)
    )
    return _("A secret was changed, too: this needs new containers, by a release.") if old != new else ""
