"""The verbs of calendars: markets, own hours, exceptions, ICS files."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, time, timedelta
from typing import Any
from zoneinfo import available_timezones

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from containers.guardrails import compute
from containers.guardrails.markets import MARKETS
from containers.guardrails.services import RIGHT
from containers.models import Calendar, CalendarDay
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused
from xqplatform.work import enqueue

SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
MOST_ICS = 512 << 10  # bytes
MOST_HOURS = 6
MOST_DAYS = 500
# What uses a calendar, as words why it is not removed; empty: nothing does. Apps above fill it when they are ready.
USES: list[Callable[[Actor, Calendar], str]] = []


def save_calendar(actor: Actor, calendar: Calendar | None, data: Mapping[str, Any]) -> Calendar:
    """Makes (None) or changes a calendar. `data`: slug, title; market (a code), or of one's own zone, days (0 = Monday) and
    hours ([["09:00", "12:00"], …]). A market stays that market.
    """
    require(actor, RIGHT, obj=calendar)
    row = calendar or Calendar(slug=str(data.get("slug") or "").strip())
    before = shown(row) if calendar is not None else {}
    if calendar is None:
        _begin(row, str(data.get("market") or ""))
    if "title" in data or not row.title:
        row.title = _title(str(data.get("title") or row.title or row.slug))
    if not row.market:
        _own(row, data)
    try:
        with transaction.atomic():
            row.save()
            old, new = audit.changed(before, shown(row))
            if new:
                action = "calendar.change" if calendar is not None else "calendar.create"
                audit.record(actor, action, row, before=old or None, after=new)
                live.bump("calendars")
            if row.market and row.computed is None:
                _enqueue(row)
    except IntegrityError:
        raise Refused(_("There is a calendar «%(slug)s» already.") % {"slug": row.slug}, "slug") from None
    return row


def _begin(row: Calendar, market: str) -> None:
    if market:
        if market not in MARKETS:
            raise Refused(_("There is no market «%(code)s».") % {"code": market[:20]}, "market", 400)
        row.market, row.slug = market, row.slug or market.lower()
        row.title, row.zone = MARKETS[market]
    if not SLUG.fullmatch(row.slug):
        raise Refused(_("A name has small letters, digits and «-», at most 40."), "slug", 400)
    if Calendar.objects.filter(slug=row.slug).exists():
        raise Refused(_("There is a calendar «%(slug)s» already.") % {"slug": row.slug}, "slug")


def _title(text: str) -> str:
    title = " ".join(text.split())
    if not 1 <= len(title) <= 80:
        raise Refused(_("From 1 to 80 characters."), "title", 400)
    return title


def _own(row: Calendar, data: Mapping[str, Any]) -> None:
    if "zone" in data:
        if str(data["zone"]) not in available_timezones():
            raise Refused(_("There is no such time zone."), "zone", 400)
        row.zone = str(data["zone"])
    if "days" in data or "hours" in data:
        days = data.get("days") or []
        if not all(isinstance(day, int) and 0 <= day <= 6 for day in days):
            raise Refused(_("Choose the days of the week."), "days", 400)
        row.hours = {"days": sorted(set(days)), "hours": hours_of(data.get("hours") or [])}


def hours_of(pairs: Any) -> list[list[str]]:
    """[["09:00", "12:00"], …]: one after the other within a day. Raises Refused."""
    found: list[tuple[time, time]] = []
    try:
        found = [(time.fromisoformat(str(a)), time.fromisoformat(str(b))) for a, b in pairs]
    except (TypeError, ValueError):
        raise Refused(_("Hours are written so: 09:00-12:00, 13:00-18:00."), "hours", 400) from None
    flat = [at for pair in found for at in pair]
    if len(found) > MOST_HOURS or flat != sorted(set(flat)):
        raise Refused(_("The hours must follow upon each other within a day."), "hours", 400)
    return [[a.isoformat("minutes"), b.isoformat("minutes")] for a, b in found]


def remove_calendar(actor: Actor, calendar: Calendar) -> None:
    """Refused while a freeze window goes by it, or what an app above knows of (`USES`)."""
    require(actor, RIGHT, obj=calendar)
    with transaction.atomic():
        Calendar.objects.select_for_update().filter(pk=calendar.pk).first()  # who begins to use it waits, or was first
        used = sorted({str(row.environment) for row in calendar.freezes.select_related("environment")})
        if used:
            raise Refused(_("Freeze windows of %(where)s go by it.") % {"where": ", ".join(used)})
        if why := next((words for use in USES if (words := use(actor, calendar))), ""):
            raise Refused(why)
        audit.record(actor, "calendar.remove", calendar, before=shown(calendar))
        calendar.delete()
        live.bump("calendars")


def recompute(actor: Actor, calendar: Calendar) -> None:
    """Has its sessions computed anew, now."""
    require(actor, RIGHT, obj=calendar)
    if not calendar.market and not calendar.ics:
        raise Refused(_("Nothing is computed for it: its hours are what you wrote."))
    with transaction.atomic():
        audit.record(actor, "calendar.compute", calendar)
        _enqueue(calendar)


def _enqueue(row: Calendar) -> None:
    from containers.tasks import compute_calendar

    Calendar.objects.filter(pk=row.pk).update(asked=timezone.now(), trouble="")
    live.bump("calendars")
    enqueue(compute_calendar, row.pk)


def set_day(actor: Actor, calendar: Calendar, data: Mapping[str, Any]) -> CalendarDay:
    """An exception: `day`, `opens` and `closes` (both left out: closed all day), `reason`. It replaces one of that day."""
    require(actor, RIGHT, obj=calendar)
    day, opens, closes = data.get("day"), data.get("opens"), data.get("closes")
    if not isinstance(day, date) or abs(day - timezone.localdate()) > timedelta(days=3660):
        raise Refused(_("A day, such as 2026-12-31."), "day", 400)
    if (opens is None) != (closes is None) or (opens is not None and closes is not None and closes <= opens):
        raise Refused(_("Both times, the second later than the first; or neither: closed all day."), "closes", 400)
    if calendar.days.exclude(day=day).count() >= MOST_DAYS:
        raise Refused(_("At most %(n)d exceptions.") % {"n": MOST_DAYS}, "day")
    reason = " ".join(str(data.get("reason") or "").split())[:250]
    with transaction.atomic():
        old = calendar.days.filter(day=day).first()
        before = {str(day): day_words(old)} if old is not None else None
        row, _made = CalendarDay.objects.update_or_create(
            calendar=calendar, day=day, defaults={"opens": opens, "closes": closes, "reason": reason}
        )
        audit.record(actor, "calendar.change", calendar, before=before, after={str(day): day_words(row)}, reason=reason)
        live.bump("calendars")
    return row


def remove_day(actor: Actor, row: CalendarDay) -> None:
    require(actor, RIGHT, obj=row.calendar)
    with transaction.atomic():
        audit.record(actor, "calendar.change", row.calendar, before={str(row.day): day_words(row)}, after={})
        row.delete()
        live.bump("calendars")


def day_words(row: CalendarDay) -> str:
    if row.opens is None or row.closes is None:
        return _("closed")
    return _("open %(a)s to %(b)s") % {"a": row.opens.isoformat("minutes"), "b": row.closes.isoformat("minutes")}


def import_ics(actor: Actor, calendar: Calendar, content: bytes, means: str) -> int:
    """The file's events count as times in which it is closed or open, in the place of an earlier file; how many within the
    next year. Empty content takes the file away. Raises Refused for what is too large or cannot be read, with why.
    """
    require(actor, RIGHT, obj=calendar)
    if means not in {"closed", "open"}:
        raise Refused(_("Choose one of: %(choices)s.") % {"choices": "closed, open"}, "means", 400)
    if len(content) > MOST_ICS:
        raise Refused(_("The file is larger than %(n)d KiB.") % {"n": MOST_ICS >> 10}, "file", 400)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused(_("This is no ICS file: it is not text in UTF-8."), "file", 400) from None
    if "\x00" in text or (text.strip() and "BEGIN:VCALENDAR" not in text):
        raise Refused(_("This is no ICS file: BEGIN:VCALENDAR is missing."), "file", 400)
    spans: list[Any] = []
    if text.strip():
        answer = compute.read_ics(text, calendar.zone)
        if not answer.get("ok"):
            raise Refused(_("The file cannot be read: %(why)s") % {"why": answer.get("words", "")}, "file", 400)
        spans = answer["spans"]
    fields: dict[str, Any] = {"ics": text if text.strip() else "", "ics_means": means, "ics_spans": spans}
    fields |= {} if calendar.market else {"computed": timezone.now(), "trouble": ""}
    with transaction.atomic():
        Calendar.objects.filter(pk=calendar.pk).update(**fields)
        before = {"imported events": len(calendar.ics_spans), "they mean": calendar.ics_means}
        audit.record(
            actor, "calendar.change", calendar, before=before, after={"imported events": len(spans), "they mean": means}
        )
        live.bump("calendars")
    return len(spans)


def shown(row: Calendar) -> dict[str, Any]:
    """A calendar in the names of the verb and of the API."""
    return {
        "slug": row.slug,
        "title": row.title,
        "market": row.market,
        "zone": row.zone,
        "days": row.hours.get("days", []),
        "hours": row.hours.get("hours", []),
    }
