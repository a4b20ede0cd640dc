"""What all machines used, where only some of them were measured: like is compared with like. Pure.

The sum of those that were measured is extended by what they have of what all have, so that a machine that cannot be reached for
weeks is neither a fall nor a gap. Where less than half was measured nothing is said.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LEAST = 0.5  # of what the machines have
BY = {"cpu": ("cpus_measured", "cpus"), "memory": ("memory_measured", "memory")}


def share(row: Mapping[str, Any], resource: str) -> float:
    """Of a day's sum: the part of the machines' cores or memory that was measured; of disks, and of older days, of the machines."""
    if resource in BY:
        measured, has = (row[name] for name in BY[resource])
        if measured is not None and has:
            return min(1.0, float(measured) / float(has))
    return float(row["measured"] or 0)


def used(row: Mapping[str, Any], name: str) -> float | None:
    """The column, such as «cpu_p95» or «disk_used», of all machines; None where it cannot be told."""
    value, part = row[name], share(row, name.partition("_")[0])
    return None if value is None or part < LEAST else value / part
