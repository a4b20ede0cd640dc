"""Addresses that a person chooses for new instances: fields `address_NUMBER` beside the rows of a plan."""

from __future__ import annotations

import re
from typing import Any

FIELD = re.compile(r"address_([1-9][0-9]{0,5})")
MOST = 500


def chosen_of(data: Any) -> dict[int, str]:
    """Number of an instance → what was typed for it; empty fields stand for «automatic»."""
    found: dict[int, str] = {}
    for name in list(data)[: 4 * MOST]:
        number = FIELD.fullmatch(name)
        typed = str(data[name]).replace("\x00", "").strip()[:45]
        if number and typed and len(found) < MOST:
            found[int(number[1])] = typed
    return found


def as_fields(chosen: dict[int, str]) -> dict[str, str]:
    """The same as a form's fields."""
    return {f"address_{number}": ip for number, ip in sorted(chosen.items())}
