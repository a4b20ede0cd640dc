"""By calendar: the last point that has passed says how many. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from containers.guardrails.sessions import Book, opened
from containers.guardrails.times import DAY, moment
from containers.scaling.shape import OPEN, MarketPoint, Policy, Reason, WeekPoint, Wish

BACKS = (
    4 * DAY,
    30 * DAY,
)  # a calendar's last closing is looked for so far back: the second is longer than any holidays
WEEK = 8 * DAY


def wishes(policy: Policy, books: Mapping[str, Book | None], now: float) -> Iterator[Wish]:
    """One of each calendar that the policy names, and one of the week's points together."""
    for slug in dict.fromkeys(point.calendar for point in policy.market):
        points = [point for point in policy.market if point.calendar == slug]
        book = books.get(slug)
        if book is None:
            yield Wish("market", slug, None, Reason("no-calendar", {"calendar": slug}), blind=True)
        else:
            yield market_wish(slug, points, book, now)
    if policy.week:
        yield week_wish(policy.week, policy.zone, now)


def market_wish(slug: str, points: Sequence[MarketPoint], book: Book, now: float) -> Wish:
    last = next((one for back in BACKS if (one := _last(market_moments(points, book, now - back, now), now))), None)
    if last is None:
        return Wish("market", slug, None, Reason("no-point", {"calendar": slug}))
    since, number = last
    day = datetime.fromtimestamp(now, ZoneInfo(book.zone)).date()
    code = "assumed" if book.known is not None and book.assumed(day) else "market"
    return Wish("market", slug, number, Reason(code, {"calendar": slug, "since": since}), need=number)


def market_moments(points: Sequence[MarketPoint], book: Book, since: float, until: float) -> list[tuple[float, int]]:
    """When which number begins to hold, within the range."""
    reach = max(abs(point.minutes) for point in points) * 60.0
    spans = opened(book, since - reach, until + reach + 1, breaks=False)
    found = [
        ((span.start if point.anchor == OPEN else span.end) + point.minutes * 60, point.instances)
        for span in spans
        for point in points
    ]
    return [(at, number) for at, number in found if since <= at <= until]


def week_wish(points: Sequence[WeekPoint], zone: str, now: float) -> Wish:
    last = _last(week_moments(points, zone, now - WEEK, now), now)
    if last is None:
        return Wish("week", "", None, Reason("no-point", {"calendar": ""}))
    return Wish("week", "", last[1], Reason("week", {"since": last[0]}), need=last[1])


def week_moments(points: Sequence[WeekPoint], zone: str, since: float, until: float) -> list[tuple[float, int]]:
    """When which number begins to hold, within the range."""
    place = ZoneInfo(zone)
    day = datetime.fromtimestamp(since, place).date()
    last = datetime.fromtimestamp(until, place).date()
    found = []
    while day <= last:
        found += [(moment(day, p.at, place), p.instances) for p in points if day.weekday() in p.days]
        day += timedelta(days=1)
    return [(at, number) for at, number in found if since <= at <= until]


def _last(moments: Iterable[tuple[float, int]], now: float) -> tuple[float, int] | None:
    """The newest that has passed; of several at one moment the highest."""
    return max((one for one in moments if one[0] <= now), default=None)
