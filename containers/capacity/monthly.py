"""The month's capacity, cost and releases, told to those who want to hear of it: in their inbox, by mail, over a channel of the company."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from containers.capacity import cost_card, overview, runways, scorecard, words
from containers.capacity.models import Day
from containers.capacity.runway import Runway, State
from containers.capacity.templatetags.scorecard import available, money, part, part_change, rate
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.roles.who import holders
from xqplatform.metrics import units
from xqplatform.notices import sources
from xqplatform.notices.kinds import Kind
from xqplatform.notices.models import Notice
from xqplatform.notices.telling import tell
from xqplatform.web.templatetags.xq import duration

SOURCE, RIGHT = "capacity", "fleet.read"
MOST = 6  # of what ends first
DAYS = 30
WEEKS = 4  # of releases
AMOUNTS = ("hosts", "instances", "cpus", "cpus_committed", "cpu_p95", "memory", "memory_committed", "memory_p95", "disk_total", "disk_used")  # fmt: skip


def run(now: datetime) -> Notice | None:
    """Tells of the month before, once its last day was rolled up."""
    last = now.astimezone(UTC).date().replace(day=1) - timedelta(days=1)
    key = f"{SOURCE}:{last:%Y-%m}"
    if Notice.objects.filter(key=key).exists() or not Day.objects.filter(day=last).exists():
        return None
    fleet = overview.fleet(DAYS)
    if fleet is None:
        return None
    ends = [_kept(one) for one in runways.read(fleet.until) if one.found.state in {State.FULL, State.ENDS}]
    return tell(
        Kind.CAPACITY, key=key, source=SOURCE, number=last.year * 100 + last.month, url="/capacity/", actor=Actor.system(), author=None,
        facts={"until": str(fleet.until), "ends": ends[:MOST], "cost": _cost(last), "delivery": _delivery(now)}
        | {name: getattr(fleet, name) for name in AMOUNTS},
    )  # fmt: skip


def _kept(one: overview.Ends) -> dict[str, Any]:
    found = one.found
    return {
        "resource": one.resource, "name": one.name, "promised": one.promised, "until": str(one.until), "state": found.state.value,
        "days": found.days, "soonest": found.soonest, "latest": found.latest,
    }  # fmt: skip


def _cost(last: date) -> dict[str, Any]:
    """Of the month that ends with this day; empty where nothing has a price, or the month is not counted."""
    card = cost_card.read(Actor.system(), cost_card.Asked(months=3), last + timedelta(days=1))
    if not card.has_prices or card.whole.last is None:
        return {}
    return {
        "amount": card.whole.last, "change": card.whole.change, "unallocated": card.unallocated.last, "currency": card.currency,
    }  # fmt: skip


def _delivery(now: datetime) -> dict[str, Any]:
    """Of production in the last weeks; empty without releases."""
    whole = scorecard.read(Actor.system(), scorecard.Asked(weeks=WEEKS), now).whole
    tally = whole.tally
    if tally.empty:
        return {}
    return {
        "frequency": whole.frequency, "lead": tally.lead_median, "failures": tally.failure_rate, "restore": tally.restore_median,
        "available": available(whole.span),
    }  # fmt: skip


def _more(facts: Mapping[str, Any]) -> list[str]:
    """Cost and releases, in words. Months told before they were counted have none."""
    lines = []
    if cost := facts.get("cost"):
        said = {
            "amount": money(cost["amount"]), "currency": cost["currency"], "change": part_change(cost["change"]),
            "unallocated": money(cost["unallocated"]),
        }  # fmt: skip
        lines.append(
            _("Cost: %(amount)s %(currency)s (month over month: %(change)s), %(unallocated)s of it unallocated.") % said
        )
    if found := facts.get("delivery"):
        said = {
            "frequency": rate(found["frequency"]), "lead": duration(found["lead"]), "failures": part(found["failures"]),
            "restore": duration(found["restore"]), "available": found["available"],
        }  # fmt: skip
        lines += [
            _("Releases to production, in four weeks: %(frequency)s a week, lead time %(lead)s (median).") % said,
            _("Change failure rate %(failures)s, time to restore %(restore)s (median), available %(available)s.")
            % said,
        ]
    return lines


def _ends(kept: Mapping[str, Any]) -> overview.Ends:
    found = Runway(State(kept["state"]), kept["days"], kept["soonest"], kept["latest"])
    return overview.Ends(kept["resource"], kept["name"], kept["promised"], None, None, found, date.fromisoformat(kept["until"]))  # fmt: skip


def said(notice: Notice) -> sources.Words:
    f = notice.facts
    month = date(notice.number // 100, notice.number % 100, 1)
    amounts: dict[str, Any] = {
        name: units.shown(f.get(name), "cores" if name.startswith("cpu") else "bytes") for name in AMOUNTS
    }
    amounts |= {name: f"{f.get(name, 0):,}" for name in ("hosts", "instances")}
    lines = [
        _("%(hosts)s hosts, %(instances)s instances.") % amounts,
        _("CPU: %(cpus_committed)s promised, %(cpu_p95)s used (p95), of %(cpus)s.") % amounts,
        _("Memory: %(memory_committed)s promised, %(memory_p95)s used (p95), of %(memory)s.") % amounts,
        _("Disk: %(disk_used)s used of %(disk_total)s.") % amounts,
        *_more(f),
    ]
    lines += [words.sentence(_ends(kept)) for kept in f.get("ends", [])] or [_("Nothing is foreseen to run out.")]
    return sources.Words(_("Capacity in %(month)s") % {"month": date_format(month, "YEAR_MONTH_FORMAT")}, lines)


def readers(notice: Notice) -> set[int]:
    """Everybody who may read it; who of them wants to is their choice."""
    return {one.user.pk for one in holders(RIGHT)}


def join() -> None:
    sources.register(SOURCE, sources.Source(said, readers, RIGHT))
