"""The log's page beside its search: facets, histogram, groups, following, the page of an event."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from tests import factories
from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.alerts.models import Alert
from xqplatform.audit.search import counting
from xqplatform.audit.search import overview as overviews

MOMENT = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))


@given(MOMENT, MOMENT, st.integers(-12, 14))
def test_bars_cover_a_range_with_round_times(a: datetime, b: datetime, hours: int) -> None:
    first, last = min(a, b), max(a, b) + timedelta(seconds=1)
    offset = timedelta(hours=hours)
    marks = counting.edges(first, last, offset)
    assert marks[0] <= first
    assert marks[-1] > last
    assert len(marks) <= counting.BARS + 3
    width = (marks[1] - marks[0]).total_seconds()
    assert int((marks[0] + offset).timestamp()) % width == 0
    assert sum(counting.counted(marks, [first, last, last])) == 3


def test_the_most_frequent_come_first_and_nothing_does_not_count() -> None:
    assert counting.top(["b", "a", "", "b", "c", "a"], 2) == [("a", 2), ("b", 2)]
    bars = counting.bars([datetime(2026, 1, n, tzinfo=UTC) for n in (1, 2, 3, 4)], [0, 1, 400])
    assert [bar.height for bar in bars] == [0, 3, 100]


@pytest.fixture
def place(team: Any) -> Any:
    return factories.make_running_place("snow", "production", 1, team=team)


@pytest.fixture
def signed_in(client: Client, sre: Any) -> Client:
    client.force_login(sre)
    return client


@pytest.mark.django_db
def test_facets_count_and_lead_to_narrower_searches(
    signed_in: Client, actor_sre: Actor, actor_dev: Actor, place: Any
) -> None:
    for actor in (actor_sre, actor_sre, actor_dev):
        audit.record(actor, "service.restart", place)
    page = signed_in.get("/audit/?q=snow&range=1h")
    facets = {facet["name"]: facet["values"] for facet in page.context["facets"]}
    assert [(v["title"], v["count"]) for v in facets["who"]] == [("sara", 2), ("dan", 1)]
    assert [v["title"] for v in facets["env"]] == ["production"]
    narrower = signed_in.get(f"/audit/{facets['who'][1]['url']}")
    assert [event.actor for event in narrower.context["events"]] == ["dan"]
    assert narrower.context["get"]["range"] == "1h"
    without = signed_in.get(f"/audit/{facets['who'][1]['not_url']}")
    assert {event.actor for event in without.context["events"]} == {"sara"}


@pytest.mark.django_db
def test_bars_add_up_and_each_leads_to_its_time(signed_in: Client, actor_sre: Actor, place: Any) -> None:
    for _n in range(5):
        audit.record(actor_sre, "service.restart", place)
    for query in ("", "q=snow", "range=24h"):
        page = signed_in.get(f"/audit/?{query}")
        bars = page.context["histogram"]["bars"]
        assert sum(bar["count"] for bar in bars) == 5, query
        held = sum(len(signed_in.get(f"/audit/{bar['url']}").context["events"]) for bar in bars if bar["count"])
        assert held == 5, query


@pytest.mark.django_db
def test_of_many_only_the_newest_are_counted_and_the_page_says_so(
    signed_in: Client, actor_sre: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overviews, "SAMPLE", 3)
    monkeypatch.setattr(overviews, "MOST_COUNTED", 4)
    for _n in range(6):
        audit.record(actor_sre, "service.restart", None, reason="again")
    text = signed_in.get("/audit/?q=again").content.decode()
    assert "4+ events" in text
    assert "Counted over the newest 3 events" in text


@pytest.mark.django_db
def test_a_request_folds_into_one_line(signed_in: Client, sre: Any, place: Any) -> None:
    actor = Actor("sara", "page", sre, "10.0.0.1", "abcdef123456")
    first = audit.record(actor, "service.restart", place)
    other = audit.record(Actor.person(sre), "service.stop", place)
    last = audit.record(actor, "service.start", place)
    rows = signed_in.get("/audit/?group=1").context["rows"]
    assert [(row["event"].pk, [e.pk for e in row["others"]]) for row in rows] == [(last.pk, [first.pk]), (other.pk, [])]
    assert [len(row["others"]) for row in signed_in.get("/audit/").context["rows"]] == [0, 0, 0]


@pytest.mark.django_db
def test_a_paused_page_says_how_many_came(signed_in: Client, actor_sre: Actor) -> None:
    audit.record(actor_sre, "service.restart", None, reason="first")
    paused = signed_in.get("/audit/?live=off&q=restart")
    newest = paused.context["newest"]
    assert signed_in.get(f"/audit/newer/?q=restart&after={newest}").content.decode().strip() == ""
    audit.record(actor_sre, "service.restart", None)
    audit.record(actor_sre, "service.stop", None)
    assert "1 new event" in signed_in.get(f"/audit/newer/?q=restart&live=off&after={newest}").content.decode()
    assert signed_in.get("/audit/newer/?after=x").status_code == 200


@pytest.mark.django_db
def test_an_event_tells_of_alerts_around_it_and_an_alert_of_events_before_it(
    signed_in: Client, actor_sre: Actor, place: Any
) -> None:
    event = audit.record(actor_sre, "service.restart", place.instances.get())
    now = timezone.now()

    def fires(name: str, minutes: int, **where: Any) -> Alert:
        at = now + timedelta(minutes=minutes)
        return Alert.objects.create(
            rule_name=name, severity="critical", subject="x:1", name="y", state="firing", started=at, since=at, fired=at, seen=at,
            **where,
        )  # fmt: skip

    near = fires("near", 10, service="snow", environment="production")
    fires("late", 30, service="snow", environment="production")
    fires("elsewhere", 1, service="snow", environment="grey")
    on_host = fires("host", -10, host=place.instances.get().host.name)
    page = signed_in.get(f"/audit/{event.pk}/")
    assert [one.text for one in page.context["around"][0].items] == ["host: y", "near: y"]
    wider = signed_in.get(f"/audit/{event.pk}/?minutes=60").context["around"][0].items
    assert [one.text for one in wider] == ["host: y", "near: y", "late: y"]
    for alert in (near, on_host):
        (link,) = signed_in.get(f"/alerts/{alert.pk}/").context["before"]
        found = [one.pk for one in signed_in.get(link["url"]).context["events"]]
        assert found == ([event.pk] if alert == near else []), link
    for one in page.context["beside"]:
        assert event.pk in [found.pk for found in signed_in.get(one["url"]).context["events"]]


@pytest.mark.django_db
def test_an_event_links_what_it_is_about(signed_in: Client, actor_sre: Actor, place: Any) -> None:
    release = factories.make_deployment(place)
    event = audit.record(actor_sre, "service.deploy", release, after={"terminal": 7}, parent=place.service)
    page = signed_in.get(f"/audit/{event.pk}/").content.decode()
    assert f'href="/releases/{release.pk}/"' in page
    assert 'href="/terminals/7/"' in page
