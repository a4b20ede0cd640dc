"""Market calendars computed ahead by a child, own hours, exceptions, and ICS files of every kind."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from containers.guardrails import calendars, compute, month, times, windows
from containers.guardrails.markets import MARKETS
from containers.models import Calendar, Freeze
from tests.guardrails.conftest import Stage
from tests.queue import Queue
from xqplatform.accounts.actor import Actor
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> date:
    """The package knows Shanghai's days to the end of 2026."""
    day = date(2026, 6, 1)
    monkeypatch.setattr(timezone, "localdate", lambda *a, **k: day)
    return day


def at(zone: str, *wall: int) -> float:
    return datetime(*wall, tzinfo=ZoneInfo(zone)).timestamp()  # type: ignore[misc,arg-type]


def frozen(row: Calendar, moment: float, **fields: Any) -> times.Frozen | None:
    window = windows.window(Freeze(kind="market", calendar=row, **fields), moment)
    return times.frozen(moment, [window])


def clock(state: times.Frozen | None, zone: str) -> str:
    assert state is not None
    assert state.until is not None
    return f"{datetime.fromtimestamp(state.until, ZoneInfo(zone)):%m-%d %H:%M}"


def test_three_markets_are_computed_with_breaks_holidays_and_summer_time(today: date, actor_sre: Actor) -> None:
    rows = {}
    for code in ("XSHG", "XHKG", "XNYS"):
        row = calendars.save_calendar(actor_sre, None, {"market": code})
        assert windows.blindness(row)
        assert compute.compute(row.pk), Calendar.objects.get(pk=row.pk).trouble
        rows[code] = Calendar.objects.get(pk=row.pk)
        assert not windows.blindness(rows[code])
        assert rows[code].zone == MARKETS[code][1]
    shanghai, york, hong_kong = rows["XSHG"], rows["XNYS"], rows["XHKG"]
    zone = "Asia/Shanghai"
    assert clock(frozen(shanghai, at(zone, 2026, 6, 1, 10, 0)), zone) == "06-01 15:00"  # over lunch
    assert clock(frozen(shanghai, at(zone, 2026, 6, 1, 10, 0), lunch=False), zone) == "06-01 11:30"
    assert frozen(shanghai, at(zone, 2026, 6, 1, 12, 0), lunch=False) is None
    assert clock(frozen(shanghai, at(zone, 2026, 6, 1, 9, 20), before=15, after=5), zone) == "06-01 15:05"
    assert frozen(shanghai, at(zone, 2026, 10, 1, 10, 0)) is None  # National Day
    assert clock(frozen(hong_kong, at(zone, 2026, 6, 1, 10, 0), lunch=False), zone) == "06-01 12:00"
    # The wall clock of New York, in winter and in summer.
    for month_, utc in ((12, 21), (7, 20)):
        state = frozen(york, at("America/New_York", 2026, month_, 2, 10, 0))
        assert state is not None
        assert state.until == datetime(2026, month_, 2, utc, tzinfo=UTC).timestamp()
    # Shanghai has not told 2027: each weekday counts as an ordinary one, and the page says so.
    assert shanghai.known_until == date(2026, 12, 31)
    assumed = frozen(shanghai, at(zone, 2027, 1, 4, 10, 0))
    assert clock(assumed, zone) == "01-04 15:00"
    assert assumed is not None
    assert "assumed: its days after 2026-12-31 are not known yet" in assumed.why
    assert frozen(shanghai, at(zone, 2027, 1, 2, 10, 0)) is None  # a Saturday
    drawn = month.of_calendar(shanghai, "2027-01")
    assert any(line.assumed for week in drawn.weeks for day in week for line in day.lines)


def test_nothing_heavy_is_loaded_by_the_platform(today: date, actor_sre: Actor) -> None:
    compute.compute(calendars.save_calendar(actor_sre, None, {"market": "XSHG"}).pk)
    assert not {"pandas", "exchange_calendars", "icalendar"} & set(sys.modules)


def test_every_market_of_the_list_is_one_of_the_package() -> None:
    answer = compute.ask({"do": "market", "code": "nothing", "since": "2026-01-01", "until": "2026-02-01"})
    assert not answer["ok"]
    assert len(MARKETS) > 53
    listed = "import json, sys; from exchange_calendars import calendar_utils as u; json.dump({k: str(c.tz) if not isinstance(c.tz, property) else '' for k, c in u._default_calendar_factories.items()}, sys.stdout)"
    import json
    import subprocess

    known = json.loads(subprocess.run([sys.executable, "-c", listed], capture_output=True, check=True).stdout)
    assert {code: zone for code, (_name, zone) in MARKETS.items()} == {code: known[code] for code in MARKETS}


def test_what_cannot_be_computed_keeps_what_was_and_says_why(actor_sre: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    row = calendars.save_calendar(actor_sre, None, {"market": "XSHG"})
    monkeypatch.setattr(compute, "ask", lambda asked: {"ok": False, "words": "no memory"})
    assert not compute.compute(row.pk)
    row.refresh_from_db()
    assert (row.trouble, row.computed) == ("no memory", None)
    assert compute.due() == []  # rests for some hours
    Calendar.objects.update(asked=timezone.now() - timedelta(hours=7))
    assert compute.due() == [row.pk]


def test_a_new_market_is_computed_at_once_and_an_old_one_again(actor_sre: Actor, enqueued: Queue) -> None:
    row = calendars.save_calendar(actor_sre, None, {"market": "XNYS"})
    Calendar.objects.filter(pk=row.pk).update(computed=timezone.now())
    assert compute.due() == []
    Calendar.objects.filter(pk=row.pk).update(computed=timezone.now() - timedelta(days=8))
    assert compute.due() == [row.pk]


# --- Own ones -----------------------------------------------------------------------------------------------------


@pytest.fixture
def office(actor_sre: Actor) -> Calendar:
    data = {
        "slug": "office", "title": "Office", "zone": "Asia/Shanghai", "days": [0, 1, 2, 3, 4],
        "hours": [["09:00", "12:00"], ["13:00", "18:00"]],
    }  # fmt: skip
    return calendars.save_calendar(actor_sre, None, data)


def test_own_hours_and_exceptions(office: Calendar, actor_sre: Actor) -> None:
    zone = "Asia/Shanghai"
    assert clock(frozen(office, at(zone, 2026, 11, 30, 10, 0), lunch=False), zone) == "11-30 12:00"
    calendars.set_day(actor_sre, office, {"day": date(2026, 11, 30), "reason": "outing"})
    assert frozen(office, at(zone, 2026, 11, 30, 10, 0)) is None
    calendars.set_day(actor_sre, office, {"day": date(2026, 12, 5), "opens": time(9), "closes": time(12)})
    assert clock(frozen(office, at(zone, 2026, 12, 5, 10, 0)), zone) == "12-05 12:00"
    event = Event.objects.filter(action="calendar.change").order_by("-pk")[0]
    assert event.after == {"2026-12-05": "open 09:00 to 12:00"}
    calendars.remove_day(actor_sre, office.days.get(day=date(2026, 11, 30)))
    assert frozen(office, at(zone, 2026, 11, 30, 10, 0)) is not None


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"slug": "Big Name"}, "slug"),
        ({"slug": "office"}, "slug"),
        ({"market": "XXXX"}, "market"),
        ({"slug": "a", "zone": "Mars"}, "zone"),
        ({"slug": "a", "days": [7]}, "days"),
        ({"slug": "a", "days": [0], "hours": [["12:00", "09:00"]]}, "hours"),
        ({"slug": "a", "days": [0], "hours": [["09:00", "12:00"], ["11:00", "13:00"]]}, "hours"),
        ({"slug": "a", "days": [0], "hours": "x"}, "hours"),
    ],
)
def test_nonsense_is_refused_at_its_field(office: Calendar, actor_sre: Actor, data: dict[str, Any], field: str) -> None:
    with pytest.raises(Refused) as refused:
        calendars.save_calendar(actor_sre, None, data)
    assert refused.value.field == field


def test_one_that_a_window_goes_by_is_not_removed(stage: Stage, office: Calendar, actor_sre: Actor) -> None:
    row = Freeze.objects.create(environment=stage.place.environment, kind="market", calendar=office)
    with pytest.raises(Refused, match="Production"):
        calendars.remove_calendar(actor_sre, office)
    row.delete()
    calendars.remove_calendar(actor_sre, office)
    assert not Calendar.objects.exists()


def test_a_developer_may_not(office: Calendar, actor_dev: Actor) -> None:
    for verb in (
        lambda: calendars.save_calendar(actor_dev, None, {"market": "XSHG"}),
        lambda: calendars.set_day(actor_dev, office, {"day": date(2026, 11, 30)}),
        lambda: calendars.import_ics(actor_dev, office, b"", "open"),
        lambda: calendars.remove_calendar(actor_dev, office),
    ):
        with pytest.raises(Denied):
            verb()


# --- ICS ----------------------------------------------------------------------------------------------------------


def ics(*events: str) -> bytes:
    inner = "\r\n".join(
        f"BEGIN:VEVENT\r\nUID:{n}\r\nDTSTAMP:20260101T000000Z\r\n{e}\r\nEND:VEVENT" for n, e in enumerate(events)
    )
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{inner}\r\nEND:VCALENDAR\r\n".encode()


def test_events_open_or_close_with_repetitions_and_whole_days(today: date, office: Calendar, actor_sre: Actor) -> None:
    zone = "Asia/Shanghai"
    holiday = "DTSTART;VALUE=DATE:20260603\r\nSUMMARY:outing"
    weekly = "DTSTART:20260602T100000\r\nDTEND:20260602T110000\r\nRRULE:FREQ=WEEKLY;COUNT=3\r\nSUMMARY:meeting"
    assert calendars.import_ics(actor_sre, office, ics(holiday, weekly), "closed") == 4
    office.refresh_from_db()
    assert frozen(office, at(zone, 2026, 6, 3, 10, 0)) is None
    assert clock(frozen(office, at(zone, 2026, 6, 9, 9, 30)), zone) == "06-09 10:00"
    assert frozen(office, at(zone, 2026, 6, 16, 10, 30)) is None
    assert frozen(office, at(zone, 2026, 6, 23, 10, 30)) is not None  # the fourth is none any more
    calendars.import_ics(actor_sre, office, ics("DTSTART:20260606T020000Z\r\nDTEND:20260606T040000Z"), "open")
    office.refresh_from_db()
    assert clock(frozen(office, at(zone, 2026, 6, 6, 11, 0)), zone) == "06-06 12:00"
    assert calendars.import_ics(actor_sre, office, b"", "open") == 0
    office.refresh_from_db()
    assert frozen(office, at(zone, 2026, 6, 6, 11, 0)) is None


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe\x00binary",
        b"hello",
        b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n",
        b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART:nonsense\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
        b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n",
        b"x" * (calendars.MOST_ICS + 1),
        ics("DTSTART:20260601T000000Z\r\nDTEND:20260601T000001Z\r\nRRULE:FREQ=SECONDLY"),
    ],
    ids=["binary", "text", "empty", "bad time", "cut off", "too large", "every second"],
)
def test_a_bad_file_is_refused_with_words_and_changes_nothing(
    today: date, office: Calendar, actor_sre: Actor, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compute, "FILE_LIMIT", 8.0)
    with pytest.raises(Refused) as refused:
        calendars.import_ics(actor_sre, office, content, "closed")
    assert refused.value.field == "file"
    assert len(refused.value.message) > 20
    office.refresh_from_db()
    assert (office.ics, office.ics_spans) == ("", [])


# --- Pages and API ------------------------------------------------------------------------------------------------


@pytest.fixture
def sara(sre: Any, client: Client) -> Client:
    client.force_login(sre)
    return client


def test_pages_make_show_and_change_a_calendar(sara: Client, enqueued: Queue) -> None:
    assert "No calendars" in sara.get("/settings/calendars/").content.decode()
    assert sara.post("/settings/calendars/", {"market": "XHKG"})["Location"] == "/settings/calendars/xhkg/"
    page = sara.get("/settings/calendars/xhkg/").content.decode()
    assert "has no data yet" in page
    own = {"slug": "office", "title": "Office", "zone": "Asia/Shanghai", "days": ["0"], "hours": "09:00 to 12:00"}
    answer = sara.post("/settings/calendars/", own)
    assert answer.status_code == 400
    assert "09:00 to 12:00" in answer.content.decode()  # kept
    assert sara.post("/settings/calendars/", own | {"hours": "09:00-12:00, 13:00-18:00"}).status_code == 302
    here = "/settings/calendars/office/"
    assert "09:00–12:00" in sara.get(here, {"month": "2026-11"}).content.decode()
    assert sara.post(here, own | {"title": "The office", "hours": "10:00-12:00"}).status_code == 302
    assert "10:00–12:00" in sara.get(here, {"month": "2026-11"}).content.decode()
    assert sara.post(f"{here}day/", {"day": "2026-11-30", "reason": "outing"}).status_code == 302
    page = sara.get(here, {"month": "2026-11"}).content.decode()
    assert "closed: an exception" in page
    assert "outing" in page
    for nonsense in ("2026-99", "x", "9999-12", ""):
        assert sara.get(here, {"month": nonsense}).status_code == 200


def test_a_file_is_uploaded_and_a_bad_one_is_refused_at_its_field(sara: Client, office: Calendar) -> None:
    here = "/settings/calendars/office/ics/"
    bad = SimpleUploadedFile("x.ics", b"hello")
    answer = sara.post(here, {"file": bad, "means": "closed"})
    assert answer.status_code == 400
    assert "BEGIN:VCALENDAR is missing" in answer.content.decode()
    day = f"{timezone.localdate() + timedelta(days=3):%Y%m%d}"
    good = SimpleUploadedFile("x.ics", ics(f"DTSTART;VALUE=DATE:{day}\r\nSUMMARY:<script>outing"))
    assert sara.post(here, {"file": good, "means": "closed"}).status_code == 302
    page = sara.get("/settings/calendars/office/", {"month": f"{day[:4]}-{day[4:6]}"}).content.decode()
    assert "&lt;script&gt;outing" in page
    assert "<script>outing" not in page


def test_the_api_does_the_same(sara: Client, enqueued: Queue) -> None:
    json = {"content_type": "application/json"}
    here = "/api/v1/calendars"
    assert sara.post(here, {"market": "XSHG"}, **json).status_code == 201
    own = {"slug": "office", "title": "Office", "zone": "UTC", "days": [0], "hours": [["09:00", "12:00"]]}
    assert sara.post(here, own, **json).json()["hours"] == [["09:00", "12:00"]]
    assert sara.post(here, own, **json).status_code == 409
    assert [one["slug"] for one in sara.get(here).json()] == ["office", "xshg"]
    assert sara.patch(f"{here}/office", {"title": "Desk"}, **json).json()["title"] == "Desk"
    assert (
        sara.put(f"{here}/office/days/2026-12-31", {"reason": "party"}, **json).json()["exceptions"][0]["opens"] is None
    )
    assert sara.delete(f"{here}/office/days/2026-12-31").status_code == 204
    assert sara.put(f"{here}/office/ics", {"text": "x"}, **json).status_code == 400
    assert sara.post(f"{here}/office/compute", **json).status_code == 409
    assert sara.delete(f"{here}/office").status_code == 204
