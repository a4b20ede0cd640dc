"""What a benchmark writes: a line on the screen and an entry in bench.json."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Result:
    """One figure. `goal` is the highest value that meets it; None: told only."""

    name: str
    value: float
    unit: str
    goal: float | None = None

    @property
    def met(self) -> bool | None:
        return None if self.goal is None else self.value <= self.goal


class Results:
    """Collects figures, beside those that the file has already; prints each at once and writes the file after each."""

    def __init__(self, path: Path) -> None:
        self.path = path
        known = json.loads(path.read_text()) if path.exists() else []
        self.rows = [Result(row["name"], row["value"], row["unit"], row["goal"]) for row in known]

    def add(self, name: str, value: float, unit: str, goal: float | None = None) -> None:
        result = Result(name, round(value, 3), unit, goal)
        self.rows.append(result)
        verdict = "" if result.met is None else ("  met" if result.met else "  NOT met")
        goal_text = "" if goal is None else f"  (goal ≤ {goal:g})"
        print(f"{name:<52} {result.value:>10g} {unit:<8}{goal_text}{verdict}", flush=True)
        self.write()

    def write(self) -> None:
        self.path.write_text(json.dumps([{**asdict(r), "met": r.met} for r in self.rows], indent=1) + "\n")
