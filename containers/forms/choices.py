"""Addresses and hosts that a person chooses for new instances: fields `address_NUMBER`, `host_NUMBER` beside the rows of a plan."""

from __future__ import annotations

import re
from typing import Any

ADDRESS, HOST = re.compile(r"address_([1-9][0-9]{0,5})"), re.compile(r"host_([1-9][0-9]{0,5})")
MOST = 500
LONGEST = 400  # of what is typed for one instance


def chosen_of(data: Any) -> dict[int, str]:
    """Number of an instance → the address that was typed for it; empty fields stand for «automatic»."""
    return _typed(data, ADDRESS, 45)


def hosts_of(data: Any) -> dict[int, str]:
    """Number of an instance → the host, or hosts, that were typed for it."""
    return _typed(data, HOST, LONGEST)


def _typed(data: Any, field: re.Pattern[str], longest: int) -> dict[int, str]:
    found: dict[int, str] = {}
    for name in list(data)[: 4 * MOST]:
        number = field.fullmatch(name)
        typed = str(data[name]).replace("\x00", "").strip()[:longest]
        if number and typed and len(found) < MOST:
            found[int(number[1])] = typed
    return found


def as_fields(data: Any) -> dict[str, str]:
    """What was chosen, as a form's fields again."""
    addresses = {f"address_{number}": ip for number, ip in sorted(chosen_of(data).items())}
    return addresses | {f"host_{number}": name for number, name in sorted(hosts_of(data).items())}
