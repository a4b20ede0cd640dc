"""A place's policy: its row, or what is usual."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from containers.keeping.models import SnapshotPolicy
from containers.keeping.shape import USUAL, Policy, parse
from containers.models import ServiceEnvironment
from containers.services.settings import topic
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require


def policy_of(place: ServiceEnvironment) -> Policy:
    row = SnapshotPolicy.objects.filter(place=place).first()
    return USUAL if row is None else parse(row.content)


def save_policy(actor: Actor, place: ServiceEnvironment, data: Mapping[str, Any]) -> Policy:
    """What is left out is as usual. The same once more changes nothing. Raises Denied, Refused with the field."""
    require(actor, "service.change", **place.at, obj=place)
    policy = parse(data)
    with transaction.atomic():
        ServiceEnvironment.objects.select_for_update().get(pk=place.pk)
        before = policy_of(place)
        if before == policy:
            return policy
        SnapshotPolicy.objects.update_or_create(
            place=place, defaults={"content": policy.to_json(), "author_name": actor.name}
        )
        old, new = audit.changed(before.to_json(), policy.to_json())
        audit.record(actor, "data.policy", place, before=old or None, after=new, parent=place.service)
        live.bump(topic(place))
    return policy
