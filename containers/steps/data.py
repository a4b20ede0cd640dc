"""Data that is kept around a step: saved before something new starts, put back on the way back where that is wanted."""

from __future__ import annotations

from containers import holds
from containers.steps import retiring
from containers.steps.bench import Bench, Json


def save(bench: Bench, made: str, others: list[Json]) -> None:
    """Whoever keeps data keeps it as it is before the new container starts; where that fails nothing new does."""
    for keeper in holds.KEEPERS:
        if keeper.wants(bench.step):
            with bench.timed("snapshot", state="stopping"):
                bench.point("before snapshot")
                bench.patience.call(
                    keeper.save, bench.step, [one["Id"] for one in others] or [made], bench.patience.check
                )
                bench.point("after snapshot")


def put_back(bench: Bench, stopped: list[Json]) -> None:
    """On the way back, if that is wanted, and before the old container starts. `stopped`: who has to be for that."""
    for keeper in holds.KEEPERS:
        if keeper.goes_back(bench.step):
            for one in stopped:
                bench.patience.call(bench.engine.stop, one["Id"], retiring.timeout_of(bench, one["Id"]))
            bench.point("before data back")
            bench.patience.call(keeper.put_back, bench.step, bench.patience.check)
            bench.point("after data back")
