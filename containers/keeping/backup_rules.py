"""A place's rules for backups and drills, read from JSON with every mistake named; which are due. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from containers.keeping.retention import Kept, is_due, spared
from containers.keeping.shape import Policy, read, whole
from xqplatform.errors import Refused

BOUNDS = {
    "keep_last": (1, 1000),
    "keep_daily": (0, 1000),
    "keep_weekly": (0, 1000),
    "drill_days": (0, 365),
    "drill_seconds": (5, 3600),
}
LONGEST_CHECK = 1000
MOST_INSTANCES = 50


@dataclass(frozen=True)
class Rules:
    """`every`: hours between two backups, counted from `at` (UTC); 0: none by themselves; `instances`: numbers, none: all. Kept are the
    newest `keep_last`, and the newest one of so many days and weeks. A drill every `drill_days` days (0: none by themselves) has
    `drill_seconds` to get well; then `check` is run inside, which must end with 0 (empty: none).
    """

    every: int = 24
    at: str = "02:00"
    instances: tuple[int, ...] = ()
    keep_last: int = 3
    keep_daily: int = 7
    keep_weekly: int = 4
    drill_days: int = 7
    drill_seconds: int = 120
    check: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"instances": list(self.instances)}

    @property
    def policy(self) -> Policy:
        return Policy(every=self.every, at=self.at, keep_last=self.keep_last, keep_hourly=0, keep_daily=self.keep_daily,
                      keep_weekly=self.keep_weekly)  # fmt: skip


USUAL = Rules()


def parse(data: Any) -> Rules:
    """What is left out is as usual. Raises Refused with the field."""
    values = read(data, {one.name for one in fields(Rules)}, BOUNDS)
    if "check" in data:
        values["check"] = _command(data["check"])
    if "instances" in data:
        values["instances"] = _numbers(data["instances"])
    return Rules(**values)


def _command(value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_CHECK or "\x00" in value:
        raise Refused(_("A command of at most %(n)s characters.") % {"n": LONGEST_CHECK}, "check", 400)
    return value.strip()


def _numbers(value: Any) -> tuple[int, ...]:
    if not isinstance(value, list | tuple) or len(value) > MOST_INSTANCES:
        raise Refused(_("A list of numbers of instances."), "instances", 400)
    return tuple(sorted({whole(one, "instances", 1, 1_000_000) for one in value}))


def concerns(rules: Rules, number: int) -> bool:
    """Whether an instance's data is backed up by itself."""
    return not rules.instances or number in rules.instances


def backup_due(rules: Rules, newest: datetime | None, since: datetime, now: datetime) -> bool:
    """`newest`: when the last one by schedule was begun; `since`: nothing before was ever due."""
    return is_due(rules.policy, newest, since, now)


def drill_due(rules: Rules, newest: datetime | None, now: datetime) -> bool:
    """`newest`: when the last drill by schedule was begun. There must be a backup, which is asked elsewhere."""
    return bool(rules.drill_days) and (newest is None or newest <= now - timedelta(days=rules.drill_days))


def stays(rules: Rules, backups: Iterable[Kept]) -> set[int]:
    """Keys of those that no rule removes."""
    return spared(rules.policy, backups)
