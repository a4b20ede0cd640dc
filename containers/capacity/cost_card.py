"""What the page of costs shows: months beside one another, by team and by service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from containers.capacity import asking, bills
from containers.capacity.costing import Bill
from containers.capacity.models import Day, Price
from hosts.models import Host
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Team
from xqplatform.accounts.rights import require

RIGHT = "fleet.read"
RANGES: dict[str, Any] = {"3": gettext_lazy("3 months"), "6": gettext_lazy("6 months"), "12": gettext_lazy("12 months")}
USUAL = 6


@dataclass(frozen=True, kw_only=True)
class Asked(asking.Places):
    """`months`: with the one under way."""

    months: int = USUAL


def asked(data: Mapping[str, Any]) -> Asked:
    """Raises Refused with the field."""
    found = asking.given(data, "months", RANGES, _("Months are 3, 6 or 12."))
    months = int(found.pop("months") or USUAL)
    return Asked(months=months, **found)


@dataclass
class Row:
    """Amounts by month, the oldest first; None of a month that is not counted. `alike`: the two newest whole ones have all their days."""

    key: str
    title: str
    team: str
    amounts: list[float | None]
    alike: bool = True

    @property
    def last(self) -> float | None:
        """The newest whole month."""
        return self.amounts[-2]

    @property
    def change(self) -> float | None:
        """Of the newest whole month against the one before it, as a share; None where some of their days are not counted."""
        before, last = self.amounts[-3], self.amounts[-2]
        return None if not before or last is None or not self.alike else last / before - 1

    @property
    def nothing(self) -> bool:
        return not any(self.amounts)


@dataclass
class Card:
    months: Sequence[date]
    whole: Row
    unallocated: Row
    others: Row  # of what the reader does not see, or did not ask for
    teams: list[Row]
    services: list[Row]
    currency: str
    unpriced: list[str] = field(default_factory=list)  # hosts, in the newest counted month
    has_prices: bool = True
    has_days: bool = True
    days: int = 0  # of the month under way

    @property
    def now(self) -> date:
        return self.months[-1]


def read(actor: Actor, what: Asked, today: date | None = None) -> Card:
    """Raises Denied."""
    require(actor, RIGHT)
    months = bills.months_back(today or bills.today(), what.months)
    found = bills.read(months)
    known = [found.get(month) for month in months]
    rows = _places(actor, what)
    before_and_last = zip(months[-3:-1], known[-3:-1], strict=True)
    alike = all(one is not None and one[1] == bills.length(month) for month, one in before_and_last)

    def row(key: str = "", title: str = "", team: str = "") -> Row:
        return Row(key, title, team, [None if one is None else 0.0 for one in known], alike)

    teams: dict[str, Row] = {}
    services: dict[str, Row] = {}
    whole, unallocated, others = row(), row(), row()
    for n, one in enumerate(known):
        if one is None:
            continue
        bill, _days = one
        _put(whole, n, bill.total)
        _put(unallocated, n, bill.unallocated)
        for place, amount in bill.places.items():
            if place not in rows:
                _put(others, n, amount)
                continue
            service, team, title = rows[place]
            _put(services.setdefault(service, row(service, service, title)), n, amount)
            _put(teams.setdefault(team, row(team, title, title)), n, amount)
    newest = next((one[0] for one in reversed(known) if one is not None), Bill())
    currencies = Price.objects.order_by().values_list("currency", flat=True).distinct()
    return Card(
        months=months,
        whole=whole,
        unallocated=unallocated,
        others=others,
        teams=_sorted(teams),
        services=_sorted(services),
        currency=", ".join(currencies),
        unpriced=list(Host.objects.filter(pk__in=newest.unpriced).order_by("name").values_list("name", flat=True)),
        has_prices=Price.objects.exists(),
        has_days=Day.objects.exists(),
        days=known[-1][1] if known[-1] is not None else 0,
    )


def _put(row: Row, n: int, amount: float) -> None:
    row.amounts[n] = (row.amounts[n] or 0.0) + amount


def _sorted(rows: Mapping[str, Row]) -> list[Row]:
    """The dearest first, by the newest month of each."""
    return sorted(rows.values(), key=lambda one: ([-(amount or 0.0) for amount in reversed(one.amounts)], one.key))


def _places(actor: Actor, what: Asked) -> dict[int, tuple[str, str, str]]:
    """Place → service, team and its title."""
    titles = {team.slug: str(team) for team in Team.objects.all()}
    fields = ("pk", "service__slug", "service__team__slug")
    return {
        pk: (service, team or "", titles.get(team, team) if team else "")
        for pk, service, team in what.rows(actor).order_by().values_list(*fields)
    }
