"""Which rules count for a place: its own, else its environment's, else the platform's."""

from __future__ import annotations

from dataclasses import dataclass

from containers.gates import shape
from containers.gates.judge import Rule
from containers.models import Environment, GateRules, ServiceEnvironment

MODE = GateRules.Mode


@dataclass(frozen=True)
class Scope:
    """What rules are of: a place, an environment, or (neither) the platform."""

    environment: Environment | None = None
    place: ServiceEnvironment | None = None

    @property
    def key(self) -> str:
        if self.place is not None:
            return f"place:{self.place.pk}"
        return f"environment:{self.environment.pk}" if self.environment is not None else "platform"

    @property
    def above(self) -> Scope | None:
        if self.place is not None:
            return Scope(environment=self.place.environment)
        return Scope() if self.environment is not None else None


@dataclass(frozen=True)
class Rules:
    """What is set at a scope. `mode` is «inherit» (the platform: «off») where nobody set anything."""

    mode: str
    rules: tuple[Rule, ...] = ()
    settle: int = 10
    binding: bool = False
    row: bool = False


@dataclass(frozen=True)
class Counting:
    """The rules that count, and whose they are."""

    rules: tuple[Rule, ...] = ()
    settle: int = 0
    scope: Scope = Scope()
    bound: bool = False  # by the environment, whatever the place says


def at(scope: Scope) -> Rules:
    row = GateRules.objects.filter(key=scope.key).first()
    if row is None:
        return Rules(MODE.OFF, shape.DEFAULTS) if scope.above is None else Rules(MODE.INHERIT)
    return of_row(row)


def of_row(row: GateRules) -> Rules:
    return Rules(row.mode, tuple(shape.of_json(row.rules)), row.settle, row.binding, row=True)


def counting(scope: Scope) -> Counting:
    """The rules that hold there; none where it, or what it inherits from, has none."""
    above = scope.above
    if scope.place is not None and above is not None:
        environment = at(above)
        if environment.binding and environment.mode != MODE.INHERIT:
            return _of(above, environment, bound=True)
    mine = at(scope)
    if mine.mode == MODE.INHERIT and above is not None:
        return counting(above)
    return _of(scope, mine)


def _of(scope: Scope, found: Rules, *, bound: bool = False) -> Counting:
    rules = found.rules if found.mode == MODE.OWN else ()
    return Counting(rules, found.settle, scope, bound)
