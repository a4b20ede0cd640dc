"""The month's capacity reaches who wants it and may read it, once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from containers.capacity import bills, monthly, prices, score_weeks
from containers.capacity.models import Day
from tests import factories
from tests.capacity.rows import make_days
from tests.capacity.test_scorecard import release
from xqplatform.accounts.actor import Actor
from xqplatform.notices import sources
from xqplatform.notices.models import Entry, Notice
from xqplatform.notices.services import preferences
from xqplatform.notices.tasks import spread

pytestmark = pytest.mark.django_db


@pytest.fixture
def now() -> datetime:
    """Some days into this month; the one before was rolled up."""
    factories.make_host("h1")
    make_days(60, lambda n: 0.4 + n / 200)
    first = timezone.now().astimezone(UTC).replace(day=1, hour=2)
    Day.objects.get_or_create(day=(first - timedelta(days=1)).date(), defaults={"made": first})
    return first


def test_it_is_told_once_to_those_who_want_it(now: datetime, manager: Any, sre: Any) -> None:
    preferences.save(Actor.person(manager), {"capacity": "mine"}, {})
    notice = monthly.run(now)
    assert monthly.run(now) is None
    spread(notice.pk)
    assert [one.user for one in Entry.objects.all()] == [manager]


def test_who_may_not_read_the_fleet_hears_nothing_whatever_they_want(now: datetime, developer: Any) -> None:
    preferences.save(Actor.person(developer), {"capacity": "all"}, {"capacity": "all"})
    spread(monthly.run(now).pk)
    assert not Entry.objects.exists()


def test_its_words_are_figures_and_what_runs_out(now: datetime) -> None:
    found = sources.words(monthly.run(now))
    month = now - timedelta(days=1)
    assert found.title == f"Capacity in {month:%B %Y}"
    text = "\n".join(found.lines)
    assert "1 hosts, 0 instances." in text
    assert "of 16 cores" in text
    assert "CPU of Room A (used (p95)): full in 61 days" in text


def test_cost_and_releases_of_the_month_are_told(now: datetime, team: Any, actor_manager: Any) -> None:
    place = factories.make_place(factories.make_service("flake", team))
    assert not {"Cost", "Releases"} & {line.partition(":")[0] for line in sources.words(monthly.run(now)).lines}
    Notice.objects.all().delete()
    prices.add(actor_manager, {"monthly": "300", "currency": "EUR", "valid_from": "2020-01-01"})
    bills.count()
    release(place, now - timedelta(days=9))
    release(place, now - timedelta(days=8), "failed")
    score_weeks.count(now)
    text = "\n".join(sources.words(monthly.run(now)).lines)
    assert "Cost: 300.00 EUR" in text
    assert "Releases to production, in four weeks: 0.2 a week, lead time 6 h (median)." in text
    assert "Change failure rate 50 %" in text


def test_it_waits_for_the_last_day_and_says_nothing_without_any(now: datetime) -> None:
    Day.objects.filter(day=(now - timedelta(days=1)).date()).delete()
    assert monthly.run(now) is None
    assert not Notice.objects.exists()
