"""The picture of a search: how many, the most frequent people, actions and places, and when. Each part is a link."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from django.db import connection
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _

from xqplatform.audit import sentences
from xqplatform.audit.actions import ACTIONS
from xqplatform.audit.models import Event, Indexed
from xqplatform.audit.search import counting, language, shown
from xqplatform.audit.search.finding import MOST_COUNTED, Search
from xqplatform.audit.vias import VIAS

SAMPLE = 3000  # of the newest events that fit: what facets and, where there are more, the histogram are of


def overview(search: Search, get: QueryDict, keys: list[int]) -> dict[str, Any]:
    """`keys`: the newest that fit, one more than is counted where there are as many."""
    sample = keys[:SAMPLE]
    rows = list(
        Event.objects.filter(pk__among=sample).values_list("time", "actor", "action", "object_type", "via", "denied")
    )
    return {
        "count": min(len(keys), MOST_COUNTED),
        "more": len(keys) > MOST_COUNTED,
        "sampled": len(sample) if len(keys) > len(sample) else 0,
        "facets": _facets(search, get, rows, sample),
        "histogram": _histogram(search, get, [row[0] for row in rows], len(keys) > len(sample)),
    }


def _facets(search: Search, get: QueryDict, rows: list[Any], sample: list[int]) -> list[dict[str, Any]]:
    places = list(Indexed.objects.filter(event_id__among=sample).values_list("service", "environment", "host"))
    found: list[tuple[str, Any, list[tuple[str, int]]]] = [
        ("who", _("Who"), counting.top(row[1] for row in rows)),
        ("action", _("What"), counting.top(row[2] for row in rows)),
        ("service", _("Service"), counting.top(place[0] for place in places)),
        ("env", _("Environment"), counting.top(place[1] for place in places)),
        ("host", _("Host"), counting.top(place[2] for place in places)),
        ("kind", _("Kind of object"), counting.top(row[3] for row in rows)),
        ("via", _("By way of"), counting.top(row[4] for row in rows)),
        ("denied", _("Denied"), [(word, n) for word, n in counting.top("yes" if row[5] else "no" for row in rows)]),
    ]
    typed = language.parse(search.asked.text)
    held = {(term.field, term.text) for term in search.asked.query.terms if not term.negated}
    return [
        {
            "name": name,
            "label": label,
            "values": [
                {
                    "text": _word(name, value),
                    "title": value,
                    "count": count,
                    "part": max(1, round(100 * count / max(values[0][1], 1))),
                    "here": (name, value) in held,
                    "url": shown.address(get, q=language.replaced(typed, name, value), **{name: None}),
                    "not_url": shown.address(get, q=language.replaced(typed, name, value, negated=True)),
                }
                for value, count in values
            ],
        }
        for name, label, values in found
        if values
    ]


def _word(name: str, value: str) -> str:
    """A value in the words of the interface, where it has any."""
    if name == "kind":
        return str(sentences.KINDS.get(value, value))
    if name == "via":
        return str(VIAS.get(value, value))
    if name == "denied":
        return _("only denied") if value == "yes" else _("only done")
    if name == "action":
        return str(ACTIONS.get(value, "")).rstrip(":") or value
    return value


def _histogram(search: Search, get: QueryDict, times: list[datetime], partly: bool) -> dict[str, Any] | None:
    """Bars from the first to the last event that was counted; where no words narrow the search, of all of them."""
    asked = search.asked
    now = timezone.now()
    if search.plain:
        oldest = Event.objects.order_by("time").values_list("time", flat=True).first()
        if oldest is None:
            return None
        first, last = max(asked.since or oldest, oldest), min(asked.until or now, now)
    elif times:
        first, last = (times[-1] if partly or not asked.since else asked.since), min(asked.until or now, now)
        first = min(first, *times)
    else:
        return None
    if first >= last:
        return None
    zone = timezone.get_current_timezone()
    marks = counting.edges(first.astimezone(UTC), last.astimezone(UTC), zone.utcoffset(first) or timedelta())
    counts = _between(marks) if search.plain else counting.counted(marks, times)
    return {
        "bars": [
            {
                "x": n * 10,
                "y": 100 - bar.height,
                "height": bar.height,
                "since": bar.since,
                "until": bar.until,
                "count": bar.count,
                "url": shown.address(get, range=None, since=_text(bar.since), until=_text(bar.until)),
            }
            for n, bar in enumerate(counting.bars(marks, counts))
        ],
        "width": 10 * (len(marks) - 1),
        "first": marks[0],
        "last": marks[-1],
        "partly": partly and not search.plain,
        "base": shown.address(get, range=None, since=None, until=None),
    }


def _text(moment: datetime) -> str:
    return (
        timezone.localtime(moment)
        .replace(tzinfo=None)
        .isoformat(timespec="minutes" if not moment.second else "seconds")
    )


def _between(marks: list[datetime]) -> list[int]:
    """Events between the marks by their keys: as many as there are but for gaps that failed transactions left."""
    one = "(SELECT id FROM audit_event WHERE time >= %s ORDER BY time LIMIT 1)"
    moments = [connection.ops.adapt_datetimefield_value(mark) for mark in marks]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join([one] * len(marks))}, (SELECT max(id) FROM audit_event)", moments)  # noqa: S608
        *found, newest = cursor.fetchone()
    keys = [key if key is not None else (newest or 0) + 1 for key in found]
    return [max(0, later - earlier) for earlier, later in pairwise(keys)]
