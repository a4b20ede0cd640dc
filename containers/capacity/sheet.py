"""The overview as rows of numbers, in cores and bytes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from containers.capacity import shown
from containers.capacity.models import Span
from xqplatform.metrics.charts import Chart, short

AMOUNTS = (
    "hosts", "instances", "cpus", "cpus_allocatable", "cpus_committed", "cpu_p50", "cpu_p95", "cpu_max",
    "memory", "memory_allocatable", "memory_committed", "memory_p50", "memory_p95", "memory_max", "disk_total", "disk_used",
)  # fmt: skip
HEAD = ["of", "name", "until", "days", "days_measured", "machines_measured", *AMOUNTS]


def line(one: Span) -> list[Any]:
    """What is not known is empty."""
    return [
        one.of,
        shown.name_of(one),
        one.until,
        one.days,
        one.measured,
        one.covered,
        *(getattr(one, name) for name in AMOUNTS),
    ]


def chart(one: Chart) -> tuple[list[str], list[list[Any]]]:
    """A row a day."""
    head = ["day", *(f"{line.label} [{one.unit}]" for line in one.lines)]
    rows = [
        [
            datetime.fromtimestamp(one.grid.start + n * one.grid.step, UTC).date(),
            *(short(line.values[n]) for line in one.lines),
        ]
        for n in range(one.grid.count)
    ]
    return head, rows
