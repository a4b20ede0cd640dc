"""What a gate says of the numbers: a pure function of its rules, what was measured, and how long it was watched."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

LATE = 30.0  # seconds after a rule's watch for which samples that come late are waited for
Compare = Literal["old", "past", "bound"]
State = Literal["waits", "kept", "broken", "missing", "alone"]
Outcome = Literal["measuring", "continue", "hold", "roll back"]
# Whose numbers the new ones are compared with: old instances now, the same ones before the release, the old ones before
# it (since none is left), nobody's (there never was an old one), or none were asked for.
Basis = Literal["", "old", "past", "before", "none"]


@dataclass(frozen=True)
class Rule:
    """`limit`: percent for «old» and «past», else a number of the metric's unit; `margin`: a difference that is always allowed.

    `watch`: seconds; `samples`: so many at least on each side; `broken`, `missing`: what it says then.
    """

    metric: str
    compare: Compare = "old"
    limit: float = 50.0
    margin: float = 0.0
    worse: Literal["above", "below"] = "above"
    watch: int = 120
    samples: int = 6
    broken: Literal["hold", "roll back"] = "hold"
    missing: Literal["hold", "pass"] = "hold"


@dataclass(frozen=True)
class Measured:
    """One side's number: the mean of its instances. `samples`: None where only whether it could be read counts (logs)."""

    value: float | None = None
    samples: int | None = 0

    def enough(self, least: int) -> bool:
        return self.value is not None and math.isfinite(self.value) and (self.samples is None or self.samples >= least)


NOTHING = Measured()


@dataclass(frozen=True)
class Numbers:
    """`problem`: why something could not be read, in words."""

    new: Measured = NOTHING
    base: Measured = NOTHING
    basis: Basis = ""
    problem: str = ""


@dataclass(frozen=True)
class Finding:
    """`limit`: what the new number may be at most (or at least), as far as that is known."""

    state: State
    limit: float | None = None


def limit_of(rule: Rule, base: float) -> float:
    """How far the new number may be from the other one: by the percentage, or by the margin where that is more."""
    room = max(abs(base) * rule.limit / 100, rule.margin)
    return base + room if rule.worse == "above" else base - room


def judge(rule: Rule, numbers: Numbers, watched: float) -> Finding:
    """One rule. Too few numbers are never judged; while they may come late it waits, then they are missing."""
    limit = _limit(rule, numbers)
    if watched < rule.watch:
        return Finding("waits", limit)
    if rule.compare != "bound" and numbers.basis == "none":
        return Finding("alone")
    compared = rule.compare == "bound" or numbers.base.enough(rule.samples)
    if limit is None or not compared or not numbers.new.enough(rule.samples):
        return Finding("waits" if watched < rule.watch + LATE else "missing", limit)
    assert numbers.new.value is not None
    over = numbers.new.value > limit if rule.worse == "above" else numbers.new.value < limit
    return Finding("broken" if over else "kept", limit)


def _limit(rule: Rule, numbers: Numbers) -> float | None:
    if rule.compare == "bound":
        return rule.limit
    base = numbers.base.value
    found = limit_of(rule, base) if base is not None and math.isfinite(base) else math.nan
    return found if math.isfinite(found) else None


def verdict(rules: Sequence[Rule], findings: Sequence[Finding]) -> Outcome:
    """The strictest of all rules. What rolls back does so at once, a hold waits until all are judged: one may be stricter."""
    pairs = list(zip(rules, findings, strict=True))
    if any(found.state == "broken" and rule.broken == "roll back" for rule, found in pairs):
        return "roll back"
    if any(found.state == "waits" for _rule, found in pairs):
        return "measuring"
    return "hold" if any(holds(rule, found) for rule, found in pairs) else "continue"


def holds(rule: Rule, found: Finding) -> bool:
    """Whether this rule is in the way."""
    return found.state == "broken" or (found.state == "missing" and rule.missing == "hold")
