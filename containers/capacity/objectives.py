"""The objective of a place: the verb that sets it, and how it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import transaction
from django.db.models import Max, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from containers.capacity import availability, health_weeks
from containers.capacity.availability import Budget, Span
from containers.capacity.health_weeks import Places
from containers.capacity.models import HealthDay, Objective
from containers.models import ServiceEnvironment
from containers.services.settings import topic
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused

RIGHT = "service.change"
LOW, HIGH = Decimal(50), Decimal("99.999")


@dataclass(frozen=True)
class Standing:
    """`span`: of the window; `budget`: None while nothing is known. Without an objective there is no budget either."""

    span: Span
    objective: Objective | None = None
    budget: Budget | None = None


def may(actor: Actor, place: ServiceEnvironment) -> None:
    """Raises Denied."""
    require(actor, RIGHT, **place.at, obj=place)


def save(actor: Actor, place: ServiceEnvironment, data: Mapping[str, Any]) -> Objective:
    """Sets `target` (per cent) and `least` (healthy instances). Raises Denied, Refused with the field."""
    may(actor, place)
    target, least = _target(data.get("target")), _least(data.get("least"), place)
    with transaction.atomic():
        ServiceEnvironment.objects.select_for_update().get(pk=place.pk)
        row = Objective.objects.filter(place=place).first() or Objective(place=place)
        before = shown(row) if row.pk else {}
        row.target, row.least, row.author_name = target, least, actor.name
        row.save()
        old, new = audit.changed(before, shown(row))
        audit.record(actor, "service.objective", place, before=old or None, after=new, parent=place.service)
        live.bump(topic(place))
    return row


def remove(actor: Actor, place: ServiceEnvironment) -> None:
    """Raises Denied, Refused where there is none."""
    may(actor, place)
    with transaction.atomic():
        ServiceEnvironment.objects.select_for_update().get(pk=place.pk)
        row = Objective.objects.filter(place=place).first()
        if row is None:
            raise Refused(_("There is no objective."), code=404)
        before = shown(row)
        row.delete()
        audit.record(actor, "service.objective", place, before=before, after={"target": ""}, parent=place.service)
        live.bump(topic(place))


def shown(row: Objective) -> dict[str, Any]:
    return {"target": row.shown, "least": row.least}


def _target(value: Any) -> Decimal:
    text = str(value if value is not None else "").strip().removesuffix("%").strip()
    try:
        found = Decimal(text) if len(text) <= 12 else None
    except InvalidOperation:
        found = None
    if found is None or not found.is_finite() or not LOW <= found <= HIGH:
        raise Refused(_("A number from 50 to 99.999, such as 99.9."), "target", 400)
    if found != found.quantize(Decimal("0.001")):
        raise Refused(_("At most three digits after the point."), "target", 400)
    return found


def _least(value: Any, place: ServiceEnvironment) -> int:
    text = str(value or 1).strip()
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and int(text) >= 1):
        raise Refused(_("A whole number from 1 on."), "least", 400)
    if int(text) > max(1, place.wanted):
        text = ngettext("There is only %(n)d instance.", "There are only %(n)d instances.", place.wanted)
        raise Refused(text % {"n": place.wanted}, "least", 400)
    return int(text)


def standing(places: Places, today: date | None = None, *, only_with_objective: bool = False) -> dict[int, Standing]:
    """How each place stands in the window that ends today; those of which there is nothing are not there."""
    today = today or timezone.now().astimezone(UTC).date()
    targets = {row.place_id: row for row in Objective.objects.filter(place__in=places)}
    asked: Places = list(targets) if only_with_objective else places
    since = today - timedelta(days=availability.WINDOW - 1)
    window = health_weeks.spans(asked, since, today)
    last = _newest(asked, since)
    found = {}
    for place in window.keys() | targets.keys():
        objective, whole = targets.get(place), window.get(place, Span())
        budget = availability.budget(whole, last.get(place, Span()), float(objective.target)) if objective else None
        found[place] = Standing(whole, objective, budget)
    return found


def _newest(places: Places, since: date) -> dict[int, Span]:
    """Of each place the newest day with data."""
    rows = HealthDay.objects.filter(Q(good__gt=0) | Q(bad__gt=0), day__gte=since, place__in=places).order_by()
    newest = dict(rows.values_list("place_id").annotate(newest=Max("day")))
    days = rows.filter(day__in=set(newest.values())).values_list("place_id", "day", "good", "bad")
    return {place: Span(good, bad) for place, day, good, bad in days if day == newest[place]}
