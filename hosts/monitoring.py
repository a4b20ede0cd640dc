"""How well the monitoring itself works: each host's last sample, what was lost of the last hour, and what it costs."""

from __future__ import annotations

import importlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hosts.models import Host
from xqplatform import metrics
from xqplatform.metrics.board import TICK
from xqplatform.metrics.charts import STALE_AFTER
from xqplatform.metrics.ranges import HOUR

CPU, MEMORY = "collector.cpu", "collector.memory"


@dataclass(frozen=True)
class Health:
    """One host. `state`: ok, late (its last sample is old), or none (there was none in the last hour)."""

    host: Host
    last: float | None
    lag: float | None
    lost: int | None  # ticks of the last hour, since its first sample in it
    expected: int
    cpu: float | None
    memory: float | None
    collector: Any = None  # the row of the collector, where there is one

    @property
    def state(self) -> str:
        if self.lag is None:
            return "none"
        return "late" if self.lag > STALE_AFTER else "ok"

    @property
    def pill(self) -> str:
        return {"ok": "ok", "late": "degraded", "none": "missing"}[self.state]


def lost_ticks(counts: Sequence[tuple[float, int]], start: float, end: float, tick: float = TICK) -> tuple[int, int]:
    """How many ticks have no sample, and how many there should be, from the first sample on. `counts`: (time, samples)."""
    if not counts:
        return 0, 0
    first = max(start, min(moment for moment, _n in counts))
    expected = max(0, int((end - first) // tick))
    return max(0, expected - sum(n for _moment, n in counts)), expected


def health(now: float | None = None) -> list[Health]:
    """All hosts that are in the fleet; the ones without samples first, then the late ones."""
    end = time.time() if now is None else now
    hosts = list(Host.objects.exclude(state=Host.State.RETIRED).select_related("group"))
    subjects = [f"host:{host.pk}" for host in hosts]
    latest = metrics.latest(subjects, within=HOUR) if subjects else {}
    series = metrics.series(subjects, ["cpu.cores"], end - HOUR, end, points=400) if subjects else []
    counts = {one.subject: [(p.time, p.count) for p in one.points] for one in series}
    rows = collectors()
    found = [_of(host, latest.get(f"host:{host.pk}"), counts.get(f"host:{host.pk}", []), end, rows) for host in hosts]
    return sorted(found, key=lambda h: (("none", "late", "ok").index(h.state), h.host.name))


def _of(
    host: Host,
    last: tuple[float, Mapping[str, float]] | None,
    counts: Sequence[tuple[float, int]],
    end: float,
    rows: Mapping[int, Any],
) -> Health:
    lost, expected = lost_ticks(counts, end - HOUR, end - TICK)
    at, values = last if last is not None else (None, {})
    lag = None if at is None else max(0.0, end - at)
    return Health(
        host, at, lag, lost if counts else None, expected, values.get(CPU), values.get(MEMORY), rows.get(host.pk)
    )


def collectors() -> dict[int, Any]:
    """The collectors' rows by host; empty where this installation has none."""
    try:
        model = importlib.import_module("hosts.models.collectors").Collector
    except (ImportError, AttributeError):
        return {}
    return {row.host_id: row for row in model.objects.all()}
