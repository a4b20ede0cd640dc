"""The overview: readable figures of what there is, whoever asks for whatever."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone
from pypdf import PdfReader

from containers.capacity import overview, runways, shown, spans, sums
from containers.capacity.models import Day, HostDay, Of, SumDay
from containers.capacity.runway import State
from hosts.models import Segment
from tests import factories
from tests.capacity.rows import GIB, make_days, yesterday
from xqplatform.accounts.actor import Actor
from xqplatform.audit.models import Event
from xqplatform.errors import Refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def fleet() -> Any:
    hosts = [
        factories.make_host(f"h{n}", group=factories.make_group(room))
        for n, room in enumerate(("room-a", "room-a", "room-b"))
    ]
    factories.make_segment(hosts=hosts)
    place = factories.make_place(factories.make_service("quotes", team=factories.make_team("ice")))
    place.config = factories.make_config(place, {"cpus": 2, "memory": 4 * GIB})
    place.save()
    for host in hosts:
        factories.make_instance(place, host)
    return place


@pytest.fixture
def page(client: Client, manager: Any) -> Any:
    client.force_login(manager)

    def get(query: str = "", status: int = 200) -> str:
        answer = client.get(f"/capacity/{query}")
        assert answer.status_code == status
        return b"".join(answer).decode() if answer.streaming else answer.content.decode()

    return get


def test_it_says_what_ends_first_and_when(fleet: Any, page: Any) -> None:
    make_days(60, lambda n: 0.4 + n / 200)
    text = page()
    # A day uses a two-hundredth of the machines more: 0.695 on the last day, so 61 are left.
    assert "full in 61 days" in text
    assert "Room A" in text
    assert "3 hosts and 3 instances" in text
    assert 'id="chart-cpu"' in text
    first = overview.runways(yesterday())[0]
    assert (first.resource, first.promised, round(first.found.days or 0)) == ("cpu", False, 61)


def test_addresses_and_disk_have_runways_too(fleet: Any) -> None:
    make_days(60, lambda n: 0.2, segment=2.0)
    found = {(one.resource, one.name): one for one in overview.runways(yesterday())}
    assert found["addresses", "seg-a"].found.days == pytest.approx((200 - 168) / 2, abs=1)
    assert found["disk", "Room A"].found.state.value == "steady"


def test_days_that_were_counted_afterwards_count_where_records_tell_of_them(fleet: Any, page: Any) -> None:
    make_days(60, lambda n: 0.4 + n / 200, segment=2.0)
    last = yesterday()
    before = {(one.resource, one.name, one.promised): one.found for one in overview.runways(last)}
    Day.objects.filter(day__lt=last).update(made=timezone.now() + timedelta(days=2), recorded=True)
    assert {(one.resource, one.name, one.promised): one.found for one in overview.runways(last)} == before
    assert "29 of these days were counted afterwards" in page()
    # Those that an older version counted have the promises of when it did so.
    Day.objects.update(recorded=False)
    after = {(one.resource, one.name, one.promised): one for one in overview.runways(last)}
    for key, found in before.items():
        if key[2]:
            assert (found.measured, after[key].found.measured, after[key].found.state) == (60, 1, State.FEW)
        else:
            assert after[key].found == found
    assert after["addresses", "seg-a", True].taken == 168
    promised = overview.trends(overview.asked({"range": "7d"}), last)[0].lines[2]
    assert promised.values == [None] * 6 + [6.0]
    assert "is not known" in page()


def test_what_ends_when_is_kept_with_the_days_it_is_of(fleet: Any, page: Any) -> None:
    make_days(60, lambda n: 0.4 + n / 200, segment=2.0)
    last = yesterday()
    made = overview.runways(last)
    assert runways.refresh()
    assert not runways.refresh()  # done twice it changes nothing
    with patch.object(overview, "runways") as again:
        assert runways.read(last) == made
        assert "full in 61 days" in page()
        # Names are those of now, and what is gone is gone.
        Segment.objects.update(title="Renamed")
        assert {one.name for one in runways.read(last) if one.resource == "addresses"} == {"Renamed"}
        Segment.objects.all().delete()
        assert [one for one in runways.read(last) if one.resource == "addresses"] == []
        assert not again.called
    # Another day stands in the tables: what was kept is not read.
    Day.objects.filter(day=last - timedelta(days=59)).delete()
    assert {one.found.measured for one in runways.read(last)} == {60}
    SumDay.objects.filter(day=last - timedelta(days=59)).delete()
    assert {one.found.measured for one in runways.read(last)} == {59}
    assert runways.refresh()
    assert {one.found.measured for one in runways.read(last)} == {59}


def test_two_segments_of_one_title_are_two_lines(fleet: Any, page: Any) -> None:
    for n in (1, 2):
        factories.make_segment(f"twin-{n}", cidr=f"10.7{n}.0.0/24")
    Segment.objects.filter(slug__startswith="twin").update(title="Twin")
    make_days(30, lambda n: 0.2, segment=2.0)
    found = [one for one in overview.runways(yesterday()) if one.name == "Twin"]
    assert [(one.resource, one.found.measured, one.taken) for one in found] == [("addresses", 30, 108.0)] * 2
    assert "Twin" in page()


def test_a_machine_that_is_away_for_long_is_neither_a_fall_nor_a_gap(fleet: Any, page: Any) -> None:
    """One of two in a room: what the other uses is extended to both, and said so."""
    make_days(60, lambda n: 0.4 + n / 200)
    before = {(one.resource, one.name): one for one in overview.runways(yesterday()) if not one.promised}
    since = yesterday() - timedelta(days=39)
    nothing: dict[str, Any] = dict.fromkeys(
        ("cpu_p50", "cpu_p95", "cpu_max", "memory_p50", "memory_p95", "memory_max", "disk_used", "disk_total")
    )
    HostDay.objects.filter(host__name="h0", day__gte=since).update(**nothing)
    days = list(SumDay.objects.filter(of=Of.FLEET, day__gte=since).values_list("day", flat=True))
    SumDay.objects.filter(day__in=days).delete()
    for day in days:
        SumDay.objects.bulk_create([*sums.of_hosts(day), *sums.of_places(day)])
    spans.refresh()
    after = {(one.resource, one.name): one for one in overview.runways(yesterday()) if not one.promised}
    for key, one in before.items():
        found = after[key]
        assert (found.found.state, found.found.measured) == (one.found.state, 60)
        assert found.found.days == pytest.approx(one.found.days, abs=0.5)
        assert (found.capacity, found.taken) == pytest.approx((one.capacity, one.taken), rel=1e-6)
    span = next(
        one for one in overview.lines(Actor.system(), overview.asked({"range": "7d"})).lines if one.name == "Room A"
    )
    assert (span.covered, span.cpu_max) == (0.5, pytest.approx(32 * (0.4 + 59 / 200) * 1.25))
    text = page("?range=7d")
    assert "50 % measured" in text
    # Less than half says nothing of the others.
    SumDay.objects.filter(of=Of.GROUP, day=yesterday()).update(cpus_measured=1)
    first = next(one for one in overview.runways(yesterday()) if one.resource == "cpu" and not one.promised)
    assert first.found.measured == 59


@pytest.mark.parametrize("by", list(overview.BY))
@pytest.mark.parametrize("span", list(overview.RANGES))
def test_every_line_is_in_the_table_and_in_the_csv(fleet: Any, page: Any, by: str, span: str) -> None:
    make_days(3)
    name = {"group": "Room A", "host": "h1", "environment": "production", "team": "Ice", "service": "quotes"}[by]
    assert name in page(f"?by={by}&range={span}")
    rows = list(csv.DictReader(io.StringIO(page(f"?by={by}&range={span}&format=csv").lstrip("\ufeff"))))
    row = next(one for one in rows if one["name"] == name)
    assert (row["of"], row["days"], row["days_measured"]) == (by, str(overview.RANGES[span][0]), "3")
    assert float(row["cpus_committed"]) > 0
    assert Event.objects.filter(action="table.export").count() == 1


def test_what_is_too_small_for_a_tile_has_one_together(fleet: Any, page: Any) -> None:
    for n in range(48):
        factories.make_host(f"more-{n}")
    make_days(1)
    assert "others: 48 cores, 50 % of it used" in page("?by=host")
    assert "others:" not in page("?by=group")


def test_a_chart_is_taken_along_as_csv(fleet: Any, page: Any) -> None:
    make_days(3)
    rows = list(csv.reader(io.StringIO(page("?range=7d&format=csv&chart=cpu").lstrip("\ufeff"))))
    assert len(rows) == 8
    assert rows[-1][0] == str(yesterday())
    assert rows[1][1:] == [""] * 4  # days that nobody rolled up are gaps


def test_without_any_host_it_says_what_it_waits_for(page: Any) -> None:
    assert "No host is connected yet" in page()
    assert page("?format=csv").count("\n") == 1
    page("?format=csv&chart=cpu", 404)


@pytest.mark.parametrize(
    "query",
    [
        "?by=planet",
        "?range=1",
        "?by=%00",
        "?range=%3Cscript%3E",
        "?by=" + "9" * 4300,
        "?format=exe",
        "?format=csv&chart=%00",
    ],
)
def test_nonsense_is_told_and_not_done(fleet: Any, page: Any, query: str) -> None:
    make_days(2)
    text = page(query, 404 if "chart" in query else 400)
    assert "«<script>»" not in text
    assert "There " in text or "It can be shown by" in text


@pytest.mark.parametrize(
    "query", ["?sort=nothing", "?page=99999999999", "?q=%00", "?runways=x", "?sort=-cpu&q=h1&by=host"]
)
def test_what_makes_no_sense_in_the_table_is_ignored(fleet: Any, page: Any, query: str) -> None:
    make_days(2)
    page(query)


def test_who_does_not_read_the_fleet_is_refused(client: Client, developer: Any, fleet: Any) -> None:
    client.force_login(developer)
    assert client.get("/capacity/").status_code == 403
    assert client.get("/capacity/?format=csv").status_code == 403


def test_who_reads_the_fleet_sees_the_services_of_closed_teams(fleet: Any, page: Any) -> None:
    make_days(2)
    fleet.service.team.closed = True
    fleet.service.team.save()
    assert "quotes" in page("?by=service")


def test_free_and_overcommit_are_told_apart(fleet: Any) -> None:
    from hosts.models import HostGroup

    HostGroup.objects.update(overcommit_cpus=0.1, overcommit_memory=2)
    make_days(2)
    span = next(
        one for one in overview.lines(Actor.system(), overview.asked({"by": "group"})).lines if one.name == "Room A"
    )
    cpu, memory = shown.row(span).figures
    assert (cpu.has, cpu.promised, cpu.share, cpu.free, cpu.may) == ("32", "4", "12 %", "-0.8", "3.2")
    assert memory.free == "248 GiB"


def test_a_range_must_be_one_of_the_four() -> None:
    assert overview.asked({}) == overview.Asked("group", "30d")
    with pytest.raises(Refused) as refused:
        overview.asked({"range": "31d"})
    assert refused.value.field == "range"


@pytest.mark.parametrize("by", list(overview.BY))
def test_it_is_taken_along_as_pdf(fleet: Any, client: Client, manager: Any, by: str) -> None:
    make_days(30, lambda n: 0.5 + n / 100)
    client.force_login(manager)
    answer = client.get(f"/capacity/?by={by}&format=pdf")
    assert answer["Content-Type"] == "application/pdf"
    text = "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages)
    assert "What ends first" in text
    assert "CPU of Room A (used (p95)): full in" in " ".join(text.split())
    assert (
        Event.objects.get(action="table.export").object_name
        == f"capacity-{timezone.localdate(timezone=ZoneInfo(manager.time_zone))}.pdf"
    )


def test_the_paper_has_the_lines_that_were_searched_for(fleet: Any, client: Client, manager: Any) -> None:
    make_days(2)
    client.force_login(manager)
    answer = client.get("/capacity/?by=host&q=h1&format=pdf")
    text = "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages)
    assert "h1" in text
    assert "h2" not in text


def test_all_that_runs_out_is_on_paper(fleet: Any, client: Client, manager: Any) -> None:
    for n in range(45):
        factories.make_segment(f"net-{n:02}", cidr=f"10.{n}.0.0/24")
    make_days(2)
    client.force_login(manager)
    answer = client.get("/capacity/?format=pdf")
    text = "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages)
    assert all(f"net-{n:02}" in text for n in range(45))
    assert "more are in the CSV" not in text  # which has no runways


def test_there_is_no_pdf_of_nothing(client: Client, manager: Any) -> None:
    client.force_login(manager)
    assert client.get("/capacity/?format=pdf").status_code == 404
