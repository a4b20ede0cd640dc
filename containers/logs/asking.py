"""What a page's address or an API call asks of logs, checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _

from containers.logs.filters import Filter, filter_of
from containers.logs.levels import parse
from containers.logs.text import asked_stamp
from xqplatform.errors import Refused

MOST_TAIL = 5000


def numbers_of(values: Iterable[str]) -> frozenset[int]:
    """The instance numbers among them; empty: all."""
    return frozenset(int(v) for v in values if v.isascii() and v.isdigit() and len(v) < 10)


def filter_asked(data: QueryDict) -> Filter:
    """The filter of `q`, `level` and `f`. Raises Refused with the field that is wrong."""
    fields = [text.replace("\x00", "") for text in data.getlist("f")]
    return filter_of(data.get("q", "").replace("\x00", ""), parse(data.get("level", "")), fields)


def stamp_asked(data: Mapping[str, Any], name: str) -> str:
    """A time as a normal stamp; empty when none is asked for. Raises Refused for what is no time."""
    text = str(data.get(name) or "").strip()
    found = asked_stamp(text)
    if text and not found:
        raise Refused(_("A time looks like 2026-01-31T09:30:00Z."), name, 400)
    return found


def known_asked(text: str) -> dict[int, str]:
    """By instance number, the last stamp that the page has: «3:2026-…Z,4:2026-…Z»; nonsense is left out."""
    found = {}
    for part in text.split(",")[:200]:
        number, _colon, stamp = part.partition(":")
        known = asked_stamp(stamp)
        if number.isascii() and number.isdigit() and len(number) < 10 and known:
            found[int(number)] = known
    return found


def count_asked(text: str | None, otherwise: int) -> int:
    """A number of lines, within reason."""
    if text and text.isascii() and text.isdigit() and len(text) < 7:
        return min(int(text), MOST_TAIL)
    return otherwise
