"""When a rule of a state would have fired: from the times in which rows still say that it held."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Sequence

from xqplatform.alerts.judge import Span
from xqplatform.alerts.models import Rule
from xqplatform.alerts.sources import History, Was
from xqplatform.alerts.subjects import About

Times = dict[tuple[str, str], list[Span]]


def fired(held: Iterable[Was], hold: float, clear_hold: float, start: float, now: float) -> list[Span]:
    """Of one subject: it fires `hold` after the state began and ends `clear_hold` after the state did. Pure.

    What began before `start` is known from its own record; who was bad again before it was good for long enough never ended.
    """
    spans: list[Span] = []
    for one in sorted(held, key=lambda was: was.start):
        begins, ends = one.start + hold, None if one.end is None else one.end + clear_hold
        before = spans[-1] if spans else None
        if before is not None and (before.end is None or one.start <= before.end):
            if before.end is not None:
                spans[-1] = Span(before.start, ends and max(ends, before.end), 1.0)
        elif (now if one.end is None else one.end) >= begins:
            spans.append(Span(begins, ends, 1.0))
    ongoing = [Span(one.start, None if one.end is None or one.end >= now else one.end, 1.0) for one in spans]
    return [Span(max(one.start, start), one.end, 1.0) for one in ongoing if one.end is None or one.end > start]


def look(
    rule: Rule, history: History, world: dict[str, About], start: float, end: float, *, budget: float
) -> tuple[Times, int]:
    """By subject and device when it would have fired, and how many subjects were looked at within `budget` seconds."""
    deadline, order, found = time.monotonic() + budget, list(world), Times()
    for at in range(0, len(order), history.at_once):
        if time.monotonic() > deadline:
            return found, at
        part = order[at : at + history.at_once]
        found |= _part(rule, history, part, start, end)
    return found, len(order)


def _part(rule: Rule, history: History, part: Sequence[str], start: float, end: float) -> Times:
    held: dict[tuple[str, str], list[Was]] = defaultdict(list)
    asked = set(part)
    for was in history.read(part, start - rule.hold - rule.clear_hold, end):
        if was.subject in asked:
            held[was.subject, was.device].append(was)
    found = {key: fired(rows, rule.hold, rule.clear_hold, start, end) for key, rows in held.items()}
    return {key: spans for key, spans in found.items() if spans}
