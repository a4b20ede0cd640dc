"""The verbs of prices. One that was valid stays in the bills of its time: who changes a price adds one from a day on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import transaction
from django.db.models import Model
from django.utils.translation import gettext as _

from containers.capacity.bills import LOCK
from containers.capacity.models import CostMonth, Price
from hosts.models import Host, HostGroup
from xqplatform import audit, locks
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused
from xqplatform.work import enqueue

RIGHT = "capacity.manage"
AMOUNTS = ("monthly", "core", "gib")
DIGITS = {"monthly": Decimal("0.01"), "core": Decimal("0.0001"), "gib": Decimal("0.0001")}
MOST = Decimal(10**8)
CURRENCY = re.compile(r"\S{1,8}")
FIRST = date(2000, 1, 1)


def add(actor: Actor, data: Mapping[str, Any]) -> Price:
    """`host` or `group` by name (neither: every host), `monthly`, or `core` and `gib`, `currency`, `valid_from`.

    Raises Denied, Refused with the field.
    """
    require(actor, RIGHT)
    host, group = _named(Host, "name", data, "host"), _named(HostGroup, "slug", data, "group")
    if host is not None and group is not None:
        raise Refused(_("Of a host or of a group, not of both."), "group", 400)
    row = Price(host=host, group=group, author_name=actor.name, **_amounts(data))
    row.valid_from = _day(data.get("valid_from"))
    row.currency = " ".join(str(data.get("currency") or "").split())
    if not CURRENCY.fullmatch(row.currency) or not row.currency.isprintable():
        raise Refused(_("A short word, such as EUR or CNY."), "currency", 400)
    with transaction.atomic():
        # Of two that come at once one sees the other's currency and day; and no bill is written by half of them.
        locks.hold(LOCK)
        others = set(Price.objects.values_list("currency", flat=True))
        if others - {row.currency}:
            words = _("All prices are in one currency, so that they can be added: those there are say %(other)s.")
            raise Refused(words % {"other": ", ".join(sorted(others - {row.currency}))}, "currency", 409)
        if Price.objects.filter(host=host, group=group, valid_from=row.valid_from).exists():
            raise Refused(_("There is a price from this day on: remove it first."), "valid_from", 409)
        row.save()
        audit.record(actor, "price.add", row, name=_name(row), after=shown(row))
        _recount(row.valid_from)
    return row


def remove(actor: Actor, price: Price) -> None:
    """Its months are counted anew without it. Raises Denied, Refused when somebody else was faster."""
    require(actor, RIGHT)
    with transaction.atomic():
        locks.hold(LOCK)
        row = Price.objects.filter(pk=price.pk).first()
        if row is None:
            raise Refused(_("There is no such price any more."), code=404)
        audit.record(actor, "price.remove", row, name=_name(row), before=shown(row))
        row.delete()
        _recount(row.valid_from)


def keeps(row: Model) -> str:
    """Why a host or a group cannot be removed: bills of the past go by its prices, which nobody takes away unseen."""
    if not isinstance(row, Host | HostGroup) or not row.prices.exists():  # type: ignore[union-attr]
        return ""
    words = _(
        "%(name)s has prices, which bills are counted by. Remove them first, under Capacity, Cost: months are then counted anew without them."
    )
    return words % {"name": row}


def _recount(first: date) -> None:
    from containers.capacity.tasks import count_costs

    CostMonth.objects.filter(month__gte=first.replace(day=1)).delete()
    enqueue(count_costs)


def shown(row: Price) -> dict[str, Any]:
    """In the names of the verb and of the API."""
    return {
        "host": row.host.name if row.host else "",
        "group": row.group.slug if row.group else "",
        **{name: str(value) if (value := getattr(row, name)) is not None else "" for name in AMOUNTS},
        "currency": row.currency,
        "valid_from": str(row.valid_from),
    }


def _name(row: Price) -> str:
    return f"{row.host or row.group or '*'}, {row.valid_from}"


def _named(model: Any, field: str, data: Mapping[str, Any], name: str) -> Any:
    asked = str(data.get(name) or "").strip()
    if not asked:
        return None
    row = model.objects.filter(**{field: asked}).first() if "\0" not in asked else None
    if row is None:
        raise Refused(_("There is no «%(name)s».") % {"name": asked[:60].replace("\0", "")}, name, 400)
    return row


def _amounts(data: Mapping[str, Any]) -> dict[str, Decimal | None]:
    found = {name: _amount(data.get(name), name) for name in AMOUNTS}
    if found["monthly"] is not None and (found["core"] is not None or found["gib"] is not None):
        raise Refused(_("A price a host, or prices a core and a GiB, not both."), "monthly", 400)
    if found["monthly"] is None and found["core"] is None and found["gib"] is None:
        raise Refused(_("Say what a host costs a month, or a core and a GiB."), "monthly", 400)
    return found


def _amount(value: Any, name: str) -> Decimal | None:
    text = str(value if value is not None else "").strip()
    if not text:
        return None
    try:
        found = Decimal(text) if len(text) <= 20 else None
    except InvalidOperation:
        found = None
    if found is None or not found.is_finite() or not 0 <= found <= MOST:
        raise Refused(_("An amount from 0 to 100,000,000, with a point before its parts."), name, 400)
    return found.quantize(DIGITS[name])


def _day(value: Any) -> date:
    try:
        found = value if isinstance(value, date) else date.fromisoformat(str(value or "").strip())
    except ValueError:
        raise Refused(_("A day, such as 2026-12-01."), "valid_from", 400) from None
    if not FIRST <= found <= date(2100, 1, 1):
        raise Refused(_("A day from 2000 to 2100."), "valid_from", 400)
    return found
