"""How reviews and the chain of the log stand when a report is made."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone

from xqplatform.audit.chain import canonical, linking
from xqplatform.audit.models import Archive, Checkpoint, Event, Link, Outlet, Verification
from xqplatform.audit.proof import verifications
from xqplatform.audit.reviews.ages import counted
from xqplatform.audit.reviews.models import Review

LISTED = 200


def reviews(start: datetime, end: datetime) -> dict[str, Any]:
    """What was reviewed in the month; what of up to its end is open, by age and the oldest first."""
    now = timezone.now()
    waiting = Review.objects.filter(reviewed=None, time__lt=end)
    ages = counted(waiting)
    oldest = waiting.order_by("time", "pk")[:LISTED]
    return {
        "done": Review.objects.filter(reviewed__gte=start, reviewed__lt=end).count(),
        "taken": Review.objects.filter(time__gte=start, time__lt=end).count(),
        "open": sum(ages),
        "ages": ages,
        "oldest": [
            [f"{row.time:%Y-%m-%d %H:%M}", (now - row.time).days, row.actor, row.action, row.object_name, row.denied]
            for row in oldest
        ],
    }


def chain(start: datetime, end: datetime) -> dict[str, Any]:
    """Up to where the log was verified and signed, and whether that has the month's last event."""
    mark = Checkpoint.objects.first()
    head = linking.head()
    verified = Verification.objects.exclude(state=Verification.State.RUNNING).first()
    last = Event.objects.filter(time__gte=start, time__lt=end).order_by("-pk").values_list("pk", flat=True).first()
    place = Link.objects.filter(event_id=last).values_list("position", flat=True).first() if last is not None else None
    oldest = Event.objects.order_by("pk").values_list("time", flat=True).first()
    return {
        "length": head.position,
        "last": place,  # of the month; none while it waits for its place, or when nothing happened
        "events": last is not None,
        "checkpoint": {"position": mark.position, "time": _at(mark.time)} if mark is not None else None,
        "hash": head.hash,
        "verified": None if verified is None else {
            "good": verified.state == Verification.State.SUCCEEDED, "position": verified.position,
            "time": _at(verified.ended or verified.began), "found": verified.found, "checkpoints": verified.checkpoints,
        },
        "troubles": list(verifications.troubles().values()),
        "sent": Outlet.objects.filter(ok=True).count(),
        "archived": bool(oldest and oldest >= start and Archive.objects.filter(state=Archive.State.SEALED).exists()),
    }  # fmt: skip


def _at(moment: datetime) -> str:
    return canonical.time_text(moment)[:16].replace("T", " ")
