"""Break-glass: an SRE goes on in spite of guardrails; it is marked, told, and reviewed by another one."""

from __future__ import annotations

import time
from typing import Any

import pytest

from containers.guardrails import glass
from containers.guardrails.glass import Glass
from containers.models import BrokenGlass, Deployment
from containers.services import releases
from tests.conftest import make_person
from tests.guardrails.conftest import Stage
from xqplatform.accounts.actor import Actor
from xqplatform.alerts import sources
from xqplatform.alerts.models import Rule
from xqplatform.alerts.sources import Was
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused

WHY = Glass("customers see no prices", "snow")


def broken(stage: Stage, actor: Actor) -> Deployment:
    return releases.deploy(actor, stage.place, stage.new, reason="hot fix", broken=WHY)


def test_it_goes_on_and_is_marked(stage: Stage, actor_sre: Actor) -> None:
    row = broken(stage, actor_sre)
    mark = row.glass.get()
    assert mark.reason == "customers see no prices"
    assert "has not run healthy" in mark.overridden[0]
    assert not row.guard["checks"][0]["passes"]
    event = Event.objects.get(action="deployment.break_glass")
    assert (event.reason, event.user) == ("customers see no prices", actor_sre.user)


def test_nothing_is_marked_where_nothing_was_in_the_way(stage: Stage, actor_sre: Actor) -> None:
    stage.ran(stage.before, stage.new, 1)
    assert not broken(stage, actor_sre).glass.exists()


def test_a_developer_may_not_and_the_attempt_stands_in_the_log(stage: Stage, actor_dev: Actor) -> None:
    with pytest.raises(Denied):
        broken(stage, actor_dev)
    assert not Deployment.objects.filter(place=stage.place).exists()
    assert Event.objects.filter(action="release.break_glass", denied=True, user=actor_dev.user).exists()


@pytest.mark.parametrize(
    ("wrong", "field"), [(Glass("  ", "snow"), "glass_reason"), (Glass("x", "ice"), "glass_name"), (Glass("x" * 2001, "snow"), "glass_reason")]
)  # fmt: skip
def test_a_reason_and_the_services_name_are_mandatory(stage: Stage, actor_sre: Actor, wrong: Glass, field: str) -> None:
    with pytest.raises(Refused) as refused:
        releases.deploy(actor_sre, stage.place, stage.new, broken=wrong)
    assert refused.value.field == field
    assert not BrokenGlass.objects.exists()


def test_what_does_not_fit_is_not_helped_by_it(stage: Stage, actor_sre: Actor) -> None:
    broken(stage, actor_sre)
    with pytest.raises(Refused, match="under way"):
        broken(stage, actor_sre)
    assert BrokenGlass.objects.count() == 1


def test_the_alert_holds_until_it_is_reviewed(stage: Stage, actor_sre: Actor) -> None:
    assert Rule.objects.filter(builtin="break-glass", source="place.break_glass", enabled=True).exists()
    row = broken(stage, actor_sre)
    (found,) = sources.SOURCES["place.break_glass"].read(time.time())
    assert found.subject == f"place:{stage.place.pk}"
    assert "customers see no prices" in found.words
    mark = glass.review(Actor.person(make_person("sam", "sre")), row.glass.get(), "it was right")
    assert not list(sources.SOURCES["place.break_glass"].read(time.time()))
    assert mark.reviewed is not None
    now = time.time()
    assert list(glass.was([found.subject], now - 60, now + 1)) == [
        Was(found.subject, mark.created.timestamp(), mark.reviewed.timestamp())
    ]
    assert not list(glass.was([found.subject], now + 60, now + 61))


def test_somebody_else_reviews_it_once_with_a_comment(stage: Stage, actor_sre: Actor, actor_dev: Any) -> None:
    mark = broken(stage, actor_sre).glass.get()
    other = Actor.person(make_person("sam", "sre"))
    with pytest.raises(Refused, match="Somebody else"):
        glass.review(actor_sre, mark, "fine")
    with pytest.raises(Refused, match="Say what you found"):
        glass.review(other, mark, " ")
    with pytest.raises(Denied):
        glass.review(actor_dev, mark, "fine")
    reviewed = glass.review(other, mark, "fine")
    assert (reviewed.reviewed_name, reviewed.comment) == ("sam", "fine")
    with pytest.raises(Refused, match="already"):
        glass.review(other, mark, "again")
    assert Event.objects.filter(action="deployment.review_glass").count() == 1


def test_the_form_breaks_it_and_the_release_page_says_so_loudly(stage: Stage, sre: Any, client: Any) -> None:
    client.force_login(sre)
    here = "/services/snow/production/deploy/"
    page = client.get(here, {"step": "3", "image": stage.new.pk})
    data = {"image": stage.new.pk, "mark": page.context["mark"], "break_glass": "1", "glass_reason": "no prices"}
    answer = client.post(here, data | {"glass_name": "wrong"})
    assert answer.status_code == 409
    assert "no prices" in answer.content.decode()  # what was typed is kept
    answer = client.post(here, data | {"glass_name": "snow"})
    assert answer.status_code == 302
    page = client.get(answer["Location"]).content.decode()
    assert "broke the glass" in page
    assert "no prices" in page


def test_the_api_breaks_it(stage: Stage, sre: Any, client: Any) -> None:
    client.force_login(sre)
    here = "/api/v1/services/snow/production/deployments"
    body = {"image": stage.new.pk, "break_glass": {"reason": "no prices", "service": "snow"}}
    answer = client.post(here, body, content_type="application/json")
    assert answer.status_code == 202
    found = client.get(answer["Location"]).json()
    assert found["broken_glass"][0]["reason"] == "no prices"
    assert not found["guardrails"][0]["passes"]


def test_the_list_for_review_takes_a_comment_of_somebody_else(stage: Stage, actor_sre: Actor, client: Any) -> None:
    mark = broken(stage, actor_sre).glass.get()
    client.force_login(make_person("sam", "sre"))
    assert "/releases/break-glass/" in client.get("/releases/").content.decode()
    page = client.get("/releases/break-glass/").content.decode()
    assert "customers see no prices" in page
    answer = client.post(f"/releases/break-glass/{mark.pk}/review/", {"comment": " "})
    assert answer.status_code == 400
    assert "Say what you found" in answer.content.decode()
    assert client.post(f"/releases/break-glass/{mark.pk}/review/", {"comment": "it was right"}).status_code == 302
    page = client.get("/releases/break-glass/").content.decode()
    assert "Nothing waits for a review" in page
    assert "it was right" in page
    assert "glass broken" not in client.get("/").content.decode()


def test_home_and_the_run_page_show_it_until_then(stage: Stage, sre: Any, actor_sre: Actor, client: Any) -> None:
    broken(stage, actor_sre)
    client.force_login(sre)
    assert "glass broken" in client.get("/").content.decode()
    assert "broke the glass" in client.get("/services/snow/production/").content.decode()
