"""The month's capacity, told to those who want to hear of it: in their inbox, by mail, over a channel of the company."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from containers.capacity import overview, words
from containers.capacity.models import Day
from containers.capacity.runway import Runway, State
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.roles.who import holders
from xqplatform.metrics import units
from xqplatform.notices import sources
from xqplatform.notices.kinds import Kind
from xqplatform.notices.models import Notice
from xqplatform.notices.telling import tell

SOURCE, RIGHT = "capacity", "fleet.read"
MOST = 6  # of what ends first
DAYS = 30
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
    ends = [_kept(one) for one in overview.runways(fleet.until) if one.found.state in {State.FULL, State.ENDS}]
    return tell(
        Kind.CAPACITY, key=key, source=SOURCE, number=last.year * 100 + last.month, url="/capacity/", actor=Actor.system(), author=None,
        facts={"until": str(fleet.until), "ends": ends[:MOST]} | {name: getattr(fleet, name) for name in AMOUNTS},
    )  # fmt: skip


def _kept(one: overview.Ends) -> dict[str, Any]:
    found = one.found
    return {
        "resource": one.resource, "name": one.name, "promised": one.promised, "until": str(one.until), "state": found.state.value,
        "days": found.days, "soonest": found.soonest, "latest": found.latest,
    }  # fmt: skip


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
    ]
    lines += [words.sentence(_ends(kept)) for kept in f.get("ends", [])] or [_("Nothing is foreseen to run out.")]
    return sources.Words(_("Capacity in %(month)s") % {"month": date_format(month, "YEAR_MONTH_FORMAT")}, lines)


def readers(notice: Notice) -> set[int]:
    """Everybody who may read it; who of them wants to is their choice."""
    return {one.user.pk for one in holders(RIGHT)}


def join() -> None:
    sources.register(SOURCE, sources.Source(said, readers, RIGHT))
