"""Before and after, made readable: nested structures key by key, lists by what came and went, texts line by line. Pure."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MOST_DEPTH = 6
MOST_LINES = 400
CONTEXT = 2


@dataclass(frozen=True)
class Line:
    """A line of a compared text: «-» gone, «+» new, « » as it was, «…» for some that were left out."""

    sign: str
    text: str


@dataclass(frozen=True)
class Row:
    """One value. `before` or `after` is None where it was not there; `lines` instead, where both are long texts or lists."""

    key: str
    before: Any = None
    after: Any = None
    has_before: bool = True
    has_after: bool = True
    lines: tuple[Line, ...] = ()


_MISSING = object()


def rows(before: Any, after: Any, *, lines: bool = True) -> list[Row]:
    """What differs, by dotted keys in their stored order; equal parts of nested structures are left out."""
    old = before if isinstance(before, dict) else _wrapped(before)
    new = after if isinstance(after, dict) else _wrapped(after)
    return [
        row
        for key in dict.fromkeys([*old, *new])
        for row in _rows(str(key), old.get(key, _MISSING), new.get(key, _MISSING), lines, 1)
    ]


def _wrapped(value: Any) -> dict[str, Any]:
    return {} if value is None else {"": value}


def _rows(path: str, a: Any, b: Any, compare: bool, depth: int) -> Iterator[Row]:
    maps = [side for side in (a, b) if isinstance(side, dict)]
    others = [side for side in (a, b) if not isinstance(side, dict) and side is not _MISSING and side is not None]
    if maps and not others and depth < MOST_DEPTH and any(maps):
        left, right = (side if isinstance(side, dict) else {} for side in (a, b))
        for inner in dict.fromkeys([*left, *right]):
            one, other = left.get(inner, _MISSING), right.get(inner, _MISSING)
            if one != other:
                yield from _rows(f"{path}.{inner}" if path else str(inner), one, other, compare, depth + 1)
        return
    lines = _lines(a, b) if compare else []
    yield Row(
        path,
        None if a is _MISSING else a,
        None if b is _MISSING else b,
        a is not _MISSING,
        b is not _MISSING,
        tuple(lines[:MOST_LINES]) + ((Line("…", ""),) if len(lines) > MOST_LINES else ()),
    )


def _lines(a: Any, b: Any) -> list[Line]:
    """Lines of both, where they are texts of several lines, or lists, or structures that are compared as such."""
    if isinstance(a, list) and isinstance(b, list):
        return compared([_flat(x) for x in a], [_flat(x) for x in b])
    texts = isinstance(a, str) and isinstance(b, str)
    if texts and ("\n" in a or "\n" in b):
        return compared(a.splitlines(), b.splitlines())
    return []


def _flat(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def compared(a: list[str], b: list[str]) -> list[Line]:
    """A line diff with some lines around each change."""
    found: list[Line] = []
    matcher = difflib.SequenceMatcher(None, a[: 2 * MOST_LINES], b[: 2 * MOST_LINES], autojunk=False)
    for group in matcher.get_grouped_opcodes(CONTEXT):
        if group[0][1] > 0 or group[0][3] > 0:
            found.append(Line("…", ""))
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                found += [Line(" ", text) for text in a[i1:i2]]
            else:
                found += [Line("-", text) for text in a[i1:i2]] + [Line("+", text) for text in b[j1:j2]]
        last = group[-1]
        if last[2] < len(a) and last[0] == "equal":
            found.append(Line("…", ""))
    return found
