"""All of it in one structure, as the page, the API and the release's record have it. Reads rows and the copy of the repository."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from builds.models import Image
from containers import how
from containers.config import Config, difference
from containers.gates import shown as gates
from containers.models import ConfigVersion, ServiceEnvironment
from containers.plan import Plan
from containers.preview import around, contents, history, images, pulls
from containers.preview.expected import Run
from containers.preview.middle import middles
from containers.services.planning import config_of
from containers.services.settings import secrets_of
from xqplatform import metrics
from xqplatform.errors import Refused

MEASURED = 900.0  # seconds of which the CPU is meant
WELL = ("healthy", "running")
Json = dict[str, Any]


def of(place: ServiceEnvironment, plan: Plan, image: Image, config: ConfigVersion | None) -> Json:
    """All of it. Values of variables are in it, so it is for who may see the settings."""
    first = apart(place, image, plan.policy.strategy)
    return first.to_json() | near(place, plan, image, config, first)


@dataclass(frozen=True)
class Apart:
    """What needs no plan. `cores`: that all instances use together now; None: not measured. `runs`: past releases."""

    made: float
    image: Json
    cores: float | None
    runs: Sequence[Run]

    def to_json(self) -> Json:
        return {"made": self.made, "image": self.image, "cores": self.cores}


def apart(place: ServiceEnvironment, image: Image, strategy: str) -> Apart:
    """The part that may take some tenths of a second: not to be asked for under a lock."""
    news = images.between(place, place.current_image, image)
    return Apart(time.time(), news, _cores(place), history.past(place, strategy))


def near(
    place: ServiceEnvironment,
    plan: Plan,
    image: Image,
    config: ConfigVersion | None,
    first: Apart,
    *,
    own: int | None = None,
) -> Json:
    """The part that is of this very plan. `own`: the release that was made of it."""
    expected = history.of(place, plan, first.runs)
    return {
        "capacity": capacity(place, plan, first.cores),
        "settings": settings_change(place.current_config, config or place.config),
        "expected": expected,
        "conflicts": [*around.conflicts(place, plan, own), *around.freezes(place, expected["p90"])],
        "alerts": around.alerts(place, plan),
        "pulls": pulls.of(image, pulls.hosts_of(plan)),
        "packages": contents.between(place.current_image, image),
        "gates": gates.planned(place),
    }


def capacity(place: ServiceEnvironment, plan: Plan, cores: float | None) -> list[Json]:
    """A row a batch: who, how many serve at least in its middle, what share that is, how busy they are then, what follows."""
    up = place.instances.filter(removed=None, state__in=WELL).count()
    limit = float(config_of(place.current_config or place.config).cpus or 0)
    rows = zip(how.batch_rows(plan), middles(plan.least, up, cores, limit), strict=True)
    return [asdict(row) | middle.to_json() for row, middle in rows]


def _cores(place: ServiceEnvironment) -> float | None:
    """From the mean of those that are measured, so that a collector which is away does not make the rest look idle."""
    pks = list(place.instances.filter(removed=None, state__in=WELL).values_list("pk", flat=True))
    now = time.time()
    band = metrics.bands([f"instance:{pk}" for pk in pks], ["cpu.cores"], now - MEASURED, now, 15).get("cpu.cores")
    points = band.points if band is not None else []
    count = sum(point.count for point in points)
    return len(pks) * sum(point.mean * point.count for point in points) / count if count else None


def settings_change(old: ConfigVersion | None, new: ConfigVersion | None) -> Json:
    """What differs of two versions. Of secrets only which have another value: no value of them is in it."""
    changes = difference(_parsed(old), _parsed(new)) if old is not None and new is not None else []
    before, after = secrets_of(old), secrets_of(new)
    both = sorted(before.keys() & after.keys())
    return {
        "old": old.version if old is not None else None,
        "new": new.version if new is not None else None,
        "changes": [{"setting": name, "before": a, "after": b} for name, a, b in changes],
        "secrets": {
            "changed": [name for name in both if before[name] != after[name]],
            "same": [name for name in both if before[name] == after[name]],
            "added": sorted(after.keys() - before.keys()),
            "removed": sorted(before.keys() - after.keys()),
        },
    }


def _parsed(version: ConfigVersion | None) -> Config:
    """The defaults where an old version is not valid any more."""
    try:
        return config_of(version)
    except Refused:
        return Config()
