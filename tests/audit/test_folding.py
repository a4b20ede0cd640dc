"""A flood is one event and one count; what is tidied up by itself is an event, and nothing where nothing went."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from containers import keeping_logs
from containers.services.log_reading import open_logs
from hosts.models import Address
from hosts.services import addresses
from tests import factories
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Token
from xqplatform.alerts import evaluate
from xqplatform.alerts.models import Notification
from xqplatform.audit import folding
from xqplatform.audit.models import Event, Fold
from xqplatform.audit.search.models import Indexed

pytestmark = pytest.mark.django_db
LATER = timedelta(minutes=11)


def events(action: str) -> list[Event]:
    return list(Event.objects.filter(action=action).order_by("pk"))


def test_the_first_is_written_the_others_are_counted(actor_sre: Actor, team: Any) -> None:
    def again(key: str = "a") -> Event | None:
        return folding.record(actor_sre, "team.change", team, key=key, after={"title": "x"}, reason="why")

    first = again()
    assert first is not None
    assert [again() for _n in range(40)] == [None] * 40
    assert again("b") is not None  # another key is another thing
    assert folding.close() == 0
    assert folding.close(timezone.now() + LATER) == 1
    told = events("team.change")
    assert len(told) == 3
    assert told[-1].after == {"title": "x", "more": 40, "since": first.time.isoformat(timespec="seconds")}
    assert (told[-1].actor, told[-1].object_id, told[-1].owner) == (first.actor, first.object_id, first.owner)
    assert Indexed.objects.filter(pk=told[-1].pk).exists()
    assert not Fold.objects.exists()


def test_one_that_comes_after_the_time_tells_of_those_before(actor_sre: Actor, team: Any) -> None:
    for _n in range(3):
        folding.record(actor_sre, "team.change", team, key="a")
    Fold.objects.update(until=timezone.now() - timedelta(seconds=1))  # the beat was away
    assert folding.record(actor_sre, "team.change", team, key="a") is not None
    assert [(one.after or {}).get("more") for one in events("team.change")] == [None, 2, None]


def test_reading_logs_over_the_api_again_and_again_is_one_event_a_place(sre: Any, team: Any) -> None:
    place = factories.make_running_place("snow", "production", 2, team=team)
    other = factories.make_running_place("ice", "production", 1, team=team)
    robot = Actor.person(sre, via="api")
    for _n in range(5):
        open_logs(robot, place, "page")
        open_logs(robot, place, "kept", instance=place.instances.first())
    open_logs(robot, other, "page")
    open_logs(robot, place, "download")
    assert [one.after["what"] for one in events("service.logs.read")] == ["page", "page", "download"]
    folding.close(timezone.now() + LATER)
    assert [one.after.get("more") for one in events("service.logs.read")] == [None, None, None, 9]


def test_what_is_tidied_up_is_an_event_with_its_count(team: Any) -> None:
    instance = factories.make_running_place("snow", "production", 1, team=team).instances.get()
    container = instance.containers.first() or factories.make_container(instance)
    factories.make_kept_log(container)
    assert keeping_logs.tidy() == 0
    evaluate.tidy()
    assert events("platform.tidy") == []
    Notification.objects.bulk_create([Notification(kind="firing", title="t", body="b") for _n in range(4)])
    Notification.objects.update(created=timezone.now() - timedelta(days=99))
    evaluate.tidy()
    assert keeping_logs.tidy(timezone.now() + timedelta(days=4000)) == 1
    alerts, logs = events("platform.tidy")
    assert (alerts.object_name, alerts.after) == ("alerts", {"alerts.Notification": 4})
    assert (logs.object_name, logs.after) == ("kept logs", {"containers.KeptLog": 1})


def test_ends_of_quarantines_are_one_event_a_segment(team: Any) -> None:
    segment, now = factories.make_segment(), timezone.now()
    for n in range(5, 8):
        Address.objects.create(
            segment=segment,
            ip=f"10.1.2.{n}",
            mac=f"02:00:00:00:00:0{n}",
            state="quarantine",
            since=now - timedelta(days=1),
            until=now - timedelta(minutes=1),
        )
    assert addresses.end_quarantines() == 3
    assert addresses.end_quarantines() == 0
    (told,) = events("address.rested")
    assert told.after == {"count": 3, "addresses": ["10.1.2.5", "10.1.2.6", "10.1.2.7"]}
    assert told.object_name == segment.slug


def test_tables_and_files_that_are_taken_along_are_events(client: Client, sre: Any, team: Any) -> None:
    place = factories.make_running_place("snow", "production", 1, team=team)
    client.force_login(sre)
    count = len(b"".join(client.get("/hosts/?format=csv&q=h").streaming_content).splitlines()) - 1
    (told,) = events("table.export")
    assert (told.object_name, told.after) == ("hosts.csv", {"rows": count, "page": "/hosts/", "search": "q=h"})
    instance = place.instances.get()
    b"".join(client.get(f"/instances/{instance.pk}/charts/?format=csv").streaming_content)
    assert events("table.export")[-1].object_id == str(instance.pk)
    bearer = Client(headers={"Authorization": f"Bearer {Token.make(sre, 'test')[1]}"})
    assert bearer.get("/api/v1/files/services/snow").status_code == 200
    assert bearer.get("/api/v1/files/services/none").status_code == 404
    assert [(one.object_name, one.via) for one in events("file.export")] == [("snow", "api")]
