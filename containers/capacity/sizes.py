"""What every place has and used: a handful of queries, however many places and instances there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, QuerySet

from containers.capacity import rightsizing, sized
from containers.capacity.models import PlaceDay
from containers.capacity.rightsizing import Advice, Limits, Past, Risk, UsedDay, Wish
from containers.capacity.sized import limits
from containers.capacity.spans import last_day
from containers.models import Environment, Instance, ServiceEnvironment
from containers.models.services import At
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.visibility import visible

LOOKED_BACK = max(rightsizing.RANGES)  # days by which a proposal's risk is told
AT_ONCE = 200  # places


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
    fields = ("pk", "service__slug", "environment", "service__team", "service__team__slug", "config", "config__version", "current_config")  # fmt: skip
    # (Counted beside: grouped by all these columns it would cost as much as everything else.)
    counts = dict(Instance.objects.filter(removed=None).order_by().values_list("place_id").annotate(n=Count("pk")))
    environments = Environment.objects.in_bulk()
    ordered = rows.order_by("service__slug", "environment__position", "pk").values_list(*fields, *sized.CONFIG)
    standing = [(row, limits(*row[-2:])) for row in ordered if counts.get(row[0])]
    pasts = sized.read({row[0]: now for row, now in standing}, wish.days)
    found = []
    for (pk, service, environment, team_id, team, config, version, current, *_limits), now in standing:
        waits = current is not None and current != config
        advice = rightsizing.judge(now, pasts[pk], wish)
        found.append(
            Size(pk, service, environments[environment], team or "", team_id, counts[pk], version or 0, waits, pasts[pk], advice)
        )  # fmt: skip
    return found


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
