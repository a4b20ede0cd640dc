"""The list of releases by the days on which they ended: whole days by UTC, as scores count them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from containers.models import Deployment
from xqplatform.errors import Refused


@dataclass(frozen=True)
class Ended:
    """From day to day, both included; None: open."""

    first: date | None = None
    last: date | None = None

    def __bool__(self) -> bool:
        return self.first is not None or self.last is not None


def asked(data: Mapping[str, Any]) -> Ended:
    """Of «from» and «to». Raises Refused with the field."""
    found = Ended(_day(data, "from"), _day(data, "to"))
    if found.first and found.last and found.first > found.last:
        raise Refused(_("The first day is after the last one."), "to", 400)
    return found


def _day(data: Mapping[str, Any], name: str) -> date | None:
    text = str(data.get(name) or "").strip()
    if not text:
        return None
    try:
        found = datetime.strptime(text[:11], "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise Refused(_("A day such as 2026-11-27."), name, 400) from None
    if not 2000 <= found.year < 3000:
        raise Refused(_("A day such as 2026-11-27."), name, 400)
    return found


def within(rows: QuerySet[Deployment], ended: Ended) -> QuerySet[Deployment]:
    if ended.first:
        rows = rows.filter(finished__gte=_midnight(ended.first))
    if ended.last:
        rows = rows.filter(finished__lt=_midnight(ended.last + timedelta(days=1)))
    return rows


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
