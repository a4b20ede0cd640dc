"""What the overview shows: a line of figures for each group, host, environment, team or service; trends; and what runs out when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from containers.capacity import extended, runway, today
from containers.capacity.models import Day, Of, SegmentDay, Span, SumDay
from containers.capacity.today import Today
from containers.models import Service
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.visibility import visible
from xqplatform.errors import Refused
from xqplatform.metrics.charts import Chart, Grid, Line
from xqplatform.metrics.ranges import Range

RANGES: dict[str, tuple[int, Any]] = {
    "7d": (7, gettext_lazy("7 days")),
    "30d": (30, gettext_lazy("30 days")),
    "90d": (90, gettext_lazy("90 days")),
    "365d": (365, gettext_lazy("1 year")),
}
BY: dict[str, Any] = {
    Of.GROUP: gettext_lazy("Groups"),
    Of.HOST: gettext_lazy("Hosts"),
    Of.ENVIRONMENT: gettext_lazy("Environments"),
    Of.TEAM: gettext_lazy("Teams"),
    Of.SERVICE: gettext_lazy("Services"),
}
SEGMENT = "segment"  # what has addresses, beside `Of`
LATE = timedelta(days=2)  # behind a day it was counted afterwards


@dataclass(frozen=True)
class Asked:
    by: str = Of.GROUP
    range: str = "30d"

    @property
    def days(self) -> int:
        return RANGES[self.range][0]


def asked(query: Mapping[str, Any]) -> Asked:
    """Raises Refused (400) for what there is not."""
    by, span = str(query.get("by") or Of.GROUP)[:40], str(query.get("range") or "30d")[:40]
    if by not in BY:
        raise Refused(_("It can be shown by %(known)s.") % {"known": ", ".join(BY)}, "by", 400)
    if span not in RANGES:
        raise Refused(
            _("There is no range «%(key)s»; there are %(known)s.") % {"key": span, "known": ", ".join(RANGES)},
            "range",
            400,
        )
    return Asked(by, span)


def lines(actor: Actor, what: Asked) -> Today:
    """A row a line, by name; of services those that the actor may see."""
    found = today.read(Of(what.by), what.days)
    if what.by != Of.SERVICE:
        return found
    seen = set(visible(actor, Service).values_list("pk", flat=True))
    return Today(found.fleet, [one for one in found.lines if one.key in seen])


def fleet(days: int) -> Span | None:
    """As it was on the last day that was rolled up."""
    return Span.objects.filter(days=days, of=Of.FLEET).first()


@dataclass(frozen=True)
class Ends:
    """When a resource of something runs out. `promised`: by what is committed, where placement says no; else by what is used."""

    resource: str  # cpu, memory, disk, addresses
    name: str  # of the group or segment
    promised: bool
    capacity: float | None
    taken: float | None  # on the last day
    found: runway.Runway
    until: date
    of: str = Of.GROUP
    key: int = 0

    @property
    def on(self) -> date | None:
        return None if self.found.days is None else self.until + timedelta(days=int(self.found.days))

    @property
    def order(self) -> tuple[float, float, str]:
        """What ends first comes first; what cannot be told by its soonest day."""
        days, soonest = self.found.days, self.found.soonest
        return (days if days is not None else 1e9, soonest if soonest is not None else 1e9, self.name)


# (resource, by what is promised, the column of what there is, the column of what goes)
COUNTED = (
    ("cpu", True, "cpus_allocatable", "cpus_committed"),
    ("cpu", False, "cpus", "cpu_p95"),
    ("memory", True, "memory_allocatable", "memory_committed"),
    ("memory", False, "memory", "memory_p95"),
    ("disk", False, "disk_total", "disk_used"),
)  # fmt: skip


def runways(last: date) -> list[Ends]:
    """Of each group and segment, what ends first at the top; all trends are made (pages read `runways`)."""
    first = last - timedelta(days=runway.LOOK_BACK - 1)
    names = dict(Span.objects.filter(of=Of.GROUP, days=Span.DAYS[0]).values_list("key", "name"))
    fields = (
        "key",
        "day",
        "measured",
        "cpus_measured",
        "memory_measured",
        *{name for row in COUNTED for name in row[2:]},
    )
    held: dict[int, list[dict[str, Any]]] = defaultdict(list)
    sums = SumDay.objects.filter(of=Of.GROUP, key__in=names, day__range=(first, last)).order_by("key", "day")
    for row in sums.values(*fields):
        held[row["key"]].append(row)
    late = after(first, last).unknown
    found = [
        _of(key, names[key] or _("without a group"), rows, *counted, late, last)
        for key, rows in held.items()
        for counted in COUNTED
    ]
    segments: dict[int, list[tuple[int, float | None]]] = defaultdict(list)
    # Its title (which others may have, too), how many addresses it has, and how many are taken.
    of: dict[int, tuple[str, int, int]] = {}
    days = SegmentDay.objects.filter(day__range=(first, last)).order_by("segment", "day")
    columns = ("segment", "segment__slug", "segment__title", "day", "total", "taken")
    for pk, slug, title, day, total, taken in days.values_list(*columns):
        segments[pk].append((day.toordinal(), None if day in late else float(taken)))
        of[pk] = title or slug, total, taken
    found += [
        Ends("addresses", name, True, total, taken, runway.runway(tuple(segments[pk]), total), last, SEGMENT, pk)
        for pk, (name, total, taken) in of.items()
    ]
    return sorted((one for one in found if one.found.state is not runway.State.NOTHING), key=lambda one: one.order)


@dataclass(frozen=True)
class After:
    """Days that were counted long after their end, as after an absence."""

    known: int = 0  # what stood on them is by the records of it
    unknown: frozenset[date] = frozenset()  # what is in their rows as promised is what was so when they were counted


def after(first: date, last: date) -> After:
    rows = Day.objects.filter(day__range=(first, last)).values_list("day", "made", "recorded")
    late = [(day, recorded) for day, made, recorded in rows if made.astimezone(UTC).date() - day > LATE]
    unknown = frozenset(day for day, recorded in late if not recorded)
    return After(len(late) - len(unknown), unknown)


def _of(  # noqa: PLR0917
    key: int,
    name: str,
    rows: Sequence[Mapping[str, Any]],
    resource: str,
    promised: bool,
    has: str,
    goes: str,
    late: Container[date],
    last: date,
) -> Ends:
    """What is used is of all machines where enough were measured (`extended`); what was promised on a day that is not known is left out."""
    extends = {has, goes} if resource == "disk" else {goes} if not promised else set()

    def value(row: Mapping[str, Any], column: str) -> float | None:
        if promised and column == goes and row["day"] in late:
            return None
        return extended.used(row, column) if column in extends else row[column]

    points = tuple((row["day"].toordinal(), value(row, goes)) for row in rows)
    capacity = next((found for row in reversed(rows) if (found := value(row, has)) is not None), None)
    return Ends(
        resource,
        name,
        promised,
        capacity,
        rows[-1][goes] if promised else points[-1][1],
        runway.runway(points, capacity),
        last,
        key=key,
    )


# A chart: title, unit, colour, what there is, what is promised, what is used.
CHARTS = (
    ("cpu", gettext_lazy("CPU"), "cores", "cpu"),
    ("memory", gettext_lazy("Memory"), "bytes", "memory"),
)


def trends(what: Asked, last: date) -> list[Chart]:
    """The whole fleet, day by day: used and promised against what the machines have."""
    first = last - timedelta(days=what.days - 1)
    rows = {row.day: row for row in SumDay.objects.filter(of=Of.FLEET, key=0, day__range=(first, last))}
    start = datetime.combine(first, time.min, UTC).timestamp()
    span = Range(start, start + what.days * 86400, what.range)
    grid = Grid(start, 86400.0, what.days)
    days = [rows.get(first + timedelta(days=n)) for n in range(what.days)]
    late = after(first, last).unknown

    def column(name: str, *, used: bool = False) -> list[float | None]:
        return [
            None if row is None else extended.used(row.__dict__, name) if used else getattr(row, name) for row in days
        ]

    def promises(name: str) -> list[float | None]:
        return [None if row is None or row.day in late else getattr(row, name) for row in days]

    found = []
    for key, title, unit, colour in CHARTS:
        has, promised = ("cpus", "cpus_committed") if key == "cpu" else ("memory", "memory_committed")
        lines = [
            Line("p95", _("used, p95"), colour, column(f"{key}_p95", used=True), fill=True),
            Line("p50", _("used, p50"), "usage", column(f"{key}_p50", used=True)),
            Line("committed", _("promised"), "out", promises(promised)),
            Line("machines", _("machines"), "ink", column(has)),
        ]
        found.append(Chart(key, str(title), unit, grid, span, lines))
    disk = [
        Line("used", _("used"), "read", column("disk_used", used=True), fill=True),
        Line("machines", _("machines"), "ink", column("disk_total", used=True)),
    ]
    found.append(Chart("disk", _("Disk"), "bytes", grid, span, disk))
    return found
