"""How a change rolls: strategy, batches, pauses, and what a failure means. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.utils.translation import gettext as _

from xqplatform.errors import Refused

ORDERS = ("stop-first", "start-first")
ON_FAILURE = ("rollback", "stop", "hold")
STRATEGIES = ("rolling", "canary", "recreate", "blue-green")
SWITCHES = ("click", "auto")


@dataclass(frozen=True)
class Policy:
    """How a change rolls. `batch` and `canary`: a number of instances or a share such as «25%»; times in seconds."""

    batch: int | str = 1
    pause: float = 0
    order: str = "stop-first"
    deadline: float = 60
    on_failure: str = "rollback"
    skip_unfit: bool = False  # leave out the instances that do not fit, instead of refusing the whole
    strategy: str = "rolling"
    canary: int | str = 1  # so many first,
    hold: float = 0  # then it holds for so long; 0: until somebody lets it go on
    switch: str = "click"  # blue/green: somebody says that the traffic is switched; auto: whoever is asked to switch it
    keep: float = 600  # blue/green: the old instances are kept so long after the switch,
    keep_running: bool = True  # running, so that the way back is the switch alone; else stopped

    @classmethod
    def parse(cls, data: Mapping[str, Any] | Policy | None) -> Policy:
        """From a form or an API body. Raises Refused with the field."""
        if isinstance(data, Policy):
            return data
        if data is None:
            return cls()
        if not isinstance(data, Mapping):
            raise Refused(_("The policy must be an object."), "policy", 400)
        for key in data:
            if key not in cls.__dataclass_fields__:
                raise Refused(_("There is no setting «%(name)s».") % {"name": key}, str(key), 400)
        policy = cls(
            batch=_batch(data.get("batch", 1), "batch"),
            pause=_seconds(data, "pause", 0, 0, 86_400),
            order=str(data.get("order") or "stop-first"),
            deadline=_seconds(data, "deadline", 60, 1, 3600),
            on_failure=str(data.get("on_failure") or "rollback"),
            skip_unfit=data.get("skip_unfit") is True,
            strategy=str(data.get("strategy") or "rolling"),
            canary=_batch(data.get("canary") or 1, "canary"),
            hold=_seconds(data, "hold", 0, 0, 7 * 86_400),
            switch=str(data.get("switch") or "click"),
            keep=_seconds(data, "keep", 600, 0, 7 * 86_400),
            keep_running=data.get("keep_running") is not False,
        )
        for name, choices in CHOICES.items():
            if getattr(policy, name) not in choices:
                raise Refused(_("Choose one of: %(choices)s.") % {"choices": ", ".join(choices)}, name, 400)
        return policy

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def size(self, instances: int) -> int:
        """How many instances are changed at a time: at least one; a share is rounded down."""
        return _share(self.batch, instances)

    def lead(self, instances: int) -> int:
        """How many go first, before whoever holds it lets the others follow: a canary's, else none."""
        return _share(self.canary, instances) if self.strategy == "canary" else 0


CHOICES = {"order": ORDERS, "on_failure": ON_FAILURE, "strategy": STRATEGIES, "switch": SWITCHES}


def _share(wanted: int | str, instances: int) -> int:
    if isinstance(wanted, str):
        return max(1, math.floor(instances * float(wanted.rstrip("%")) / 100))
    return max(1, wanted)


def _batch(value: Any, name: str) -> int | str:
    text = str(value).strip() if not isinstance(value, bool) else "?"
    number, share = text.removesuffix("%").strip(), text.endswith("%")
    whole = (
        number.isascii() and number.isdigit() and len(number.lstrip("0")) <= 5
    )  # (int() refuses thousands of digits)
    if not whole or not 1 <= int(number.lstrip("0") or 0) <= (100 if share else 10_000):
        raise Refused(_("The batch is a number such as 2, or a share such as 25%."), name, 400)
    number = number.lstrip("0")
    return f"{number}%" if share else int(number)


def _seconds(data: Mapping[str, Any], name: str, default: float, low: float, high: float) -> float:
    value = data.get(name, default)
    try:
        if isinstance(value, bool):
            raise ValueError
        number = float(default if value in (None, "") else value)
    except (TypeError, ValueError, OverflowError):
        raise Refused(_("«%(value)s» is not a number.") % {"value": value}, name, 400) from None
    if not low <= number <= high:
        raise Refused(_("It must lie between %(low)g and %(high)g.") % {"low": low, "high": high}, name, 400)
    return number
