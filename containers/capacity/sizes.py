"""What every place has and used, by the rows of days: two queries, however many places and instances there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from django.db.models import Count, Max, Q, QuerySet, Sum

from containers.capacity import rightsizing
from containers.capacity.models import Day, PlaceDay
from containers.capacity.rightsizing import Advice, Limits, Past, Risk, UsedDay, Wish
from containers.capacity.spans import last_day
from containers.config import Config
from containers.models import Environment, Instance, ServiceEnvironment
from containers.models.services import At
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.visibility import visible

LOOKED_BACK = max(rightsizing.RANGES)  # days by which a proposal's risk is told
AT_ONCE = 200  # places
DEFAULT = Config()


@dataclass(frozen=True)
class Size:
    """A place with its limits, its use, and what is proposed."""

    place: int
    service: str
    environment: Environment
    team: str
    team_id: int | None
    instances: int
    version: int  # of the newest settings; 0: none
    waits: bool  # the newest settings are not what runs
    past: Past
    advice: Advice

    @property
    def at(self) -> At:
        """What a right here is asked about."""
        return {"team_id": self.team_id, "environment": self.environment.slug, "service": self.service}

    @property
    def saved(self) -> Limits:
        return self.advice.saved(self.instances)

    @property
    def name(self) -> str:
        return f"{self.service}/{self.environment.slug}"


def of_actor(actor: Actor, wish: Wish, places: Iterable[int] | None = None) -> list[Size]:
    """Of all places that the actor sees and that have instances; or of these alone."""
    rows = visible(actor, ServiceEnvironment.objects.filter(service__removed=None))
    if places is not None:
        rows = rows.filter(pk__in=places)
    fields = (
        "pk", "service__slug", "environment", "service__team", "service__team__slug", "config", "config__version",
        "current_config", "config__content__cpus", "config__content__memory",
    )  # fmt: skip
    # (Counted beside: grouped by all these columns it would cost as much as everything else.)
    counts = dict(Instance.objects.filter(removed=None).order_by().values_list("place_id").annotate(n=Count("pk")))
    environments = Environment.objects.in_bulk()
    used = _used(wish, places)
    found = []
    for row in rows.order_by("service__slug", "environment__position", "pk").values_list(*fields):
        pk, service, environment, team_id, team, config, version, current, cpus, memory = row
        count = counts.get(pk, 0)
        if not count:
            continue
        now = Limits(float(cpus or DEFAULT.cpus), int(memory or DEFAULT.memory))
        past = _past(now, used.get(pk, ()))
        advice = rightsizing.judge(now, past, wish)
        waits = current is not None and current != config
        found.append(
            Size(pk, service, environments[environment], team or "", team_id, count, version or 0, waits, past, advice)
        )
    return found


def _used(wish: Wish, places: Iterable[int] | None) -> Mapping[int, list[Any]]:
    """Place → what was used in the range, apart by the limits that it had."""
    known = Day.objects.aggregate(last=Max("day"), made=Max("made"), n=Count("pk"))
    if known["last"] is None:
        return {}
    if places is None:
        return _of_all(wish.days, known["last"], (known["made"], known["n"]))
    return _grouped(PlaceDay.objects.filter(place__in=places), wish.days, known["last"])


@lru_cache(maxsize=2 * len(rightsizing.RANGES))
def _of_all(days: int, last: date, _made: tuple[datetime, int]) -> Mapping[int, list[Any]]:
    """Kept until another day is rolled up: rows of days that are over do not change."""
    return _grouped(PlaceDay.objects.all(), days, last)


def _grouped(rows: QuerySet[PlaceDay], days: int, last: date) -> Mapping[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    within = rows.filter(day__gt=last - timedelta(days=days), day__lte=last)
    measured = Q(cpu_one_p99__isnull=False, memory_one_p99__isnull=False)
    grouped = within.order_by().values_list("place_id", "instances", "cpus_limit", "memory_limit")
    for row in grouped.annotate(
        measured=Count("pk", filter=measured),
        highest=Max("cpu_one_p99"),
        used=Max("memory_one_p99"),
        peak=Max("memory_one_max"),
        shares=Sum("throttled"),
        told=Count("throttled"),
        kills=Sum("oom_kills"),
    ):
        found[row[0]].append(row)
    return found


def _past(now: Limits, rows: Iterable[Any]) -> Past:
    """All of a place's rows together. What smaller limits cut off does not count (a hundredth less is no smaller one)."""
    days = ooms = told = 0
    throttled = 0.0
    cpus: list[float] = []
    memories: list[int] = []
    peaks: list[int] = []
    for _place, instances, cpus_limit, memory_limit, n, cpu, memory, peak, share, shares, kills in rows:
        days += n
        cpus += [cpu] if cpu is not None else []
        memories += [memory] if memory is not None else []
        peaks += [peak] if peak is not None else []
        if instances and cpus_limit / instances >= 0.99 * now.cpus:
            throttled, told = throttled + (share or 0.0), told + shares
        if instances and memory_limit / instances >= 0.99 * now.memory:
            ooms += kills or 0
    return Past(
        days, max(cpus, default=None), max(memories, default=None), max(peaks, default=None),
        throttled / told if told else 0.0, ooms,
    )  # fmt: skip


def risks(sizes: Iterable[Size]) -> dict[int, Risk]:
    """Place → what the proposal would have done within the last LOOKED_BACK days."""
    last = last_day()
    found: dict[int, Risk] = {}
    wanted = list(sizes)
    for first in range(0, len(wanted) if last is not None else 0, AT_ONCE):
        piece = wanted[first : first + AT_ONCE]
        since = last - timedelta(days=LOOKED_BACK)  # type: ignore[operator]
        past = _days(PlaceDay.objects.filter(place__in=[one.place for one in piece], day__gt=since))
        found |= {one.place: rightsizing.risk(one.advice.proposed, past.get(one.place, ())) for one in piece}
    return found


def _days(rows: QuerySet[PlaceDay]) -> dict[int, list[UsedDay]]:
    found: dict[int, list[UsedDay]] = defaultdict(list)
    fields = ("place_id", "cpu_one_p99", "memory_one_p99", "memory_one_max")
    for place, cpu, memory, peak in rows.order_by().values_list(*fields):
        found[place].append(UsedDay(cpu, memory, peak))
    return found
