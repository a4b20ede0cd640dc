"""A log line's text and time as they are shown, compared and sent. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

LONGEST = 8000  # characters of a line that pages get; the download has all of it
OUT, ERR, NOTE = 0, 1, 2
# CSI, OSC and two-byte escape sequences; what else would move a cursor; what would turn the reading direction around.
SIGNS = (
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[@-Z\\-_]"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
ANSI = re.compile(SIGNS)
STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")


class Line(NamedTuple):
    """One line of one instance. `stamp`: UTC with nanoseconds, so that text order is time order; `cut`: its whole length."""

    number: int
    stamp: str
    channel: int
    level: int
    text: str
    cut: int = 0


def plain(text: str) -> str:
    """A log's text without colours, cursor moves and other control signs; tabs and line ends stay."""
    if text.isprintable():
        return text
    text = ANSI.sub("", text.replace("\r\n", "\n"))
    return text if "\n" in text else text.rsplit("\r", 1)[-1]


def shown(text: str) -> tuple[str, int]:
    """The text for a page, and its whole length if it was cut (else 0)."""
    text = plain(text).replace("\n", " ")
    return (text[:LONGEST], len(text)) if len(text) > LONGEST else (text, 0)


def normal(stamp: str) -> str:
    """An engine's time in the one form that is compared: UTC, nine digits, Z. Empty when it is none."""
    if len(stamp) == 30 and stamp[29] == "Z":
        return stamp
    found = STAMP.fullmatch(stamp)
    if not found:
        return ""
    try:
        moment = datetime.fromisoformat(found[1] + ("+00:00" if found[3] == "Z" else found[3]))
        whole = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except (ValueError, OverflowError):
        return ""
    return f"{whole}.{(found[2] or '').ljust(9, '0')}Z"


def asked_stamp(text: str) -> str:
    """A time that somebody asks for, as `normal` has it; also accepts Unix seconds. Empty when it is none."""
    if re.fullmatch(r"\d{1,11}(\.\d{1,9})?", text, re.ASCII):
        seconds, _dot, fraction = text.partition(".")
        return of_nanos(int(seconds) * 10**9 + int(fraction.ljust(9, "0") or 0))
    return normal(text.strip())


@lru_cache(maxsize=64)
def _seconds(whole: str) -> int:
    return int(datetime.fromisoformat(f"{whole}+00:00").timestamp())


def nanos(stamp: str) -> int:
    """A normal stamp as nanoseconds since 1970. Raises ValueError for one that is no date."""
    return _seconds(stamp[:19]) * 10**9 + int(stamp[20:29])


def of_nanos(value: int) -> str:
    """The other way round, for moments that a log can have; what lies outside is put at the edge."""
    value = max(0, min(value, 253402300799 * 10**9))
    seconds, rest = divmod(value, 10**9)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def engine_time(stamp: str, shift: int = 0) -> str:
    """A normal stamp, moved by so many nanoseconds, as engines take it: Unix seconds with nine digits."""
    value = max(0, nanos(stamp) + shift)
    return f"{value // 10**9}.{value % 10**9:09d}"
