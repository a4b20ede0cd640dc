"""A process of its own that computes a calendar: `python -m containers.guardrails.child` reads JSON, writes JSON.

`exchange_calendars` brings pandas, some 80 MB that the platform's idle processes have no room for, and a file that somebody
uploads may be anything: a child has a limit of memory and of time, and what it dies of hurts nobody. No Django here.
"""

from __future__ import annotations

import json
import resource
import sys
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

MEMORY = 2 << 30  # bytes of address space; pandas maps much more than it uses
SECONDS = 60  # of CPU
MOST_EVENTS = 5000


def main() -> int:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    asked = json.load(sys.stdin)
    try:
        answer: dict[str, Any] = {"market": market, "ics": ics}[asked["do"]](asked)
    except Exception as error:  # whatever a library does: the words go back
        answer = {"ok": False, "words": f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]}
    json.dump(answer, sys.stdout)
    return 0


def market(asked: dict[str, Any]) -> dict[str, Any]:
    """The sessions of an exchange from one day to another, as far as its calendar is known."""
    import exchange_calendars  # type: ignore[import-not-found,unused-ignore]
    import pandas as pd  # type: ignore[import-untyped,unused-ignore]
    from exchange_calendars import calendar_utils

    known = calendar_utils._default_calendar_factories[asked["code"]]
    since, until = date.fromisoformat(asked["since"]), date.fromisoformat(asked["until"])
    first, last = known.bound_min(), known.bound_max()
    since = max(since, first.date()) if first is not None else since
    until = min(until, last.date()) if last is not None else until
    calendar = exchange_calendars.get_calendar(asked["code"], start=since.isoformat(), end=until.isoformat())

    def moment(value: Any) -> float | None:
        return None if pd.isna(value) else value.timestamp()

    rows = [
        [day.date().isoformat(), moment(r.open), moment(r.break_start), moment(r.break_end), moment(r.close)]
        for day, r in calendar.schedule.iterrows()
    ]
    return {
        "ok": True,
        "sessions": rows,
        "since": since.isoformat(),
        "until": until.isoformat(),
        "zone": str(calendar.tz),
    }


def ics(asked: dict[str, Any]) -> dict[str, Any]:
    """The events of an ICS file within the time, each repetition by itself: [[from, to, title]], epoch seconds."""
    import icalendar
    import recurring_ical_events

    zone = ZoneInfo(asked["zone"])
    calendar = icalendar.Calendar.from_ical(asked["text"])
    if getattr(calendar, "name", "") != "VCALENDAR":
        return {"ok": False, "words": "There is no VCALENDAR in it."}
    if not any(part.name == "VEVENT" for part in calendar.subcomponents):
        return {"ok": False, "words": "There is no event in it."}
    since, until = date.fromisoformat(asked["since"]), date.fromisoformat(asked["until"])
    spans: list[list[Any]] = []
    for event in recurring_ical_events.of(calendar, skip_bad_series=False).between(since, until):
        if str(event.get("STATUS", "")).upper() == "CANCELLED":
            continue
        start = event["DTSTART"].dt
        end = event["DTEND"].dt if "DTEND" in event else start
        begin, finish = epoch(start, zone), epoch(end, zone)
        if finish <= begin and not isinstance(start, datetime):
            finish = epoch(start + timedelta(days=1), zone)  # a day without an end is that day
        if finish > begin:
            spans.append([begin, finish, str(event.get("SUMMARY", ""))[:120]])
        if len(spans) > MOST_EVENTS:
            return {"ok": False, "words": f"It has more than {MOST_EVENTS} events within a year."}
    return {"ok": True, "spans": sorted(spans), "since": since.isoformat(), "until": until.isoformat()}


def epoch(value: Any, zone: ZoneInfo) -> float:
    """A day or a time without a zone is one of the calendar's own zone."""
    if not isinstance(value, datetime):
        return datetime.combine(value, time(), zone).timestamp()
    return (value if value.tzinfo is not None else value.replace(tzinfo=zone)).astimezone(UTC).timestamp()


if __name__ == "__main__":
    raise SystemExit(main())
