"""Days and spans of many: added up by the database, and gone through in one pass."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from containers.capacity import rollup, spans
from containers.capacity.models import Day, Of, Span, SumDay
from hosts.models import Host
from tests import factories
from tests.capacity.rows import GIB, make_days, yesterday

pytestmark = pytest.mark.django_db


@pytest.fixture
def fleet() -> dict[str, Any]:
    """Two rooms with two hosts and one; a service of «snow» in two environments."""
    hosts = [
        factories.make_host(f"h{n}", group=factories.make_group(room))
        for n, room in enumerate(("room-a", "room-a", "room-b"))
    ]
    service = factories.make_service("quotes")
    places = [factories.make_place(service, e) for e in ("production", "grey")]
    for place in places:
        place.config = factories.make_config(place, {"cpus": 2, "memory": 4 * GIB})
        place.save()
    for host in hosts:
        factories.make_instance(places[0], host)
    factories.make_instance(places[1], hosts[0])
    return {"hosts": hosts, "service": service, "places": places}


def test_a_day_is_added_up_by_group_environment_and_team(fleet: dict[str, Any]) -> None:
    make_days(1)
    rows = {(row.of, row.key): row for row in SumDay.objects.all()}
    whole = rows[Of.FLEET, 0]
    assert (whole.hosts, whole.cpus, whole.instances, whole.cpus_committed, whole.cpu_p95) == (3, 48, 4, 8.0, 24.0)
    assert rows[Of.GROUP, fleet["hosts"][0].group_id].hosts == 2
    grey = rows[Of.ENVIRONMENT, fleet["places"][1].environment_id]
    assert (grey.instances, grey.cpus_committed, grey.cpus, grey.measured) == (1, 2.0, None, 1.0)
    assert rows[Of.TEAM, fleet["service"].team_id].memory_committed == 16 * GIB


def test_a_span_has_what_there_is_last_and_the_percentiles_of_its_days(fleet: dict[str, Any]) -> None:
    make_days(30, lambda n: n / 100)
    week = Span.objects.get(of=Of.FLEET, days=7)
    assert (week.hosts, week.measured, week.until) == (3, 7, yesterday())
    assert week.cpu_p50 == pytest.approx(48 * 0.26 / 2)  # the middle one of the last seven
    assert week.cpu_max == pytest.approx(48 * 0.29 * 1.25)
    assert week.cpu_p95 == pytest.approx(48 * 0.287)
    month = Span.objects.get(of=Of.SERVICE, days=30)
    assert (month.name, month.instances, month.measured) == ("quotes", 4, 30)
    assert month.cpu_max == pytest.approx(8 * 0.29 * 1.25)
    assert set(Span.objects.filter(of=Of.HOST, days=365).values_list("name", flat=True)) == {"h0", "h1", "h2"}


def test_days_without_figures_are_none_and_not_zero(fleet: dict[str, Any]) -> None:
    make_days(10, lambda n: 0.4 if n < 5 else None)
    week = Span.objects.get(of=Of.FLEET, days=7)
    assert (week.measured, week.cpu_p50) == (2, pytest.approx(48 * 0.2))
    Span.objects.all().delete()
    SumDay.objects.filter(day__lt=yesterday() - timedelta(days=4)).delete()
    spans.refresh()
    assert Span.objects.get(of=Of.FLEET, days=7).cpu_p95 is None


def test_a_host_that_is_gone_has_no_line_any_more(fleet: dict[str, Any]) -> None:
    make_days(3)
    Host.objects.filter(name="h2").update(state=Host.State.RETIRED)
    spans.refresh()
    assert set(Span.objects.filter(of=Of.HOST, days=7).values_list("name", flat=True)) == {"h0", "h1"}


def test_spans_that_a_dead_process_did_not_make_are_made_by_the_next_round(fleet: dict[str, Any]) -> None:
    make_days(3)
    Host.objects.update(created=Day.objects.earliest("day").made - timedelta(days=2))
    Span.objects.all().delete()
    assert spans.is_behind()
    assert rollup.run() is True
    assert Span.objects.filter(of=Of.FLEET).count() == len(Span.DAYS)
    assert not spans.is_behind()


def test_the_round_that_ends_a_day_adds_it_up(fleet: dict[str, Any]) -> None:
    Host.objects.update(created=timezone.now() - timedelta(days=3))
    assert rollup.run() is True
    assert SumDay.objects.filter(of=Of.FLEET).count() >= 2
    assert Span.objects.get(of=Of.FLEET, days=7).cpus == 48
