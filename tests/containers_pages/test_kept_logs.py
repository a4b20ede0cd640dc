"""The pages and the API of last lines that were kept: for whom, and that reading them is noted."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from containers.models import KeptLog
from containers.services import log_reading
from tests import factories
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import User
from xqplatform.audit.models import Event

NASTY = "<script>alert(1)</script>\n\x1b[31mred\x1b[0m\n雪球\x00\n"


@pytest.fixture
def kept(place: Any) -> KeptLog:
    container = factories.make_container(place.instances.first())
    return factories.make_kept_log(container, NASTY, deployment=factories.make_deployment(place))


def read_events() -> Any:
    return Event.objects.filter(action="service.logs.read")


def test_the_page_shows_the_lines_as_text(kept: KeptLog, sara: Client) -> None:
    page = sara.get(f"/kept-logs/{kept.pk}/").content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "red" in page
    assert "\x1b" not in page
    assert "\x00" not in page


def test_it_can_be_saved_and_each_time_that_is_noted(kept: KeptLog, sara: Client) -> None:
    answer = sara.get(f"/kept-logs/{kept.pk}/?as=text")
    assert answer["Content-Type"].startswith("text/plain")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "attachment" in answer["Content-Disposition"]
    assert answer.content.decode().count("\n") == 3
    opening = log_reading.open_logs(Actor.person(User.objects.get(username="sara")), kept.instance.place, "page")
    before = read_events().count()
    sara.get(f"/kept-logs/{kept.pk}/", {"opening": opening})
    assert read_events().count() == before, "one opening"
    for _again in range(2):
        sara.get(f"/kept-logs/{kept.pk}/", {"opening": opening, "as": "text"})
    assert read_events().count() == before + 2, "what is saved is an event each time"


def test_reading_those_of_production_is_noted_once_an_opening(kept: KeptLog, sara: Client) -> None:
    sara.get(f"/kept-logs/{kept.pk}/")
    event = read_events().get()
    assert (event.actor, event.object_name, event.after) == (
        "sara",
        str(kept.instance),
        {"what": "kept", "instance": 1},
    )


def test_elsewhere_it_is_not_noted(sara: Client) -> None:
    place = factories.make_running_place("ice", "isolated", 1)
    kept = factories.make_kept_log(place.instances.get().containers.get())
    assert sara.get(f"/kept-logs/{kept.pk}/").status_code == 200
    assert not read_events().exists()


def test_another_teams_developer_reads_none_of_it(kept: KeptLog, as_: Any, sara: Client) -> None:
    other = as_("quinn")
    assert other.get(f"/kept-logs/{kept.pk}/").status_code == 403
    assert other.get(f"/api/v1/kept-logs/{kept.pk}").status_code == 403
    assert Event.objects.filter(action="service.logs", denied=True, actor="quinn").count() == 2
    link = f'href="/kept-logs/{kept.pk}/"'
    release = f"/releases/{kept.deployment_id}/"
    assert link in sara.get(release).content.decode()
    assert link not in other.get(release).content.decode()
    instance = f"/instances/{kept.instance_id}/"
    assert link in sara.get(instance).content.decode()
    assert link not in other.get(instance).content.decode()


def test_what_a_step_left_is_for_those_who_may_read_logs(place: Any, as_: Any, sara: Client) -> None:
    row = factories.make_deployment(place, "failed")
    factories.make_step(row, place.instances.first(), "failed", reason="It ended.", log="a secret word")
    for path in (f"/releases/{row.pk}/", f"/api/v1/deployments/{row.pk}"):
        assert "a secret word" in sara.get(path).content.decode(), path
        assert "a secret word" not in as_("quinn").get(path).content.decode(), path


def test_the_api_lists_and_shows(kept: KeptLog, sara: Client) -> None:
    (one,) = sara.get(f"/api/v1/instances/{kept.instance_id}/kept-logs").json()
    assert (one["number"], one["lines"], one["why"]) == (kept.pk, 3, "replaced")
    full = sara.get(f"/api/v1/kept-logs/{kept.pk}").json()
    assert full["text"][1]["text"] == "\x1b[31mred\x1b[0m"
    assert read_events().count() == 1


def test_what_could_not_be_read_is_on_the_page(place: Any, sara: Client) -> None:
    container = factories.make_container(place.instances.first())
    row = factories.make_kept_log(container, "", problem="run-a1 does not answer.")
    page = sara.get(f"/kept-logs/{row.pk}/").content.decode()
    assert "run-a1 does not answer." in page
    assert "No line could be read" in page
