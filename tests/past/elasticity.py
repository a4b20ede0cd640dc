"""Two weeks of an elastic place: what all of its instances together had to do, how many stood, and what was decided."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.browser.metrics_seed import busy

if TYPE_CHECKING:
    from containers.models import Instance, ServiceEnvironment

MIB = 1 << 20
DAYS, TICK = 15, 300  # seconds between two samples
HIGHEST = 4300.0  # requests a second of all instances together, when everything is going on
QPS, CORES, LIMIT = "app.qps", 0.0011, 0.5  # of one request a second
LEAST, OPEN, MOST = 6, 10, 12
STEPS = [  # minutes after midnight UTC on a trading day, from, to, and why
    (70, LEAST, OPEN, {"code": "up", "source": "market", "name": "xshg"}),
    (125, OPEN, MOST, {"code": "up", "source": "load", "name": "cpu.percent"}),
    (230, MOST, OPEN, {"code": "down", "source": "market", "name": "xshg"}),
    (450, OPEN, LEAST, {"code": "down", "source": "load", "name": "cpu.percent"}),
]
POLICY = {
    "least": LEAST, "most": MOST, "loads": [{"metric": "cpu.percent", "target": 55}], "zone": "Asia/Shanghai",
    "market": [
        {"calendar": "xshg", "anchor": "open", "minutes": -20, "instances": OPEN},
        {"calendar": "xshg", "anchor": "close", "minutes": 30, "instances": LEAST},
    ],
    "forecast": {"metric": "cpu.percent", "weeks": 2, "minutes": 20, "margin": 10},
}  # fmt: skip


def trading(day: datetime) -> bool:
    return day.weekday() < 5


def days(until: datetime) -> list[datetime]:
    """The midnights (UTC) of the time that is written, the oldest first; the day under way is the last."""
    midnight = until.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return [midnight - timedelta(days=n) for n in reversed(range(DAYS))]


def decisions(place: ServiceEnvironment, until: datetime) -> None:
    """Each step as the row of a decision, with its release that went well, and the instances that came and went with it."""
    from containers.models import Deployment, Instance
    from containers.scaling.models import ScalingDecision
    from hosts.models import Host

    hosts = list(Host.objects.order_by("name"))
    for day in (one for one in days(until) if trading(one)):
        moments = [day + timedelta(minutes=after) for after, *_rest in STEPS]
        for when, (_after, before, after, reason) in zip(moments, STEPS, strict=True):
            if when > until:
                continue
            told = {**reason, "from": before, "to": after, "wanted": after}
            work = Deployment.objects.create(
                place=place, kind="scale", state="succeeded", started=when, finished=when + timedelta(seconds=9), old_wanted=before,
                wanted=after, config=place.config, created_name="autoscaling", reason="autoscaling",
            )  # fmt: skip
            Deployment.objects.filter(pk=work.pk).update(created=when)
            ScalingDecision.objects.create(
                place=place, time=when, before=before, asked=after, after=after, reason=told, outcome="begun",
                deployment=work, wishes=wishes(when, before),
            )  # fmt: skip
        for number in range(LEAST + 1, MOST + 1):
            came, went = (moments[0], moments[3]) if number <= OPEN else (moments[1], moments[2])
            if came < until:
                row = Instance.objects.create(
                    place=place, number=number, host=hosts[number % len(hosts)], removed=min(went, until)
                )
                Instance.objects.filter(pk=row.pk).update(created=came)


def wishes(when: datetime, here: int) -> list[dict[str, Any]]:
    """What load and calendar wanted then."""
    from math import ceil

    share = 100 * CORES * demand(when) / LIMIT / here
    mean = {"code": "load", "mean": share, "target": 55, "measured": here, "of": here}
    since = when.replace(hour=1, minute=10, second=0)
    wanted = OPEN if 70 <= when.hour * 60 + when.minute < 450 else LEAST
    return [
        {"source": "load", "name": "cpu.percent", "number": ceil(share * here / 55), "reason": mean},
        {"source": "market", "name": "xshg", "number": wanted, "reason": {"code": "market", "since": since.timestamp()}},
    ]  # fmt: skip


def demand(when: datetime) -> float:
    """Requests a second of all instances together."""
    return HIGHEST * busy(when.timestamp()) * (1.0 if trading(when) else 0.3)


def series(place: ServiceEnvironment, until: datetime, dice: random.Random) -> int:
    """Writes what instances did while they stood. How many samples there are.

    The store takes nothing that is older than a day otherwise: so late no collector sends.
    """
    from django.conf import settings

    from xqplatform import metrics

    late, settings.METRICS_LATE = settings.METRICS_LATE, DAYS * 86400.0
    try:
        return sum(metrics.write(part) for part in _samples(list(place.instances.all()), until, dice))
    finally:
        settings.METRICS_LATE = late


def _samples(rows: list[Instance], until: datetime, dice: random.Random) -> Iterator[list[Any]]:
    from xqplatform.metrics import Sample

    at, end = days(until)[0].timestamp(), until.timestamp()
    standing = [(row.pk, row.created.timestamp(), row.removed.timestamp() if row.removed else end) for row in rows]
    batch: list[Any] = []
    while at < end:
        here = [pk for pk, came, went in standing if came <= at < went]
        total = demand(datetime.fromtimestamp(at, UTC)) * dice.uniform(0.9, 1.1)
        for pk in here:
            load = total / len(here) * dice.uniform(0.95, 1.05)
            batch.append(Sample(f"instance:{pk}", at, _values(load, dice)))
        at += TICK
        if len(batch) >= 2000:
            yield batch
            batch = []
    yield batch


def _values(load: float, dice: random.Random) -> dict[str, float]:
    cores = min(LIMIT, max(0.004, 0.012 + CORES * load * dice.uniform(0.75, 1.25) + dice.gauss(0, 0.012)))
    memory = (34 + 0.055 * load + dice.uniform(0, 9)) * MIB
    return {
        "cpu.cores": cores, "cpu.percent": 100 * cores / LIMIT, "memory.working_set": memory, "memory.limit": 96.0 * MIB,
        "memory.percent": 100 * memory / (96 * MIB), "net.rx_packets": 3 * load, QPS: load,
    }  # fmt: skip
