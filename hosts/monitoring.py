"""How well the monitoring itself works: each host's last sample, what was lost of the last hour, and what it costs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hosts.models import Host
from hosts.models.collectors import Collector
from xqplatform import metrics
from xqplatform.metrics.board import TICK
from xqplatform.metrics.charts import STALE_AFTER
from xqplatform.metrics.ranges import HOUR

CPU, MEMORY = "collector.cpu", "collector.memory"
# Hosts of which an hour's samples are counted for one page; of more, what their collectors lost in all is shown.
COUNTED = 50


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
    collector: Collector | None = None

    @property
    def lost_ever(self) -> int | None:
        return self.collector.lost_ticks if self.collector is not None else None

    @property
    def state(self) -> str:
        if self.lag is None:
            return "none"
        return "late" if self.lag > STALE_AFTER else "ok"

    @property
    def words(self) -> str:
        """What the collector says of itself, where it is not simply placed and read."""
        if self.collector is None:
            return ""
        plain = self.collector.state in {Collector.State.PLACED, Collector.State.PROCESS, Collector.State.SERVER}
        state = "" if plain else str(self.collector.get_state_display())
        return ": ".join(part for part in (state, self.collector.reason, self.collector.trouble) if part)


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
    counted = subjects if len(subjects) <= COUNTED else []
    series = metrics.series(counted, ["cpu.cores"], end - HOUR, end, points=400) if counted else []
    counts = {one.subject: [(p.time, p.count) for p in one.points] for one in series}
    rows = {row.host_id: row for row in Collector.objects.filter(host__in=hosts)}
    found = [_of(host, latest.get(f"host:{host.pk}"), counts.get(f"host:{host.pk}", []), end, rows) for host in hosts]
    return sorted(found, key=lambda h: (("none", "late", "ok").index(h.state), h.host.name))


def _of(
    host: Host,
    last: tuple[float, Mapping[str, float]] | None,
    counts: Sequence[tuple[float, int]],
    end: float,
    rows: Mapping[int, Collector],
) -> Health:
    lost, expected = lost_ticks(counts, end - HOUR, end - TICK)
    at, values = last if last is not None else (None, {})
    lag = None if at is None else max(0.0, end - at)
    row = rows.get(host.pk)
    cpu, memory = values.get(CPU), values.get(MEMORY)
    if row is not None:
        cpu = row.cpu if cpu is None else cpu
        memory = row.memory if memory is None else memory
    return Health(host, at, lag, lost if counts else None, expected, cpu, memory, row)
