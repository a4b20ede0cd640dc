"""A month's report: counted once, read in every language, the same on paper and in the sheet."""

from __future__ import annotations

import csv
import io
import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation
from django.utils.formats import date_format
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader

from tests import factories
from tests.conftest import make_person
from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.audit.chain import checkpoints
from xqplatform.audit.models import Event
from xqplatform.audit.reports import counting, months, services
from xqplatform.audit.reports.models import MonthlyReport
from xqplatform.audit.reviews import feeding
from xqplatform.audit.reviews import services as reviewing
from xqplatform.errors import Denied, Refused
from xqplatform.notices.models import Entry

moments = st.datetimes(datetime(2001, 1, 1), datetime(2098, 12, 31), timezones=st.just(UTC))


@given(moments, moments)
def test_months_follow_one_another_without_a_gap(one: datetime, other: datetime) -> None:
    first, last = sorted((one, other))
    found = months.between(first, last)
    assert found[0] == months.name(last)
    assert len(found) == months.MOST or found[-1] == months.name(first)
    assert all(months.before(later) == earlier for later, earlier in itertools.pairwise(found))
    start, end = months.bounds(found[0])
    assert start <= last < end
    assert months.bounds(months.before(found[0]))[1] == start


@pytest.mark.parametrize(
    "month", ["", "2026-13", "2026-1", "1999-12", "2026-01-01", "٢٠٢٦-01", "9" * 4300, "2026-01\n"]
)
def test_what_is_no_month_is_refused(month: str) -> None:
    with pytest.raises(ValueError):
        months.bounds(month)


@pytest.fixture
def month(db: None) -> str:
    return months.name(timezone.now())


@pytest.fixture
def happened(month: str, actor_sre: Actor, actor_dev: Actor, team: Any) -> None:
    """A month with one of everything that the report tells of."""
    place = factories.make_running_place("snow", "production", 1, team=team)
    grey = factories.make_running_place("ice", "grey", 1, team=team)
    release = factories.make_deployment(place)
    audit.record(actor_dev, "service.deploy", place)
    audit.record(actor_dev, "deployment.finish", release, after={"state": "succeeded"})
    audit.record(actor_dev, "deployment.break_glass", place, reason="=急修 <b>&", name="#7")
    for one in (place, grey):
        instance = one.instances.get()
        audit.record(actor_sre, "terminal.open", instance, parent=instance)
    audit.record(actor_sre, "team.change", team, after={"title": "x"})
    for _n in range(12):
        audit.record(actor_dev, "host.manage", None, denied=True)
    audit.record(Actor("x" * 150), "login.failed", None, name="root")
    audit.record(Actor("somebody else", via="engine"), "outside.stop", place.instances.get().host, after={"count": 4})
    feeding.feed()
    checkpoints.make()


def _cells(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


def test_it_counts_what_happened(happened: None, month: str, actor_sre: Actor) -> None:
    figures = services.make_now(actor_sre, month).figures
    of = {action: (done, denied) for action, done, denied in figures["actions"]}
    assert of["host.manage"] == (0, 12)
    assert of["terminal.open"] == (2, 0)
    assert sum(map(sum, of.values())) == figures["n_events"] == sum(figures["days"])
    assert figures["terminals"]["n"] == 1
    assert [figures[f"n_{name}"] for name in ("glass", "rights", "begun", "ended", "failed", "past_platform")] == [
        1,
        1,
        1,
        1,
        1,
        1,
    ]
    assert figures["releases"] == {"succeeded": 1}
    assert figures["past_platform"][0][1:] == ["outside.stop", 4]
    assert figures["refused"] == [[actor_name, "host.manage", 12] for actor_name in {figures["refused"][0][0]}]
    assert figures["reviews"]["open"] == sum(figures["reviews"]["ages"]) > 0
    assert figures["chain"]["checkpoint"]["position"] >= figures["chain"]["last"] > 0
    assert figures["before"]["n_events"] == 0


def test_paper_and_sheet_say_the_same_in_the_readers_language(happened: None, month: str, actor_sre: Actor) -> None:
    services.make_now(actor_sre, month)
    rows = _cells(services.take(actor_sre, month, "csv"))
    assert [row[2] for row in rows if row[1:2] == ["Glass broken"]] == ["1"]
    assert [row[4] for row in rows if row[:1] == ["Glass broken"] and row[1] != "When (UTC)"] == ["'=急修 <b>&"]
    content = services.take(actor_sre, month, "pdf")
    pages = PdfReader(io.BytesIO(content)).pages
    first = pages[0].extract_text()
    assert "Does the log prove itself?" in first
    assert "page 1 of" in first
    assert any("was denied 12 times" in " ".join(row) for row in rows)
    assert "was denied 12 times" in " ".join(first.split())
    with translation.override("zh-hans"):
        assert services.take(actor_sre, month, "pdf").startswith(b"%PDF-")
    taken = Event.objects.filter(action="audit.export").order_by("pk").values_list("after", flat=True)
    assert [one["form"] for one in taken] == ["csv", "pdf", "pdf"]


@pytest.mark.django_db
def test_long_and_strange_texts_make_a_paper(month: str, actor_sre: Actor, team: Any) -> None:
    for text in ("<para>&amp;</b>" * 20, "😀\ud7ff" * 40, "x" * 5000, "一" * 3000, "\u202eabc\u0007"):
        audit.record(actor_sre, "team.change", team, reason=text, name=text[:250])
    services.make_now(actor_sre, month)
    assert len(PdfReader(io.BytesIO(services.take(actor_sre, month, "pdf"))).pages) >= 2


def test_a_review_and_a_broken_chain_show(happened: None, month: str, actor_sre: Actor) -> None:
    other = Actor.person(make_person("olga", "sre"))
    glass = reviewing.Review.objects.get(action="deployment.break_glass")
    glass.action = "team.change"  # (its own list is of a release that this test does not have)
    glass.save()
    reviewing.review(other, [glass.pk], "was needed")
    from xqplatform.audit.models import Verification

    Verification.objects.create(by="x", state="failed", found=2, position=9, ended=timezone.now())
    services.make_now(actor_sre, month)
    text = services.take(actor_sre, month, "csv").decode()
    assert "olga: was needed" in text
    assert "did not succeed: 2 faults up to position 9" in text


def test_it_is_asked_for_once_and_goes_on_after_a_death(
    happened: None, month: str, actor_sre: Actor, enqueued: Any, monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    with django_capture_on_commit_callbacks(execute=True):
        row = services.ask(actor_sre, month)
        assert services.ask(actor_sre, month) == row
    assert Event.objects.filter(action="audit.report").count() == 1
    assert services.due() == []
    MonthlyReport.objects.update(asked=timezone.now() - services.AGAIN * 2)
    assert services.due() == [row.pk]  # the message was lost
    with pytest.raises(Refused, match="not made yet"):
        services.take(actor_sre, month, "pdf")
    services.make(row.pk)
    first = services.take(actor_sre, month, "csv")
    # One that fails says why, and what was counted before can still be taken.
    monkeypatch.setattr(counting, "count", lambda month: 1 / 0)
    with pytest.raises(Refused, match="ZeroDivisionError"):
        services.make_now(actor_sre, month)
    assert services.take(actor_sre, month, "csv") == first


def test_the_month_that_is_over_is_made_by_itself_and_told_to_who_reviews(
    happened: None, month: str, sre: Any, developer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _start, end = months.bounds(month)
    monkeypatch.setattr(timezone, "now", lambda: end + timedelta(hours=1))
    assert services.due() == []
    row = MonthlyReport.objects.get()
    assert (row.month, row.asked_name, row.state) == (month, "platform", "queued")
    for _again in range(2):
        services.make(row.pk)
        MonthlyReport.objects.update(state="queued")
    entries = Entry.objects.filter(notice__source="report")
    assert sre.pk in {one.user_id for one in entries}
    assert developer.pk not in {one.user_id for one in entries}
    assert len(entries) == len({one.user_id for one in entries})
    services.due()
    assert MonthlyReport.objects.count() == 1


def test_who_may_not_read_the_log_gets_none(happened: None, month: str, actor_sre: Actor, actor_dev: Actor) -> None:
    services.make_now(actor_sre, month)
    for verb in (lambda: services.ask(actor_dev, month), lambda: services.take(actor_dev, month, "csv")):
        with pytest.raises(Denied):
            verb()
    for nonsense in ("2099-01", "2026-13", "9" * 4300, "a\x00"):
        with pytest.raises(Refused):
            services.ask(actor_sre, nonsense)


def test_the_page_the_api_and_the_command_line(
    happened: None, month: str, client: Client, sre: Any, tmp_path: Any
) -> None:
    client.force_login(sre)
    assert "not counted yet" in client.get("/audit/reports/").content.decode()
    assert client.post("/audit/reports/", {"month": "2099-01"}).status_code == 404
    assert client.post("/audit/reports/", {"month": month}).status_code == 302
    assert client.get(f"/audit/reports/{month}.pdf").status_code == 302
    call_command("audit", "report", month, pdf=tmp_path / "a.pdf", csv=tmp_path / "a.csv")
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF-")
    answer = client.get(f"/audit/reports/{month}.csv")
    assert _cells(answer.content)[0][1] == _cells((tmp_path / "a.csv").read_bytes())[0][1] == month
    page = client.get("/audit/reports/").content.decode()
    assert f"/audit/reports/{month}.pdf" in page
    with pytest.raises(CommandError, match="month"):
        call_command("audit", "report", "1999-01")


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Kiritimati"])
def test_a_month_has_its_name_wherever_one_reads_and_the_list_reads_one_number_a_report(
    client: Client, month: str, actor_sre: Actor, zone: str
) -> None:
    audit.record(actor_sre, "login", None)
    figures = {"n_events": 1234, "people": ["x" * 1000]}
    MonthlyReport.objects.create(
        month=month, state="succeeded", asked=timezone.now(), made=timezone.now(), figures=figures
    )
    person = make_person("anna", "auditor")
    person.time_zone = zone
    person.save()
    client.force_login(person)
    with CaptureQueriesContext(connection) as asked:
        page = client.get("/audit/reports/").content.decode()
    assert f"<b>{date_format(months.bounds(month)[0].date(), 'F Y')}</b>" in page
    assert "1,234" in page
    assert not [one for one in asked if '"figures"' in one["sql"] and "n_events" not in one["sql"]]
