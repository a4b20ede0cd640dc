"""Counts the weeks of the scorecard: each once, again while something may still be learnt of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from django.db.models import Min
from django.utils import timezone

from containers.capacity import scoring
from containers.capacity.models import ScoreWeek
from containers.capacity.score_rows import verdicts
from containers.capacity.scoring import Tally
from containers.models import Deployment

WEEK = timedelta(days=7)
KEPT = 106  # weeks: a year, and the year before it to compare with
REOPENED = 13  # weeks: for so long something that was not restored is asked for again
SETTLED = timedelta(
    seconds=scoring.FOLLOWED + scoring.ALARMED
)  # after a week's end nothing makes its last release a failure


def monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def bounds(week: date) -> tuple[datetime, datetime]:
    start = datetime(week.year, week.month, week.day, tzinfo=UTC)
    return start, start + WEEK


def count(now: datetime | None = None) -> list[date]:
    """Counts what is due, the whole stretch from the oldest such week on in one pass. Which weeks were written."""
    now = now or timezone.now()
    weeks = due(now)
    if not weeks:
        return []
    tallies: dict[date, dict[int, Tally]] = defaultdict(dict)
    for place, found in verdicts(bounds(weeks[0])[0]).items():
        for week, tally in scoring.by_week(found).items():
            tallies[week][place] = tally
    for week in weeks:
        ScoreWeek.objects.update_or_create(week=week, defaults=_row(tallies[week]) | {"counted": now})
    ScoreWeek.objects.filter(week__lt=monday(now.astimezone(UTC).date()) - KEPT * WEEK).delete()
    return weeks


def due(now: datetime) -> list[date]:
    """Weeks that were never counted, were counted before they had settled, or wait for something to be restored; the oldest first."""
    first = Deployment.objects.filter(kind=Deployment.Kind.DEPLOY).aggregate(first=Min("finished"))["first"]
    if first is None:
        return []
    last = monday(now.astimezone(UTC).date())
    start = max(monday(first.astimezone(UTC).date()), last - (KEPT - 1) * WEEK)
    counted = dict(ScoreWeek.objects.filter(week__gte=start).values_list("week", "counted"))
    reopened = set(ScoreWeek.objects.filter(week__gte=last - REOPENED * WEEK, open=True).values_list("week", flat=True))
    weeks: Iterable[date] = (start + n * WEEK for n in range((last - start).days // 7 + 1))
    return [w for w in weeks if w in reopened or w not in counted or counted[w] < bounds(w)[1] + SETTLED]


def _row(tallies: dict[int, Tally]) -> dict[str, object]:
    return {
        "tallies": scoring.packed(tallies),
        "open": any(tally.open for tally in tallies.values()),
    }
