"""The verbs of a place's policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from containers.models import Calendar, ServiceEnvironment
from containers.scaling.keeping import kept
from containers.scaling.models import ScalingPolicy
from containers.scaling.parsing import parse, to_json
from containers.scaling.shape import Memory, Policy
from containers.services.settings import topic
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused

RIGHT = "service.scale"


def policy_of(place: ServiceEnvironment) -> ScalingPolicy | None:
    return ScalingPolicy.objects.filter(place=place).first()


def read(row: ScalingPolicy | None) -> tuple[Policy | None, Refused | None]:
    """The policy, or why it cannot be read: it was saved by other rules than today's."""
    try:
        return (parse(row.content) if row is not None else None), None
    except Refused as refused:
        return None, refused


def content_of(row: ScalingPolicy | None) -> dict[str, Any]:
    """The policy with all that is usual, whenever it was saved; empty where there is none, or none that can be read."""
    policy, _why = read(row)
    return to_json(policy) if policy is not None else {}


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
    """Makes or replaces the place's policy. The same once more changes nothing; of a real change the windows stay that are not
    touched by it. Raises Denied, Refused.
    """
    may(actor, place)
    with transaction.atomic():
        ServiceEnvironment.objects.select_for_update().get(pk=place.pk)
        policy = checked(data, lock=True)
        content = to_json(policy)
        row = policy_of(place) or ScalingPolicy(place=place, version=0)
        before, former = row.content, read(row)[0] if row.pk else None
        if former == policy and before == content:
            return row
        row.content, row.version = content, row.version + 1
        row.author, row.author_name = actor.user, actor.name
        _remember(row, former, policy)
        row.save()
        _record(actor, place, before, content)
    return row


def _remember(row: ScalingPolicy, former: Policy | None, policy: Policy) -> None:
    """What the next evaluation begins with. What was said last stays to be read until then, but is no decision of this policy."""
    if former is None or "problem" in row.now or not row.now:
        row.memory, row.past, row.now = {}, {}, {}
        row.short_since = row.blind_since = None
        return
    row.memory = kept(Memory.of(row.memory), former, policy).to_json()
    row.past = row.past if former.forecast == policy.forecast else {}
    row.now = row.now | {"to": None}


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


def _record(actor: Actor, place: ServiceEnvironment, before: Any, after: dict[str, Any]) -> None:
    old, new = audit.changed(before if isinstance(before, dict) else {"policy": before}, after)
    audit.record(actor, "service.scaling", place, before=old or None, after=new, parent=place.service)
    live.bump(topic(place))
