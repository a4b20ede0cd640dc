"""From rows to a fleet: the same hosts, limits and demands that plans of releases and moves go by. A few queries, whatever the number of rows."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from django.db.models import Func, Q, TextField
from django.db.models.functions import Cast, Coalesce

from containers import spec
from containers.capacity.committed import Promised
from containers.capacity.whatif.model import Environment, Fleet, Group, Held, Place
from containers.capacity.whatif.scenario import Change
from containers.config import Config, parse
from containers.models import Deployment, Instance, Service, ServiceEnvironment, Step
from containers.models import Environment as EnvironmentRow
from containers.placement import Demand, Host, Rules, allocatable, stored
from containers.services import persisted
from containers.services.capacity import NOTHING, sizes
from containers.services.moves import data_of
from containers.services.planning import HOST_FIELDS, unfit
from hosts import unseen
from hosts.models import Host as HostRow
from hosts.models import HostGroup, Segment
from hosts.models.machines import OVERCOMMIT_CPUS, OVERCOMMIT_MEMORY
from hosts.runtimes import unsuited
from hosts.services import networks
from hosts.services.addresses import free_in
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.visibility import hidden_names
from xqplatform.errors import Refused

UNGROUPED = Group(0, "", overcommit_cpus=OVERCOMMIT_CPUS, overcommit_memory=OVERCOMMIT_MEMORY)


def fleet(actor: Actor, changes: Sequence[Change] = ()) -> Fleet:
    """As it stands. What closed teams own counts, without its name. Free addresses are counted only where these changes need any."""
    groups = {row.slug: _group(row) for row in HostGroup.objects.all()}
    used, held = _standing()
    hosts = _hosts()
    on: dict[int, set[int]] = defaultdict(set)
    for segment, host in Segment.hosts.through.objects.values_list("segment_id", "host_id"):
        on[host].add(segment)
    of_group = {one.pk: one for one in groups.values()}
    rows = [
        _host(row, of_group.get(row.group_id or 0, UNGROUPED), used[row.pk], frozenset(on[row.pk])) for row in hosts
    ]
    services = dict(Service.objects.values_list("slug", "pk"))  # that rules may speak of
    environments = _environments(services)
    places = _places(actor, hosts, held, environments, services)
    names = {one.where if one.kind == "new" else one.name for one in changes if one.kind in {"grow", "times", "new"}}
    asked = {one.one.segment for one in places if names & {one.name, one.service}}
    asked |= {one.segment for name, one in environments.items() if name in names}
    return Fleet(
        hosts=tuple(one for one, row in zip(rows, hosts, strict=True) if _counts(row) or used[row.pk].instances),
        places=tuple(places),
        groups=groups,
        ungrouped=UNGROUPED,
        environments=environments,
        addresses={one.pk: len(free_in(one)) for one in Segment.objects.filter(pk__in=[s for s in asked if s])},
    )


Standing = dict[int, list[Held]]  # by place


def _standing() -> tuple[dict[int, Promised], Standing]:
    """What is promised on each host, with moves under way; and where the instances of each place stand."""
    of = sizes()
    used: dict[int, Promised] = defaultdict(Promised)
    held: Standing = defaultdict(list)
    rows = Instance.objects.filter(removed=None).order_by().values_list("place_id", "host_id", "address__segment_id")
    for (place, host, segment), count in Counter(
        rows
    ).items():  # as quick as rows come; a database would sort them first
        used[host].add(of.get(place, NOTHING), count)
        held[place].append(Held(host, count, segment))
    moving = Step.objects.filter(
        deployment__state__in=Deployment.ACTIVE, action=Step.Action.MOVE, state__in=[Step.State.WAITING, *Step.IN_WORK]
    )
    for host, standing, place in moving.values_list("host_id", "instance__host_id", "deployment__place_id"):
        if host is not None and host != standing:
            used[host].add(of.get(place, NOTHING), 1)
    return used, held


def _hosts() -> list[HostRow]:
    """All that matter."""
    return list(HostRow.objects.exclude(state=HostRow.State.RETIRED).only(*HOST_FIELDS).order_by("name"))


def _counts(row: HostRow) -> bool:
    return row.role_run and row.state != HostRow.State.NEW


def _group(row: HostGroup) -> Group:
    return Group(
        row.pk, str(row), row.reserve_cpus, row.reserve_memory, row.overcommit_cpus, row.overcommit_memory
    )  # fmt: skip


def _host(row: HostRow, group: Group, used: Promised, segments: frozenset[int]) -> Host:
    return Host(
        pk=row.pk,
        name=row.name,
        cpus=allocatable(row.cpus, group.reserve_cpus, group.overcommit_cpus),
        memory=allocatable(row.memory, group.reserve_memory, group.overcommit_memory),
        real_cpus=allocatable(row.cpus, group.reserve_cpus),
        real_memory=allocatable(row.memory, group.reserve_memory),
        used_cpus=used.cpus,
        used_memory=used.memory,
        instances=used.instances,
        room=group.pk,
        room_name=group.title,
        closed=unfit(row),
        labels=row.labels,
        architecture=row.architecture,
        segments=segments,
    )


def _environments(services: Mapping[str, int]) -> dict[str, Environment]:
    groups: dict[int, set[int]] = defaultdict(set)
    for environment, group in EnvironmentRow.groups.through.objects.values_list("environment_id", "hostgroup_id"):
        groups[environment].add(group)
    return {
        row.slug: Environment(
            frozenset(groups[row.pk]),
            row.segment_id,
            str(row.segment or ""),
            stored.rules(row.placement, services),
        )
        for row in EnvironmentRow.objects.select_related("segment")
    }


class _Lean(Func):
    """Settings as text, without their variables: these place nothing, and no two places have the same."""

    output_field = TextField()

    def as_sqlite(self, compiler: Any, connection: Any, **more: Any) -> Any:
        return self.as_sql(compiler, connection, template="JSON_REMOVE(%(expressions)s, '$.env')", **more)

    def as_postgresql(self, compiler: Any, connection: Any, **more: Any) -> Any:
        return self.as_sql(compiler, connection, template="(%(expressions)s - 'env')::text", **more)


def _places(
    actor: Actor,
    hosts: Iterable[HostRow],
    held: Standing,
    environments: Mapping[str, Environment],
    services: Mapping[str, int],
) -> list[Place]:
    hidden = hidden_names(actor)
    lacks = _Lacks(hosts)
    general = dict(EnvironmentRow.objects.values_list("slug", "placement"))
    rules: dict[tuple[str, str], Rules] = {}  # of thousands of places most go by the same
    found = []
    rows = ServiceEnvironment.objects.filter(Q(service__removed=None) | Q(pk__in=list(held))).order_by()
    fields: tuple[str | Func, ...] = (
        "pk", "service_id", "service__slug", "environment__slug", "segment_id", "segment__slug",
        _Lean(Coalesce("current_config__content", "config__content")), Cast("placement", TextField()), "current_image__only_on_id",
        "current_image__registry_id", "current_image__digest", "service__kind",
    )  # fmt: skip
    for pk, service, slug, environment, segment, segment_name, content, own, *rest in rows.values_list(*fields):
        only_on, registry, digest, kind = rest
        config = _config(content)
        where = environments[environment]
        on = (segment, segment_name) if segment else (where.segment, where.segment_name)
        if (environment, own) not in rules:
            stands = stored.effective(general[environment], json.loads(own))
            rules[environment, own] = stored.rules(stands, services)
        one = Demand(
            place=pk,
            service=service,
            count=0,
            cpus=config.cpus,
            memory=config.memory,
            rules=rules[environment, own],
            groups=where.groups,
            segment=on[0],
            segment_name=on[1] or "",
            only=frozenset({only_on}) if only_on and not (registry and digest) else None,
            missing=lacks.of(config, content, on[0], kind),
        )
        known = slug not in hidden
        name = f"{slug}/{environment}" if known else unseen.nameless()
        found.append(Place(name, slug if known else "", one, tuple(held.get(pk, ())), data_of(config)))
    return sorted(found, key=lambda one: one.name)


@lru_cache(maxsize=8192)
def _config(content: str | None) -> Config:
    """Of the JSON text as it is stored: most settings are those of another place, too."""
    try:
        return parse(json.loads(content)) if content else Config()
    except Refused:  # an old version that is not valid any more
        return Config()


class _Lacks:
    """What hosts lack of what settings want: of each kind of engine once, not of each host."""

    def __init__(self, hosts: Iterable[HostRow]) -> None:
        self.hosts = list(hosts)
        self.versions = {row.speaks for row in self.hosts if row.speaks}
        self.runtimes = {row.runtime for row in self.hosts if row.role_run}
        self.unplugged: dict[int | None, dict[int, str]] = {}
        self.known: dict[tuple[str | None, int | None, str], dict[int, str]] = {}

    def of(self, config: Config, content: str | None, segment: int | None, kind: str) -> dict[int, str]:
        """`content`: what the settings were read from, which tells them from others."""
        key = content, segment, kind
        if key not in self.known:
            self.known[key] = self._of(config, segment, kind)
        return self.known[key]

    def _of(self, config: Config, segment: int | None, kind: str) -> dict[int, str]:
        found: dict[int, str] = {}
        missing = {version: why for version in self.versions if (why := "; ".join(spec.missing(config, version)))}
        if missing:
            found = {row.pk: missing[row.speaks] for row in self.hosts if row.speaks in missing}
        for runtime in self.runtimes:
            if why := unsuited(runtime, kind, self.runtimes):
                found |= {row.pk: why for row in self.hosts if row.runtime == runtime}
        if persisted.persists(config):
            found |= {row.pk: "; ".join(no) for row in self.hosts if (no := persisted.missing(config, row))}
        return found | self._network(segment)

    def _network(self, segment: int | None) -> dict[int, str]:
        if segment not in self.unplugged:
            row = Segment.objects.filter(pk=segment).first() if segment is not None else None
            self.unplugged[segment] = networks.unusable(row) if row is not None else {}
        return self.unplugged[segment]
