"""The one time range of a page of charts: what its address says, what its control shows. Pure but for the viewer's zone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from xqplatform.errors import Refused

MINUTE, HOUR, DAY = 60, 3600, 86400
PRESETS: dict[str, tuple[int, Any]] = {
    "15m": (15 * MINUTE, gettext_lazy("15 min")),
    "1h": (HOUR, gettext_lazy("1 h")),
    "6h": (6 * HOUR, gettext_lazy("6 h")),
    "24h": (DAY, gettext_lazy("24 h")),
    "7d": (7 * DAY, gettext_lazy("7 d")),
    "30d": (30 * DAY, gettext_lazy("30 d")),
}
DEFAULT = "1h"
SHORTEST, LONGEST = 30, 2 * 366 * DAY
NAMES = ("range", "from", "to")


@dataclass(frozen=True)
class Range:
    """From `start` to `end` in unix seconds; `key` names a preset, which ends now and moves on with the clock."""

    start: float
    end: float
    key: str = ""

    @property
    def live(self) -> bool:
        return bool(self.key)

    @property
    def seconds(self) -> float:
        return self.end - self.start

    @property
    def query(self) -> str:
        """As it stands in an address: the same moments for whoever follows the link."""
        return urlencode(self.parameters)

    @property
    def parameters(self) -> dict[str, str]:
        return {"range": self.key} if self.key else {"from": f"{self.start:.0f}", "to": f"{self.end:.0f}"}


def preset(key: str, now: float) -> Range:
    return Range(now - PRESETS[key][0], now, key)


def parse(query: Mapping[str, Any], now: float, default: str = DEFAULT) -> Range:
    """What the address asks for. Raises Refused (400) with the reason and the field."""
    first, last, key = (str(query.get(name, "") or "").strip()[:40] for name in ("from", "to", "range"))
    if not first and not last:
        if key and key not in PRESETS:
            raise Refused(
                _("There is no range «%(key)s»; there are %(known)s.") % {"key": key, "known": ", ".join(PRESETS)},
                "range",
                400,
            )
        return preset(key or default, now)
    start = moment(first, "from") if first else None
    end = moment(last, "to") if last else now
    if start is None:
        start = end - PRESETS[default][0]
    end = min(end, now)
    if end - start < SHORTEST:
        raise Refused(
            _("The range must begin at least %(n)d s before it ends, and not in the future.") % {"n": SHORTEST},
            "from",
            400,
        )
    if end - start > LONGEST:
        raise Refused(_("The range is longer than the two years that are kept."), "from", 400)
    return Range(start, end)


def moment(text: str, field: str) -> float:
    """Unix seconds, or a date and time in the viewer's zone, as unix seconds. Raises Refused (400)."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if math.isfinite(number):
        if not 0 <= number <= 4e9:  # till 2096
            raise Refused(_("«%(text)s» is no moment that has samples.") % {"text": text}, field, 400)
        return number
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None:
        raise Refused(_("«%(text)s» is no date and time.") % {"text": text}, field, 400)
    try:
        return (timezone.make_aware(found) if timezone.is_naive(found) else found).timestamp()
    except (OverflowError, ValueError):
        raise Refused(_("«%(text)s» is no moment that has samples.") % {"text": text}, field, 400) from None


def local(seconds: float) -> str:
    """For an `<input type="datetime-local">`, in the viewer's zone."""
    at = timezone.localtime(datetime.fromtimestamp(seconds, tz=timezone.get_default_timezone()))
    return f"{at:%Y-%m-%dT%H:%M}"


def words(seconds: float, length: float) -> str:
    """A moment on an axis that long: the time, the day, or both."""
    at = timezone.localtime(datetime.fromtimestamp(seconds, tz=timezone.get_default_timezone()))
    if length <= 2 * HOUR:
        return f"{at:%H:%M:%S}" if length <= 10 * MINUTE else f"{at:%H:%M}"
    if length <= 2 * DAY:
        return f"{at:%H:%M}"
    return f"{at:%m-%d}" if length > 8 * DAY else f"{at:%m-%d %H:%M}"


def exact(seconds: float) -> str:
    at = timezone.localtime(datetime.fromtimestamp(seconds, tz=timezone.get_default_timezone()))
    return f"{at:%Y-%m-%d %H:%M:%S}"


STEPS = (10, 30, 60, 120, 300, 600, 900, 1800, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 5 * DAY,
         7 * DAY, 14 * DAY, 30 * DAY, 90 * DAY, 180 * DAY)  # fmt: skip


def ticks(start: float, end: float, most: int = 7) -> list[float]:
    """Where an axis of time has its words: round moments of the viewer's zone."""
    step = next((s for s in STEPS if (end - start) / s <= most), STEPS[-1])
    at = timezone.localtime(datetime.fromtimestamp(start, tz=timezone.get_default_timezone()))
    shift = at.utcoffset()
    offset = shift.total_seconds() if shift else 0.0
    first = math.ceil((start + offset) / step) * step - offset
    return [first + n * step for n in range(int((end - first) // step) + 1)] if first <= end else []


@dataclass(frozen=True)
class Control:
    """What the template of the range shows: buttons, the two fields, earlier, later, wider; and what was wrong."""

    range: Range
    now: float
    error: str = ""
    given: Mapping[str, str] | None = None

    @property
    def buttons(self) -> list[dict[str, Any]]:
        return [
            {"key": key, "label": label, "query": urlencode({"range": key}), "here": self.range.key == key}
            for key, (_seconds, label) in PRESETS.items()
        ]

    @property
    def first(self) -> str:
        return (self.given or {}).get("from") or local(self.range.start)

    @property
    def last(self) -> str:
        return (self.given or {}).get("to") or local(self.range.end)

    def _moved(self, start: float, end: float) -> str:
        over = max(0.0, end - self.now)
        start, end = start - over, end - over
        return Range(max(0.0, start), end).query if end - start <= LONGEST else ""

    @property
    def earlier(self) -> str:
        half = self.range.seconds / 2
        return self._moved(self.range.start - half, self.range.end - half)

    @property
    def later(self) -> str:
        """Empty where the range ends now."""
        half = self.range.seconds / 2
        if self.range.live or self.now - self.range.end < 1:
            return ""
        return self._moved(self.range.start + half, self.range.end + half)

    @property
    def wider(self) -> str:
        half = self.range.seconds / 2
        return self._moved(self.range.start - half, self.range.end + half)

    @property
    def span(self) -> str:
        return f"{exact(self.range.start)} – {exact(self.range.end)}"

    @property
    def zone(self) -> str:
        return timezone.get_current_timezone_name()


def control(query: Mapping[str, Any], now: float, default: str = DEFAULT) -> Control:
    """For a page: what is wrong is said at the control, and the default range is shown."""
    try:
        return Control(parse(query, now, default), now)
    except Refused as refused:
        given = {name: str(query.get(name, ""))[:40] for name in NAMES}
        return Control(preset(default, now), now, refused.message, given)
