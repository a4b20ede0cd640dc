"""Pages of capacity with 1,000 hosts, 20,000 instances and a year of roll-ups; and how long a day takes to be rolled up."""

from __future__ import annotations

import os
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from math import pi, sin
from pathlib import Path
from typing import Any

from tests.bench import capacity_year
from tests.bench.results import Results
from tests.bench.rows import put

HOSTS, SERVICES, EACH, DAYS, GROUPS, TEAMS = 1000, 500, 10, 365, 8, 20
GIB = 1 << 30
TRIES = 11
CLOSED = 2  # teams
PAGES = ["", "?range=365d", "?by=host", "?by=host&range=365d", "?by=environment", "?by=team&range=365d", "?by=service",
         "?by=service&range=365d"]  # fmt: skip


def prepare(folder: Path) -> None:
    os.environ.update(XQ_DATA_DIR=str(folder), XQ_DATABASE_URL=os.environ.get("XQ_TEST_DATABASE", ""))
    os.environ["DJANGO_SETTINGS_MODULE"] = "xqplatform.settings"
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def fleet(dice: random.Random) -> None:
    """Machines in rooms, services of teams in four environments, ten instances each in production and in the others."""
    from builds.models import Project
    from containers.models import ConfigVersion, Instance, Service, ServiceEnvironment
    from hosts.models import Address, Host, HostGroup, Segment
    from tests import factories
    from xqplatform.accounts.models import Team

    now = datetime.now(UTC)
    environments = list(factories.make_environments().values())
    groups = [HostGroup.objects.create(slug=f"room-{c}", title=f"Room {c.upper()}") for c in "abcdefgh"[:GROUPS]]
    hosts = [
        Host(name=f"run-{n:04}", group=groups[n % GROUPS], state=Host.State.READY, seen=now, data_root="/var/lib/docker",
             cpus=dice.choice([32, 48, 64]), memory=dice.choice([128, 256]) * GIB, disk_total=2000 * GIB, disk_free=900 * GIB,
             address=f"10.{n // 250}.{n % 250}.9:2376")
        for n in range(HOSTS)
    ]  # fmt: skip
    put(Host, iter(hosts))
    Host.objects.update(created=now - timedelta(days=DAYS + 1))
    hosts = list(Host.objects.all())
    names = ["quotes", "trading", "search", "feed", "mail", "risk", "wealth", "data", "ads", "growth"]
    teams = [
        Team(slug=f"team-{n:02}", title=f"{names[n % 10].title()} {n // 10 + 1}", closed=n < CLOSED)
        for n in range(TEAMS)
    ]
    put(Team, iter(teams))
    teams = list(Team.objects.filter(slug__startswith="team-"))
    put(
        Project,
        (
            Project(name=f"{names[n % 10]}-{n:03}", team=teams[n % TEAMS], repository="https://git.example/x.git")
            for n in range(SERVICES)
        ),
    )
    projects = {p.name: p for p in Project.objects.all()}
    put(Service, (Service(slug=name, team=p.team, project=p) for name, p in projects.items()))
    put(
        ServiceEnvironment,
        (
            ServiceEnvironment(service=s, environment=e, wanted=EACH)
            for s in Service.objects.all()
            for e in environments
        ),
    )
    env = {f"OPTION_{n}": f"value {n}" for n in range(20)}
    put(ConfigVersion, (
        ConfigVersion(place=p, version=1, author="sara", content={"env": env, "cpus": dice.choice([1.0, 2.0, 4.0]), "memory": dice.choice([1, 2, 4, 8]) * GIB})
        for p in ServiceEnvironment.objects.all()
    ))  # fmt: skip
    of = {c.place_id: c for c in ConfigVersion.objects.all()}
    places = list(ServiceEnvironment.objects.all())
    for place in places:
        place.config = place.current_config = of[place.pk]
    ServiceEnvironment.objects.bulk_update(places, ["config", "current_config"], batch_size=500)
    put(Instance, (
        Instance(place=p, number=n + 1, host=hosts[(p.pk * 7 + n * 131) % HOSTS], state="healthy", seen=now)
        for p in places for n in range(EACH)
    ))  # fmt: skip
    Instance.objects.update(created=now - timedelta(days=DAYS + 1))
    for g, group in enumerate(groups):
        segment = Segment.objects.create(
            slug=f"seg-{group.slug}",
            title=f"Segment {group.title}",
            cidr=f"10.{100 + g}.0.0/20",
            gateway=f"10.{100 + g}.0.1",
        )
        segment.hosts.add(*[h for h in hosts if h.group_id == group.pk])
        put(Address, (
            Address(segment=segment, ip=f"10.{100 + g}.{n // 250}.{n % 250 + 2}", number=n, mac="02:42:00:00:00:00", since=now, holder=f"x/{g}/{n}")
            for n in range(2500)
        ))  # fmt: skip


def year(dice: random.Random, days: Sequence[date]) -> None:
    """The last day of each, and copies of it by the database: smaller the longer ago, with weeks in them."""
    from django.db import connection, transaction

    from containers.capacity.committed import Committed, by_host, by_place
    from containers.capacity.models import HostDay, PlaceDay, SegmentDay
    from hosts.models import Host, Segment

    given, last = Committed(by_host(), by_place()), days[-1]

    def host_row(host: Host) -> HostDay:
        part, promised = dice.uniform(0.3, 0.5), given.hosts[host.pk]
        cpu, memory = part * host.cpus, int(part * 1.3 * host.memory)
        return HostDay(
            day=last, host=host, group_id=host.group_id, cpus=host.cpus, memory=host.memory, cpus_allocatable=host.cpus * 1.5, memory_allocatable=host.memory,
            cpus_committed=promised.cpus, memory_committed=promised.memory, instances=promised.instances, cpu_p50=cpu * 0.6, cpu_p95=cpu,
            cpu_max=cpu * 1.2, memory_p50=int(memory * 0.9), memory_p95=memory, memory_max=int(memory * 1.05), disk_total=2000 * GIB,
            disk_used=int(1000 * part * 3 * GIB),
        )  # fmt: skip

    def place_row(pk: int, promised: Any) -> PlaceDay:
        cpu, memory = promised.cpus * dice.uniform(0.2, 0.5), int(promised.memory * dice.uniform(0.3, 0.7))
        return PlaceDay(
            day=last, place_id=pk, instances=promised.instances, cpus_limit=promised.cpus, memory_limit=promised.memory,
            cpu_p50=cpu * 0.6, cpu_p95=cpu, cpu_p99=cpu * 1.1, cpu_max=cpu * 1.2, memory_p50=int(memory * 0.9), memory_p95=memory,
            memory_p99=memory, memory_max=memory, cpu_one_p99=cpu / 8, memory_one_p99=memory // 8, memory_one_max=memory // 7,
            throttled=0.0, oom_kills=0,
        )  # fmt: skip

    put(HostDay, map(host_row, Host.objects.all()))
    put(PlaceDay, (place_row(pk, promised) for pk, promised in given.places.items()))
    for model in (HostDay, PlaceDay):
        names = [f.column for f in model._meta.concrete_fields if f.column not in {"id", "day"}]
        grown = [name for name in names if name.split("_")[0] in {"cpu", "memory", "disk", "cpus"} and "_" in name]
        still = {"disk_total", "cpus_allocatable", "memory_allocatable"}
        whole = {f.column for f in model._meta.concrete_fields if f.get_internal_type() == "BigIntegerField"}
        taken = [
            name
            if name not in grown or name in still
            else f"CAST({name} * %s AS bigint)"
            if name in whole
            else f"{name} * %s"
            for name in names
        ]
        sql = f"INSERT INTO {model._meta.db_table} (day, {', '.join(names)}) SELECT %s, {', '.join(taken)} FROM {model._meta.db_table} WHERE day = %s"
        with transaction.atomic(), connection.cursor() as cursor:
            for n, day in enumerate(days[:-1]):
                level = (0.6 + 0.4 * n / len(days)) * (1 + 0.08 * sin(2 * pi * n / 7)) * dice.uniform(0.97, 1.03)
                cursor.execute(sql, [day, *[level] * sum("%s" in one for one in taken), last])
    put(SegmentDay, (
        SegmentDay(day=day, segment=s, total=4093, taken=int(1200 + 3.5 * n)) for s in Segment.objects.all() for n, day in enumerate(days)
    ))  # fmt: skip


def added_up(days: Sequence[date]) -> None:
    from containers.capacity import spans, sums
    from containers.capacity.models import Day, SumDay

    for day in days:
        SumDay.objects.bulk_create([*sums.of_hosts(day), *sums.of_places(day)])
    ends = (datetime(day.year, day.month, day.day, 1, tzinfo=UTC) + timedelta(days=1) for day in days)
    Day.objects.bulk_create([Day(day=day, made=end) for day, end in zip(days, ends, strict=True)])
    spans.refresh()


def pages(results: Results) -> None:
    from django.test import Client

    from xqplatform.accounts.models import User

    client = Client()
    client.force_login(User.objects.create_user("mia", role="manager"))
    for query in PAGES:
        took = []
        for _n in range(TRIES):
            began = time.perf_counter()
            answer = client.get(f"/capacity/{query}")
            took.append(1000 * (time.perf_counter() - began))
            assert answer.status_code == 200, answer.status_code
        results.add(f"/capacity/{query}: median", statistics.median(took[1:]), "ms", 200)
        results.add(f"/capacity/{query}: the first time", took[0], "ms")
    for name, ms in capacity_year.figures(client):
        results.add(f"{name}: CPU, median", ms, "ms", 200)


def run(results: Results) -> None:
    folder = Path(tempfile.mkdtemp(prefix="xq-bench-"))
    try:
        prepare(folder)
        dice = random.Random(7)
        fleet(dice)
        last = datetime.now(UTC).date() - timedelta(days=1)
        days = [last - timedelta(days=n) for n in reversed(range(DAYS))]
        year(dice, days)
        began = time.perf_counter()
        added_up(days[:-1])
        results.add("a year's days added up, a day", 1000 * (time.perf_counter() - began) / (DAYS - 1), "ms")
        began = time.perf_counter()
        added_up(days[-1:])
        results.add("the last day added up, all spans made anew", time.perf_counter() - began, "s")
        capacity_year.filled(dice, days)
        pages(results)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
