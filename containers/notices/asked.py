"""Of whom a release asks something: who may approve it now."""

from __future__ import annotations

from containers.guardrails import approvals
from containers.models import Deployment
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.roles.who import holders
from xqplatform.notices.kinds import Kind
from xqplatform.notices.models import Notice

ASKS = frozenset({Kind.APPROVAL, Kind.WITHDRAWN})


def approvers(notice: Notice) -> set[int]:
    """Nobody where it needs none any more, has ended, or is gone."""
    if notice.kind not in ASKS:
        return set()
    rows = Deployment.objects.select_related("place__service", "place__environment")
    row = rows.filter(pk=notice.number).first()
    if row is None or not approvals.missing(row):
        return set()
    people = holders(approvals.RIGHT, **row.place.at)
    return {one.user.pk for one in people if _can_help(Actor.person(one.user), row)}


def _can_help(actor: Actor, row: Deployment) -> bool:
    return not approvals.may_approve(actor, row) and approvals.standing(row, actor) is None
