"""What the pages of scorecard, cost, right-sizing and calculator read, of a fleet that is there: a year of releases and of health, prices, a week's load."""

from __future__ import annotations

import math
import random
import statistics
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.bench.rows import put
from tests.past.releases import health

RELEASES = 58  # a year, of each service in production: 29,000 of 500 services
FAILED, BACK = 0.06, 0.03  # shares of releases
GIB = 1 << 30
TRIES = 11
LOADED = "feed-003/production"
PAGES = {
    "scorecard, 13 weeks": "scorecard/",
    "scorecard, 52 weeks": "scorecard/?weeks=52",
    "cost, 6 months": "cost/",
    "cost, 12 months": "cost/?months=12",
    "right-sizing, 30 days": "right-sizing/",
    "right-sizing, 90 days": "right-sizing/?days=90",
    "what-if, nothing changed": "what-if/",
    "rebalance, as kept": "rebalance/",
    "calculator, a load that fits": f"calculator/?place={LOADED}&load=40000",
}


def filled(dice: random.Random, days: Sequence[date]) -> None:
    from containers.capacity import health_weeks, kept_moves, runways, sized
    from containers.models import ServiceEnvironment

    releases(dice)
    health(dice, ServiceEnvironment.objects.filter(environment__production=True), days)
    objectives()
    prices()
    load(LOADED)
    health_weeks.fill(days[-1])
    runways.refresh()
    sized.refresh()
    addresses()
    kept_moves.refresh()


def releases(dice: random.Random) -> None:
    """Of each place in production, spread over a year, each with a commit of its own; and the weeks that are counted of them."""
    from builds.models import Build, Image
    from containers.capacity import score_weeks
    from containers.models import Deployment, ServiceEnvironment

    now = datetime.now(UTC)
    rows: list[tuple[Any, Any, datetime]] = []
    for place in ServiceEnvironment.objects.filter(environment__production=True).select_related("service__project"):
        for n in range(RELEASES):
            ended = now - timedelta(days=364 * (n + dice.random()) / RELEASES, minutes=5)
            build = Build(
                project=place.service.project, revision=f"{place.pk:08x}{n:032x}", branch="main", state="succeeded",
                commit_time=ended - timedelta(hours=dice.lognormvariate(2.2, 1)),
            )  # fmt: skip
            rows.append((place, build, ended))
    put(Build, (build for _place, build, _ended in rows))
    made = dict(Build.objects.values_list("revision", "pk"))
    put(Image, (
        Image(project_id=build.project_id, build_id=made[build.revision], repository="x", tag=build.revision[:30], revision=build.revision)
        for _place, build, _ended in rows
    ))  # fmt: skip
    images = dict(Image.objects.values_list("revision", "pk"))
    put(Deployment, (
        Deployment(
            place=place, state=dice.choices(["succeeded", "failed", "rolled_back"], [1 - FAILED - BACK, FAILED, BACK])[0],
            image_id=images[build.revision], started=ended - timedelta(minutes=8), finished=ended, wanted=10, policy={},
        )
        for place, build, ended in rows
    ))  # fmt: skip
    score_weeks.count()


def addresses() -> None:
    """Each place gets a segment that all hosts are in, its instances addresses of it, and an image they could be made of."""
    from builds.models import Image
    from containers.models import Instance, ServiceEnvironment
    from hosts.models import Address, Host, Segment

    segments, hosts = list(Segment.objects.order_by("pk")), list(Host.objects.all())
    free = {one.pk: list(Address.objects.filter(segment=one).values_list("pk", flat=True)) for one in segments}
    for one in segments:
        one.hosts.add(*hosts)
    images = dict(Image.objects.values_list("project", "pk"))
    places = {row.pk: row for row in ServiceEnvironment.objects.select_related("service")}
    for n, row in enumerate(places.values()):
        row.segment, row.current_image_id = segments[n % len(segments)], images[row.service.project_id]
    ServiceEnvironment.objects.bulk_update(places.values(), ["segment", "current_image"], batch_size=300)
    rows = list(Instance.objects.all())
    for row in rows:
        row.address_id = free[places[row.place_id].segment_id].pop()
    Instance.objects.bulk_update(rows, ["address"], batch_size=500)


def objectives() -> None:
    from containers.capacity.models import Objective
    from containers.models import ServiceEnvironment

    places = ServiceEnvironment.objects.filter(environment__production=True)
    put(Objective, (Objective(place=place, target="99.9", author_name="sara") for place in list(places)[::2]))


def prices() -> None:
    from containers.capacity import bills
    from containers.capacity.models import Price

    Price.objects.create(core=18, gib=2, currency="EUR", valid_from=date(2020, 1, 1), author_name="sara")
    bills.count()


def load(name: str) -> None:
    """A week of one place, every five minutes: what its application has to do, and what that costs."""
    from containers.models import ServiceEnvironment
    from xqplatform import metrics

    service, environment = name.split("/")
    place = ServiceEnvironment.objects.get(service__slug=service, environment__slug=environment)
    now = time.time() - 60
    for one in place.instances.all():
        rows = []
        for n in range(7 * 288):
            asked = 400 * (0.15 + 0.85 * abs(math.sin(n * math.pi / 288))) * (1 + 0.05 * math.sin(n * one.pk))
            found = {"cpu.cores": 0.05 + 0.0005 * asked, "memory.working_set": 0.3 * GIB + 2e5 * asked, "app.requests.rate": asked}  # fmt: skip
            rows.append(metrics.Sample(f"instance:{one.pk}", now - 300 * n, found))
        metrics.write(rows)


def figures(client: Any) -> list[tuple[str, float]]:
    """Milliseconds of CPU that each page takes, the median; the first time, when code is loaded, counts for nothing."""
    found = []
    for name, path in PAGES.items():
        took = []
        for _n in range(TRIES):
            began = time.process_time()
            answer = client.get(f"/capacity/{path}")
            took.append(1000 * (time.process_time() - began))
            assert answer.status_code == 200, answer.status_code
        found.append((name, statistics.median(took[1:])))
    return found
