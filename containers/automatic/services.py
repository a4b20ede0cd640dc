"""The verb of a place's rule. Whoever saves it stands behind what is released by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from builds.forges.services import patterns
from containers.models import AutomaticRule, ServiceEnvironment
from containers.services.settings import topic
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused

RIGHT = "service.deploy"


def rule_of(place: ServiceEnvironment) -> AutomaticRule:
    """The place's rule; one that releases nothing where nobody made any."""
    found = AutomaticRule.objects.filter(place=place).select_related("author").first()
    return found or AutomaticRule(place=place)


def save(actor: Actor, place: ServiceEnvironment, data: Mapping[str, Any]) -> AutomaticRule:
    """Changes what `data` names of: enabled, branches, tags (patterns), reason. Raises Denied, Refused with the field."""
    may(actor, place)
    with transaction.atomic():
        ServiceEnvironment.objects.select_for_update().get(pk=place.pk)
        return _save(actor, place, data)


def _save(actor: Actor, place: ServiceEnvironment, data: Mapping[str, Any]) -> AutomaticRule:
    row = rule_of(place)
    before = shown(row) if row.pk else {}
    if "enabled" in data:
        row.enabled = data["enabled"] is True
    for name in ("branches", "tags"):
        if name in data:
            setattr(row, name, patterns(data[name], name))
    if "reason" in data:
        row.reason = " ".join(str(data["reason"] or "").replace("\0", "").split())
        if len(row.reason) > 250:
            raise Refused(_("At most 250 characters."), "reason", 400)
    if row.enabled and not row.branches and not row.tags:
        raise Refused(_("Name a branch or a tag, or a pattern of them."), "branches", 400)
    row.author, row.author_name = actor.user, actor.name
    row.save()
    old, new = audit.changed(before, shown(row))
    audit.record(actor, "service.automatic", place, before=old or None, after=new, parent=place.service)
    live.bump(topic(place), f"automatic:{place.service.slug}")
    return row


def may(actor: Actor, place: ServiceEnvironment) -> None:
    """Raises Denied."""
    require(actor, RIGHT, **place.at, obj=place)


def shown(row: AutomaticRule) -> dict[str, Any]:
    """In the names of the verb and of the API."""
    return {
        "enabled": row.enabled,
        "branches": row.branches,
        "tags": row.tags,
        "reason": row.reason,
        "author": row.author_name,
    }
