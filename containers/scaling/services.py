"""The verbs of a place's policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from containers.models import Calendar, ServiceEnvironment
from containers.scaling.models import ScalingPolicy
from containers.scaling.parsing import parse, to_json
from containers.scaling.shape import Policy
from containers.services.settings import topic
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused

RIGHT = "service.scale"


def policy_of(place: ServiceEnvironment) -> ScalingPolicy | None:
    return ScalingPolicy.objects.filter(place=place).first()


def content_of(row: ScalingPolicy | None) -> dict[str, Any]:
    """The policy with all that is usual, whenever it was saved; empty where there is none."""
    return to_json(parse(row.content)) if row is not None else {}


def may(actor: Actor, place: ServiceEnvironment) -> None:
    """Raises Denied."""
    require(actor, RIGHT, **place.at, obj=place)


def checked(data: Any, *, lock: bool = False) -> Policy:
    """The policy, with calendars that there are; with `lock` they are, until the transaction ends. Raises Refused with the field."""
    policy = parse(data)
    wanted = {point.calendar for point in policy.market}
    found = Calendar.objects.filter(slug__in=wanted).order_by("pk")
    unknown = wanted - {row.slug for row in (found.select_for_update() if lock else found)}
    if unknown:
        raise Refused(_("There is no calendar «%(slug)s».") % {"slug": min(unknown)}, "market", 400)
    return policy


def save(actor: Actor, place: ServiceEnvironment, data: Mapping[str, Any]) -> ScalingPolicy:
    """Makes or replaces the place's policy. What was measured for the former one counts no more."""
    may(actor, place)
    with transaction.atomic():
        ServiceEnvironment.objects.select_for_update().get(pk=place.pk)
        content = to_json(checked(data, lock=True))
        row = policy_of(place) or ScalingPolicy(place=place, version=0)
        before = row.content
        row.content, row.version = content, row.version + 1
        row.author, row.author_name = actor.user, actor.name
        row.memory, row.past, row.now = {}, {}, {}
        row.short_since = row.blind_since = None
        row.save()
        _record(actor, place, before, content)
    return row


def remove(actor: Actor, place: ServiceEnvironment) -> None:
    """The place keeps the instances that it has; its decisions stay."""
    may(actor, place)
    with transaction.atomic():
        row = ScalingPolicy.objects.select_for_update().filter(place=place).first()
        if row is None:
            raise Refused(_("There is no policy here."))
        before = row.content
        row.delete()
        _record(actor, place, before, {})


def _record(actor: Actor, place: ServiceEnvironment, before: dict[str, Any], after: dict[str, Any]) -> None:
    old, new = audit.changed(before, after)
    audit.record(actor, "service.scaling", place, before=old or None, after=new, parent=place.service)
    live.bump(topic(place))
