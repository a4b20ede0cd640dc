"""Break-glass: an SRE goes on in spite of guardrails, with a reason; another one looks at it afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from builds.models import Image
from containers.guardrails import asking, holding
from containers.models import BrokenGlass, ConfigVersion, Deployment, ServiceEnvironment
from containers.notices import telling
from containers.plan import Plan
from containers.services.settings import topic
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.alerts.sources import Found, Was
from xqplatform.alerts.subjects import number
from xqplatform.audit.reviews import services as reviews
from xqplatform.errors import Refused
from xqplatform.work import enqueue

RIGHT = "release.break_glass"
LONGEST = 2000


@dataclass(frozen=True)
class Glass:
    """What somebody says who breaks it: why, and the service's name, typed."""

    reason: str
    name: str


def may(actor: Actor, place: ServiceEnvironment, glass: Glass) -> None:
    """Raises Denied without the right, Refused without a reason or with a wrong name. Call it before the transaction."""
    require(actor, RIGHT, **place.at, obj=place)
    if not glass.reason.strip():
        raise Refused(_("Say why you go on in spite of the guardrails."), "glass_reason", 400)
    if len(glass.reason) > LONGEST:
        raise Refused(_("The reason is too long."), "glass_reason", 400)
    if glass.name.strip() != place.service.slug:
        words = _("Type the service's name, «%(name)s», to go on in spite of the guardrails.")
        raise Refused(words % {"name": place.service.slug}, "glass_name", 400)


def admit(
    place: ServiceEnvironment,
    plan: Plan,
    image: Image | None,
    config: ConfigVersion | None,
    *,
    reason: str,
    glass: Glass | None,
) -> dict[str, Any]:
    """What the release's row keeps of its guardrails. Raises Refused when one stands in the way and no glass is broken."""
    if image is None:
        return {}
    verdict = asking.ask(place, plan, image, config, reason)
    if not verdict.passes and glass is None:
        field = "reason" if {check.name for check in verdict.blocking} <= {"reason", "ticket"} else "guardrails"
        raise Refused(verdict.words, field)
    return asking.ask_for_the_record(place, plan, image, config, reason).to_json()


def note(actor: Actor, row: Deployment, glass: Glass | None) -> BrokenGlass | None:
    """Marks the release, if something was overridden; in the transaction that makes it."""
    overridden = [check["words"] for check in row.guard.get("checks", []) if not check["passes"]]
    if glass is None or not overridden:
        return None
    return _break(actor, row, glass, overridden)


def _break(actor: Actor, row: Deployment, glass: Glass, overridden: list[str]) -> BrokenGlass:
    made = BrokenGlass.objects.create(
        deployment=row, reason=glass.reason.strip(), overridden=overridden, by=actor.user, by_name=actor.name
    )
    audit.record(
        actor,
        "deployment.break_glass",
        row,
        after={"in spite of": overridden},
        reason=glass.reason.strip(),
        parent=row.place.service,
    )
    telling.glass_broken(row, actor, made)
    live.bump("services", "glass", topic(row.place), f"release:{row.pk}")
    return made


def go_on(actor: Actor, row: Deployment, glass: Glass) -> BrokenGlass:
    """A release that a freeze holds goes on in spite of it, and of every later one."""
    from containers.tasks import advance

    may(actor, row.place, glass)
    with transaction.atomic():
        locked = Deployment.objects.select_for_update().get(pk=row.pk)
        if not holding.is_held(locked):
            raise Refused(_("Nothing holds this release."))
        made = _break(actor, row, glass, [holding.words(locked)])
        enqueue(advance, row.pk)
    return made


def review(actor: Actor, row: BrokenGlass, comment: str) -> BrokenGlass:
    """Another SRE has looked at it. Raises Refused for who broke it, and without a comment."""
    place = row.deployment.place
    require(actor, RIGHT, **place.at, obj=row.deployment)
    comment = comment.strip()
    if not comment or len(comment) > LONGEST:
        raise Refused(_("Say what you found, in at most %(n)d characters.") % {"n": LONGEST}, "comment", 400)
    if actor.user is not None and actor.user.pk == row.by_id:
        raise Refused(_("Somebody else has to review it, not who broke the glass."))
    fields = {"reviewed": timezone.now(), "reviewed_by": actor.user, "reviewed_name": actor.name, "comment": comment}
    with transaction.atomic():
        if not BrokenGlass.objects.filter(pk=row.pk, reviewed=None).update(**fields):
            raise Refused(_("It has been reviewed already."))
        audit.record(actor, "deployment.review_glass", row.deployment, after={"comment": comment}, parent=place.service)
        label, key = row.deployment._meta.label_lower, str(row.deployment_id)
        reviews.reviewed_elsewhere(actor, "deployment.break_glass", label, key, comment)
        live.bump("services", "glass", topic(place), f"release:{row.deployment_id}")
    row.refresh_from_db()
    return row


def open_ones() -> QuerySet[BrokenGlass]:
    """Those that nobody has reviewed yet, the newest first."""
    return BrokenGlass.objects.filter(reviewed=None).select_related(
        "deployment__place__service", "deployment__place__environment"
    )


def found(now: float) -> Iterator[Found]:
    """The state «break-glass used» for alert rules: it holds until it is reviewed."""
    newest: dict[int, BrokenGlass] = {}
    for row in open_ones().filter(deployment__place__service__removed=None).order_by("id"):
        newest[row.deployment.place_id] = row
    for place, row in newest.items():
        words = _("%(who)s released in spite of the guardrails (#%(n)d): %(why)s")
        values = {"who": row.by_name, "n": row.deployment_id, "why": row.reason}
        yield Found(f"place:{place}", row.created.timestamp(), words % values)


def was(of: Sequence[str], start: float, end: float) -> Iterator[Was]:
    """The same of the past: from when it was broken until it was reviewed."""
    since, until = (datetime.fromtimestamp(at, UTC) for at in (start, end))
    rows = BrokenGlass.objects.filter(deployment__place__in=[number(one) for one in of], created__lte=until)
    rows = rows.exclude(reviewed__lt=since)
    for place, created, reviewed in rows.values_list("deployment__place", "created", "reviewed"):
        over = reviewed.timestamp() if reviewed is not None and reviewed <= until else None
        yield Was(f"place:{place}", created.timestamp(), over)
