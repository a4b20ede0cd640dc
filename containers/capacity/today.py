"""What stands now, from live rows: the overview's lines are as fresh as what was committed last, from the first minute on.

A line is a `Span` with the figures of now in the place of those of its last day; used figures are those of its days. Before the first
day is over there are none: then the last samples stand in for p95, and the others are not known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from containers.capacity import committed, offered
from containers.capacity.committed import Promised
from containers.capacity.models import Of, Span
from containers.models import Environment, Instance, Service, ServiceEnvironment
from hosts.models import Host, HostGroup
from xqplatform import metrics
from xqplatform.accounts.models import Team

LATELY = 180.0  # seconds within which a sample is of now
HOSTS, PLACES = frozenset({Of.GROUP, Of.HOST}), frozenset({Of.ENVIRONMENT, Of.TEAM, Of.SERVICE})


@dataclass
class Now:
    """What one line has; cores and bytes. Of places only the last three."""

    hosts: int = 0
    cpus: int = 0
    memory: int = 0
    cpus_allocatable: float = 0.0
    memory_allocatable: int = 0
    disk_total: int | None = None
    disk_used: int | None = None
    given: Promised = field(default_factory=Promised)

    def add(self, other: Now) -> None:
        for name in ("hosts", "cpus", "memory", "cpus_allocatable", "memory_allocatable"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        if other.disk_total is not None and other.disk_used is not None:
            self.disk_total, self.disk_used = (
                (self.disk_total or 0) + other.disk_total,
                (self.disk_used or 0) + other.disk_used,
            )
        self.take(other.given)

    def take(self, given: Promised) -> None:
        self.given.cpus += given.cpus
        self.given.memory += given.memory
        self.given.instances += given.instances

    def values(self, *, of_hosts: bool) -> dict[str, Any]:
        found = {
            "instances": self.given.instances,
            "cpus_committed": self.given.cpus,
            "memory_committed": self.given.memory,
        }
        names = ("hosts", "cpus", "memory", "cpus_allocatable", "memory_allocatable", "disk_total", "disk_used")
        return found | ({name: getattr(self, name) for name in names} if of_hosts else {})


@dataclass(frozen=True)
class Today:
    fleet: Span
    lines: list[Span]

    @property
    def has_days(self) -> bool:
        """Whether there are trends and percentiles yet."""
        return self.fleet.pk is not None


def read(of: Of, days: int) -> Today:
    """All lines by name. `days`: of which the used figures are."""
    given = committed.by_host() if of in HOSTS else None
    hosts = _hosts(given or {})
    whole = Now()
    for one in hosts.values():
        whole.add(one)
    if given is None:
        places = committed.by_place()
        for promised in places.values():
            whole.take(promised)
        named, lines = _of_places(of, places)
    else:
        named, lines = _of_hosts(of, hosts)
    spans = {(row.of, row.key): row for row in Span.objects.filter(days=days, of__in=[of, Of.FLEET])}
    fleet = _line(spans.get((Of.FLEET, 0)), Of.FLEET, 0, "", days, whole)
    made = [_line(spans.get((of, key)), of, key, named.get(key, ""), days, one) for key, one in lines.items()]
    if fleet.pk is None:
        _sampled(fleet, of, made)
    return Today(fleet, sorted(made, key=lambda one: (one.name, one.key)))


def _line(span: Span | None, of: Of, key: int, name: str, days: int, now: Now) -> Span:  # noqa: PLR0917
    found = span if span is not None else Span(of=of, key=key, days=days)
    found.name = name[:120]
    for column, value in now.values(of_hosts=of not in PLACES).items():
        setattr(found, column, value)
    return found


HOST_FIELDS = ("pk", "name", "group_id", "state", "role_run", "cpus", "memory", "disk_total", "disk_free")


def _hosts(given: Mapping[int, Promised]) -> dict[tuple[int, str, int], Now]:
    """Host, its name and group → what it has."""
    groups = {row.pk: row for row in HostGroup.objects.all()}
    found = {}
    for pk, name, group, state, runs, cpus, memory, total, free in (
        Host.objects.exclude(state=Host.State.RETIRED).order_by().values_list(*HOST_FIELDS)
    ):
        room = offered.of(runs, state, cpus, memory, groups.get(group or 0))
        known = total is not None and free is not None
        size, used = (total, total - free) if known else (None, None)
        found[pk, name, group or 0] = Now(
            1, cpus, memory, room.cpus, room.memory, size, used, given.get(pk) or Promised()
        )
    return found


def _of_hosts(of: Of, hosts: Mapping[tuple[int, str, int], Now]) -> tuple[dict[int, str], dict[int, Now]]:
    if of == Of.HOST:
        return {pk: name for pk, name, _group in hosts}, {pk: one for (pk, _name, _group), one in hosts.items()}
    found: dict[int, Now] = defaultdict(Now)
    for (_pk, _name, group), one in hosts.items():
        found[group].add(one)
    return {row.pk: str(row) for row in HostGroup.objects.all()}, found


def _of_places(of: Of, given: Mapping[int, Promised]) -> tuple[dict[int, str], dict[int, Now]]:
    way = {Of.ENVIRONMENT: "environment_id", Of.TEAM: "service__team_id", Of.SERVICE: "service_id"}[of]
    found: dict[int, Now] = defaultdict(Now)
    for pk, key in ServiceEnvironment.objects.filter(service__removed=None).order_by().values_list("pk", way):
        found[key or 0].take(given.get(pk) or Promised())
    return _names(of), found


def _names(of: Of) -> dict[int, str]:
    if of == Of.TEAM:
        return {row.pk: str(row) for row in Team.objects.all()}
    return dict((Environment if of == Of.ENVIRONMENT else Service).objects.values_list("pk", "slug"))


def _sampled(fleet: Span, of: Of, lines: Iterable[Span]) -> None:
    """What is used by the last samples, as long as no day is over: of what has one."""
    samples = metrics.latest(within=LATELY)
    hosts = {
        f"host:{pk}": (pk, group or 0)
        for pk, group in Host.objects.exclude(state=Host.State.RETIRED).values_list("pk", "group_id")
    }
    by_line = {one.key: one for one in lines}
    for subject, (pk, group) in hosts.items():
        used = samples.get(subject, (0.0, {}))[1]
        for span in (fleet, by_line.get(pk if of == Of.HOST else group) if of in HOSTS else None):
            _add(span, used.get("cpu.cores"), used.get("memory.used"))
    if of in PLACES:
        way = {
            Of.ENVIRONMENT: "place__environment_id",
            Of.TEAM: "place__service__team_id",
            Of.SERVICE: "place__service_id",
        }[of]
        for pk, key in Instance.objects.filter(removed=None).order_by().values_list("pk", way):
            used = samples.get(f"instance:{pk}", (0.0, {}))[1]
            _add(by_line.get(key or 0), used.get("cpu.cores"), used.get("memory.working_set"))


def _add(span: Span | None, cpu: float | None, memory: float | None) -> None:
    if span is None:
        return
    if cpu is not None:
        span.cpu_p95 = (span.cpu_p95 or 0.0) + cpu
    if memory is not None:
        span.memory_p95 = (span.memory_p95 or 0) + round(memory)
