"""Pages of capacity with 1,000 hosts, 20,000 instances and a year of roll-ups; and how long a day takes to be rolled up."""

from __future__ import annotations

import os
import random
import shutil
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.bench import capacity_year
from tests.bench.results import Results
from tests.bench.rows import put
from tests.past.days import GIB, added_up, roll_ups, until_yesterday

HOSTS, SERVICES, EACH, DAYS, GROUPS, TEAMS = 1000, 500, 10, 365, 8, 20
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
        ConfigVersion(place=p, version=1, author="sara", content={"env": env | {"NAME": str(p)}, "cpus": dice.choice([1.0, 2.0, 4.0]), "memory": dice.choice([1, 2, 4, 8]) * GIB})
        for p in ServiceEnvironment.objects.select_related("service", "environment")
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
        days = until_yesterday(DAYS)
        roll_ups(dice, days)
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
