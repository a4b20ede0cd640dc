"""What the company did before its fleet was brought up, for its pictures. This is written: nobody waits half a year for a chart.

`before` comes before the first real release, so that what is real has the newest numbers; `after` once everything stands.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.past import elasticity
from tests.past.days import added_up, roll_ups, until_yesterday
from tests.past.releases import health, releases

if TYPE_CHECKING:
    from tests.browser.company import Company

DAYS = 200
ELASTIC = "snow"
# Releases in that time, and the share of them that went wrong; the objective in per cent.
PAST = {"snow": (64, 0.09, "99.9"), "stock-quote": (38, 0.05, "99.95")}
REST = (14, 0.2, "99.5")
# Of a group, a core and a GiB a month, from which of the days on.
PRICES = [("room-a", "240", "3", 0), ("room-a", "225", "2.5", 100), ("cloud-b", "410", "6", 0)]


def places(environment: str = "production") -> list[Any]:
    from containers.models import ServiceEnvironment

    rows = ServiceEnvironment.objects.filter(environment__slug=environment).order_by("service__slug")
    return list(rows.select_related("service__team", "service__project", "config"))


def before(company: Company) -> None:
    dice, now = random.Random(11), datetime.now(UTC)
    for place in places():
        count, bad, _target = PAST.get(place.service.slug, REST)
        who = company.developer(place.service.team.slug).name
        releases(dice, place, who, now - timedelta(hours=2), DAYS, count, bad)
        if place.service.slug == ELASTIC:
            elasticity.decisions(place, now - timedelta(minutes=10))


def after(company: Company) -> None:
    from containers.capacity import bills, health_weeks, objectives, prices, runways, score_weeks, sized
    from containers.capacity.whatif import services as scenarios
    from containers.models import Instance
    from containers.scaling import services as scaling
    from hosts.models import Host

    dice, now, days = random.Random(12), datetime.now(UTC), until_yesterday(DAYS)
    first = datetime(days[0].year, days[0].month, days[0].day, tzinfo=UTC)
    health(dice, [*places(), *places("pre-release")], days)
    roll_ups(dice, days, cpu_used=(0.5, 0.62), memory_used=(0.2, 0.3))
    _uneven()
    added_up(days)
    # Only now, or the platform would have rolled these days up itself, with nothing in them.
    Host.objects.update(created=first)
    Instance.objects.filter(removed=None).update(created=first)
    score_weeks.count()
    health_weeks.fill(days[-1])
    runways.refresh()
    sized.refresh()
    sre, manager = company.actors["gaolei"], company.actors["zhaomin"]
    for place in places():
        objectives.save(sre, place, {"target": PAST.get(place.service.slug, REST)[2], "least": 1})
        if place.service.slug == ELASTIC:
            elasticity.series(place, now - timedelta(minutes=10), dice)
            scaling.save(sre, place, elasticity.POLICY)
    for group, core, gib, since in PRICES:
        data = {"group": group, "core": core, "gib": gib, "currency": "CNY", "valid_from": str(days[since])}
        prices.add(manager, data)
    bills.count()
    changes = ["room:room-a", "hosts:2:8:16:cloud-b"]
    company.scenario = scenarios.save(sre, "Room A burns down, two machines of the cloud instead", changes, shared=True)


def _uneven() -> None:
    """One place is throttled, one does nothing."""
    from containers.capacity.models import PlaceDay

    busy = PlaceDay.objects.filter(place__service__slug="stock-quote", place__environment__slug="production")
    busy.update(throttled=0.11, cpu_one_p99=0.49)
    idle = PlaceDay.objects.filter(place__environment__slug="pre-release").exclude(place__service__slug=ELASTIC)
    idle.update(cpu_p50=0.001, cpu_p95=0.002, cpu_p99=0.003, cpu_max=0.01, cpu_one_p99=0.003)
