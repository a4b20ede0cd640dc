"""What guardrails say of a release. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Check:
    """One guardrail's answer. `until`: epoch seconds at which it stops to stand in the way by itself; None: it does not."""

    name: str
    passes: bool
    words: str
    until: float | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Verdict:
    """All of them. `way_back`: the release brings back what ran before the newest one, which no freeze holds up."""

    checks: tuple[Check, ...] = ()
    way_back: bool = False

    @property
    def blocking(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if not check.passes)

    @property
    def passes(self) -> bool:
        return not self.blocking

    @property
    def until(self) -> float | None:
        """When to ask again, if only time stands in the way; else None: somebody has to do something."""
        times = [check.until for check in self.blocking]
        return max(time for time in times if time is not None) if times and None not in times else None

    @property
    def words(self) -> str:
        """Why not, in sentences; empty when nothing stands in the way."""
        return " ".join(check.words for check in self.blocking)

    def to_json(self) -> dict[str, Any]:
        return {"checks": [check.to_json() for check in self.checks], "way_back": self.way_back}


def read(data: Any) -> tuple[Check, ...]:
    """The checks that a release keeps in its row; of nonsense none."""
    found: Iterable[Any] = data.get("checks", []) if isinstance(data, dict) else []
    return tuple(
        Check(str(one.get("name", "")), bool(one.get("passes")), str(one.get("words", "")), one.get("until"))
        for one in found
        if isinstance(one, dict)
    )
