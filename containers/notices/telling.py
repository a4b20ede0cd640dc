"""Releases tell what happens to them, inside the transaction in which it happens."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils import timezone

from containers.models import Approval, BrokenGlass, Deployment, Step
from xqplatform.accounts.actor import Actor
from xqplatform.notices import telling
from xqplatform.notices.kinds import Kind

SOURCE = "release"
State, Hold = Deployment.State, Deployment.Hold
ENDS = {
    State.SUCCEEDED: Kind.SUCCEEDED,
    State.FAILED: Kind.FAILED,
    State.ROLLED_BACK: Kind.ROLLED_BACK,
    State.CANCELLED: Kind.CANCELLED,
}
# Of restarts, moves and the like only what a person may have to look at.
OF_OTHERS = frozenset({Kind.FAILED, Kind.ROLLED_BACK, Kind.HELD})


def _tell(row: Deployment, kind: Kind, actor: Actor, *, more: Any = "", **facts: Any) -> None:
    if row.kind != Deployment.Kind.DEPLOY and kind not in OF_OTHERS:
        return
    place = row.place
    key = f"{SOURCE}:{row.pk}:{kind}" + (f":{more}" if more != "" else "")
    telling.tell(
        kind,
        key=key,
        source=SOURCE,
        number=row.pk,
        url=f"/releases/{row.pk}/",
        actor=actor,
        author=row.created_by_id,
        service=place.service.slug,
        environment=place.environment.slug,
        team=place.service.team_id,
        facts={
            "change": row.kind,
            "version": str(row.image) if row.image is not None else "",
            "before": str(row.old_image) if row.old_image is not None else "",
            "who": row.created_name,
            "reason": row.reason,
            "by": actor.name if actor.user is not None else "",
            **facts,
        },
    )


def begun(row: Deployment, actor: Actor) -> None:
    _tell(row, Kind.BEGUN, actor)


def wants_approval(row: Deployment, actor: Actor) -> None:
    """Told again only after an approval has lapsed: expired, or withdrawn."""
    gone = row.approvals.filter(Q(withdrawn__isnull=False) | Q(expires__lte=timezone.now())).count()
    _tell(row, Kind.APPROVAL, actor, more=gone)


def approved(row: Deployment, actor: Actor, given: Approval) -> None:
    _tell(row, Kind.APPROVED, actor, more=given.pk, why=given.comment)


def withdrawn(row: Deployment, actor: Actor, given: Approval) -> None:
    _tell(row, Kind.WITHDRAWN, actor, more=given.pk, why=given.withdrawn_why)


def held(row: Deployment, hold: str, batch: int, why: str, until: datetime | None) -> None:
    """By what people may have to see to: not by a gate that still measures, nor by old instances that are kept for a time.
    (A withdrawn approval was told of itself.)
    """
    if hold in {Hold.MEASURING, Hold.APPROVAL} or (hold == Hold.KEEP and until is not None):
        return
    at = until.isoformat() if until is not None else ""
    _tell(row, Kind.HELD, Actor.system(), more=f"{hold}:{batch}", hold=hold, batch=batch + 1, why=why, until=at)


def rests(row: Deployment, hold: str, why: str, since: datetime) -> None:
    """Beside what failed, until somebody sees to it; each time anew."""
    failed = row.steps.filter(state=Step.State.FAILED).exclude(reason="").select_related("instance")
    why = " ".join(f"#{step.instance.number}: {step.reason}" for step in failed[:3]) or why
    _tell(row, Kind.HELD, Actor.system(), more=f"{hold}:{since.timestamp():.0f}", hold=hold, why=why)


def ended(row: Deployment, state: str, outcome: str, actor: Actor) -> None:
    _tell(row, ENDS[State(state)], actor, why=outcome)


def glass_broken(row: Deployment, actor: Actor, made: BrokenGlass) -> None:
    _tell(row, Kind.GLASS, actor, more=made.pk, why=made.reason, overridden=" ".join(made.overridden))
