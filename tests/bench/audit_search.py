"""Searching a million events of the audit log, on SQLite or what `XQ_TEST_DATABASE` names (an empty one)."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.bench.results import Results

EVENTS = int(os.environ.get("XQ_BENCH_EVENTS", "1000000"))
BATCH = 5000
PEOPLE = 150
SERVICES = 100
REASONS = [
    "more load before the open", "内存不足，先加一台", "rolled back: error rate above the gate", "upgrade of the kernel",
    "quarterly restart of all brokers", "hotfix for the quote cache", "回滚到上一版本", "drain for a disk that fails",
    "new feature flag for margin accounts", "certificate near its end",
]  # fmt: skip
# (action, kind, part of all events); what the platform does by itself is most of it.
KINDS = [
    ("instance.repair", "containers.instance", 16), ("service.scale", "containers.serviceenvironment", 10),
    ("service.deploy", "containers.deployment", 12), ("deployment.finish", "containers.deployment", 12),
    ("service.restart", "containers.instance", 9), ("build.start", "builds.build", 9),
    ("build.finish", "builds.build", 9), ("service.logs.read", "containers.instance", 6), ("login", "", 6),
    ("terminal.open", "containers.terminal", 3), ("service.config", "containers.serviceenvironment", 3),
    ("host.operation", "hosts.host", 2), ("host.cordon", "hosts.host", 1), ("login.failed", "", 1),
    ("people.manage", "accounts.user", 1),
]  # fmt: skip
ENVIRONMENTS = ["isolated", "pre-release", "grey", "production", "production", "production"]


def prepare(folder: Path) -> None:
    os.environ.update(XQ_DATA_DIR=str(folder), XQ_DATABASE_URL=os.environ.get("XQ_TEST_DATABASE", ""))
    os.environ["DJANGO_SETTINGS_MODULE"] = "xqplatform.settings"
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)


def synthetic(dice: random.Random, number: int, moment: datetime) -> tuple[Any, Any]:
    """One event as the platform writes them, and what it is about."""
    from xqplatform.audit.models import Event
    from xqplatform.audit.search.words import Where

    action, kind, _part = dice.choices(KINDS, [part for _a, _k, part in KINDS])[0]
    service = f"service-{min(int(dice.paretovariate(0.8)), SERVICES)}"
    environment, host = dice.choice(ENVIRONMENTS), f"run-{dice.randrange(250):03}"
    by_itself = action in {"instance.repair", "deployment.finish", "build.finish"}
    person = f"person{min(int(dice.paretovariate(0.7)), PEOPLE)}"
    build = f"{service}:{1445589786 + number}_{dice.getrandbits(32):08x}_prod_java8V16"
    after: dict[str, Any] = {}
    if action in {"service.deploy", "build.start"}:
        after = {"image": build, "version": number, "strategy": "rolling"}
    elif action in {"service.scale", "service.config"}:
        after = {"wanted": dice.randrange(2, 40), "limits": {"memory": f"{dice.choice([2, 4, 8])}g", "cpus": 4}}
    event = Event(
        time=moment, actor="platform" if by_itself else person,
        via="system" if by_itself else dice.choices(["page", "api", "cli"], [6, 3, 1])[0],
        ip="" if by_itself else f"10.{dice.randrange(4)}.{dice.randrange(250)}.{dice.randrange(250)}",
        request_id="" if by_itself else f"{dice.getrandbits(64):016x}", action=action, object_type=kind,
        object_id=str(number % 9000), object_name=f"{service}-{environment}-{number % 12}" if kind else person,
        before={"wanted": 4} if after else None, after=after or None, denied=action in {"people.manage", "login.failed"},
        reason=dice.choice(REASONS) if dice.random() < 0.4 else "",
    )  # fmt: skip
    placed = kind.startswith("containers.")
    return event, Where(service if placed else "", environment if placed else "", host if kind else "")


def fill(results: Results) -> None:
    """A year of events, indexed as `record` does it, in large transactions."""
    from django.db import connection, transaction

    from xqplatform.audit.models import Event
    from xqplatform.audit.search import index

    dice = random.Random(6)
    start = datetime.now(UTC) - timedelta(days=365)
    began, indexing = time.perf_counter(), 0.0
    Event._meta.get_field("time").auto_now_add = False  # type: ignore[attr-defined]  # a year of them, not a minute
    for first in range(0, EVENTS, BATCH):
        made = [
            synthetic(dice, n, start + timedelta(days=365) * (n / EVENTS))
            for n in range(first, min(first + BATCH, EVENTS))
        ]
        with transaction.atomic():
            rows = Event.objects.bulk_create([event for event, _where in made])
            since = time.perf_counter()
            index._put(list(zip(rows, [where for _event, where in made], strict=True)))
            indexing += time.perf_counter() - since
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE" if connection.vendor == "sqlite" else "VACUUM ANALYZE")
    results.add(f"audit: filling {EVENTS:,} events", time.perf_counter() - began, "s")
    results.add("audit: indexing an event", indexing / EVENTS * 1e6, "µs")
    results.add("audit: the index a stored event", index_bytes() / EVENTS, "bytes")


def index_bytes() -> float:
    from django.db import connection

    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(
                "SELECT SUM(pgsize) FROM dbstat WHERE name LIKE 'audit\\_tokens%' ESCAPE '\\' OR name LIKE 'audit\\_indexed%' ESCAPE '\\'"
            )
        else:
            cursor.execute("SELECT pg_total_relation_size('audit_tokens') + pg_total_relation_size('audit_indexed')")
        return float(cursor.fetchone()[0])


def backend_cpu() -> float:
    """Seconds of CPU that the database's own process has used for us; SQLite has none."""
    from django.db import connection

    if connection.vendor == "sqlite":
        return 0.0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(Path(f"/proc/{cursor.fetchone()[0]}/schedstat").read_text().split()[0]) / 1e9


def cost(act: Callable[[], Any], times: int = 3) -> tuple[float, float]:
    """Milliseconds: of CPU in this process and the database's, and by the clock; the least of some tries each."""
    spent, wall = [], []
    for _ in range(times):
        before, began, clock = backend_cpu(), time.process_time(), time.perf_counter()
        act()
        wall.append((time.perf_counter() - clock) * 1000)
        spent.append((time.process_time() - began + backend_cpu() - before) * 1000)
    return min(spent), min(wall)


def searches() -> Iterator[tuple[str, str]]:
    """Searches of all kinds: frequent, rare, none, long ago, and conditions that hold often but never together."""
    yield "a frequent word", "service"
    yield "a beginning", "prod"
    yield "a rare phrase", '"disk that fails"'
    yield "Chinese", "上一版本"
    yield "a commit", "1445589999"
    yield "a person", "who:person7"
    yield "a rare person and action", "who:person140 action:service.config"
    yield "an address range", "ip:10.2.*"
    yield "denied", "denied:yes"
    yield "half of all", "env:production"
    yield "often, never together", "via:system via:page"
    yield "often, seldom together", "env:production -who:platform service-1 action:service.config after:8g before:4"
    yield "without", "-via:system -via:page"
    yield "without anything that is", "-via:system -via:page -via:api -via:cli"
    yield "nothing", "zzzz"
    yield "a phrase that is never so", '"production service before the"'
    yield "a long beginning", "certificates"
    yield "old only", f"version {EVENTS // 50}"


def measure(results: Results) -> None:
    from xqplatform.audit.search import store
    from xqplatform.audit.search.language import parse
    from xqplatform.audit.search.matching import ask

    worst = {"page": (0.0, 0.0), "count": (0.0, 0.0)}
    for words, text in searches():
        wanted = ask(parse(text))
        page = cost(lambda wanted=wanted: list(store.ids(wanted, 51)))
        count = cost(lambda wanted=wanted: list(store.ids(wanted, 5_001)), 2)
        worst = {
            name: (max(worst[name][0], found[0]), max(worst[name][1], found[1]))
            for name, found in (("page", page), ("count", count))
        }
        print(f"    {words:<32} {page[0]:7.1f} ms CPU {page[1]:7.1f} by the clock", end="", flush=True)
        print(f"; 5,001: {count[0]:7.1f} ms CPU {count[1]:7.1f}", flush=True)
    for name, what in (("page", "search of a page"), ("count", "count up to 5,000")):
        results.add(f"audit: the slowest {what} in the database (CPU)", worst[name][0], "ms", 100)
        results.add(f"audit: the slowest {what}, by the clock", worst[name][1], "ms")
    like(results)


def like(results: Results) -> None:
    """What the page did before, in the same run: every column asked by LIKE."""
    from django.db.models import Q

    from xqplatform.audit.models import Event

    found = Q()
    for name in ("actor", "object_name", "reason", "action"):
        found |= Q(**{f"{name}__icontains": "zzzz"})
    spent, wall = cost(lambda: list(Event.objects.filter(found).order_by("-id")[:51]), 1)
    results.add("audit: the same by a plain LIKE over all (CPU)", spent, "ms")
    results.add("audit: the same by a plain LIKE, by the clock", wall, "ms")


def pages(results: Results) -> None:
    """The whole page, as the web process makes it (without the network), also far back and for a developer."""
    from django.test import Client
    from django.test.utils import override_settings

    from xqplatform.accounts.models import User
    from xqplatform.audit.models import Event

    worst, slowest = 0.0, 0.0
    middle = Event.objects.latest("pk").pk * 2 // 3
    with override_settings(ALLOWED_HOSTS=["*"], REDIS_URL="redis://127.0.0.1:9/0"):
        for role in ("sre", "developer"):
            person = User.objects.create_user(f"bench-{role}", password="bench-bench", role=role)
            client = Client()
            client.force_login(person)
            queries = ["", "range=7d", "group=1", f"before={middle}", *(f"q={text}" for _words, text in searches())]
            for address in (*(f"/audit/?{query}" for query in queries), f"/audit/{middle}/"):
                quoted = address.replace(" ", "%20").replace('"', "%22")
                if client.get(quoted).status_code == 404:  # what a developer may not read
                    continue
                spent, wall = cost(lambda quoted=quoted, client=client: client.get(quoted))
                worst, slowest = max(worst, spent), max(slowest, wall)
                print(f"    {role:<10} {address[:60]:<60} {spent:8.1f} ms CPU {wall:8.1f} by the clock", flush=True)
    results.add("audit: the slowest page (CPU)", worst, "ms", 200)
    results.add("audit: the slowest page, by the clock", slowest, "ms")


def run(results: Results) -> None:
    folder = Path(tempfile.mkdtemp(prefix="xq-bench-"))
    try:
        prepare(folder)
        fill(results)
        measure(results)
        pages(results)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
