"""Guessing names: what is a closed team's answers as what is not there. Where a name is one in the whole company, it is «taken»,
and nothing more; a name that was removed is taken in the same words.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from builds.models import Project
from containers.models import Train
from containers.services import catalog
from containers.trains import services as trains
from tests import factories
from tests.accounts.access_table import World
from tests.accounts.access_world import rows
from tests.accounts.access_world import world as world  # noqa: PLC0414  a fixture
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Grant, OwnRole, Team, Token
from xqplatform.errors import Refused

pytestmark = pytest.mark.django_db
TAKEN = "This name is taken."
# (a closed team's, one that there is not)
SERVICE = ("flake", "nothing")
PROJECT = ("flake", "nothing")
BLUEPRINT = ("frazil", "nothing")
FILE = "apiVersion: xqplatform/v1\nkind: Service\nname: {}\nteam: other\nenvironments:\n  isolated: {{}}\n"


@pytest.fixture
def prober(world: World) -> Any:
    """A developer of another team, who may silence and subscribe everywhere, and looks at nothing of «snow»."""
    rows(world)
    Team.objects.filter(pk=world.team.pk).update(closed=True)
    OwnRole.objects.create(slug="quiet", title="Quiet", rights=["alerts.silence", "notices.manage"])
    Grant.objects.create(user=world.developer, role="quiet")
    return Client(headers={"Authorization": f"Bearer {Token.make(world.developer, 'x')[1]}"})


def asked(client: Client, method: str, path: str, body: Any, name: str) -> tuple[int, str]:
    """Status and text of the answer, without what it repeats of the question."""
    sent = json.dumps(body).replace("NAME", name) if body is not None else ""
    answer: Any = client.generic(method, f"/api/v1{path.replace('NAME', name)}", sent, content_type="application/json")
    found = json.loads(answer.content or "null")
    if isinstance(found, dict):
        found.pop("request", None)
        found.pop("request_id", None)
    return answer.status_code, json.dumps(found).replace(name, "NAME")


def questions() -> Iterator[tuple[str, str, Any, tuple[str, str]]]:
    """Whatever names a thing of a team, in its address or in what is sent."""
    yield "GET", "/services/NAME", None, SERVICE
    for path in (
        "deployments",
        "deployments/preview",
        "scale",
        "scale/preview",
        "settings",
        "instances/restart",
        "forget",
    ):
        yield "POST", f"/services/NAME/production/{path}", {}, SERVICE
    yield "PUT", "/services/NAME/production", {"branch": "x"}, SERVICE
    yield "PUT", "/services/NAME/production/automatic", {"enabled": True}, SERVICE
    yield "GET", "/files/service/NAME", None, SERVICE
    yield "GET", "/access/who?right=service.deploy&service=NAME", None, SERVICE
    yield "POST", "/grants", {"person": "otto", "role": "reader", "service": "NAME"}, SERVICE
    yield "POST", "/alert-silences", {"service": "NAME", "reason": "x", "minutes": 5}, SERVICE
    yield "POST", "/notice-subscriptions", {"team": "other", "service": "NAME", "kinds": ["failed"]}, SERVICE
    yield (
        "POST",
        "/trains",
        {"name": "t", "cars": [{"stage": 1, "service": "NAME", "environment": "production"}]},
        SERVICE,
    )
    yield "POST", "/projects/NAME/builds", {}, PROJECT
    yield "PUT", "/projects/NAME/badges", {"public": True}, PROJECT
    yield "PUT", "/projects/NAME/forge", {"kind": "github"}, PROJECT
    yield "GET", "/blueprints/NAME", None, BLUEPRINT
    yield "POST", "/blueprints/NAME/builds", {}, BLUEPRINT
    yield "POST", "/projects", {"name": "ours", "team": "other", "blueprint": "NAME"}, BLUEPRINT
    yield "POST", "/blueprints", {"name": "ours", "team": "other", "base": False, "parent": "NAME"}, BLUEPRINT


@pytest.mark.parametrize("question", questions(), ids=lambda one: f"{one[0]} {one[1]}")
def test_what_is_hidden_answers_as_what_is_not_there(prober: Client, question: Any) -> None:
    method, path, body, (hidden, free) = question
    first, second = (asked(prober, method, path, body, name) for name in (hidden, free))
    assert first == second
    assert 400 <= first[0] < 500, first


def test_a_silence_of_a_hidden_subject_is_refused_as_of_none(prober: Client, world: World) -> None:
    body = {"subject": "instance:NAME", "reason": "x", "minutes": 5}
    number = str(world.more["instance"].pk)
    assert asked(prober, "POST", "/alert-silences", body, number) == asked(
        prober, "POST", "/alert-silences", body, "9999"
    )


@pytest.mark.parametrize(
    ("path", "body", "name"),
    [
        ("/services", {"slug": "NAME", "team": "other", "environments": ["isolated"]}, "flake"),
        ("/projects", {"name": "NAME", "team": "other"}, "flake"),
        ("/blueprints", {"name": "NAME", "team": "other", "base": False, "parent": "java8"}, "frazil"),
        ("/blueprints", {"name": "NAME", "team": "other", "base": False, "parent": "java8"}, "FRAZIL"),
        ("/files/plan", {"text": FILE.format("NAME")}, "flake"),
    ],
)
def test_a_name_that_is_one_in_the_company_is_taken_and_no_more(
    prober: Client, path: str, body: dict[str, Any], name: str
) -> None:
    status, text = asked(prober, "POST", path, body, name)
    assert status in {400, 409}, text
    assert TAKEN.rstrip(".") in text
    for word in ("snow", "closed", "team", "production", "project"):
        assert word not in text.replace('"field": "project', ""), text


def test_a_removed_name_is_taken_in_the_same_words(prober: Client, world: World) -> None:
    body = {"slug": "NAME", "team": "other", "environments": ["isolated"]}
    hidden = asked(prober, "POST", "/services", body, "floe")
    gone = factories.make_running_place("gone", "isolated", 0).service
    gone.removed = gone.created
    gone.save()
    assert asked(prober, "POST", "/services", body, "gone") == hidden


def test_numbers_of_hidden_rows_lead_nowhere_either(prober: Client, world: World) -> None:
    """A project by its key; the name of a template that runs what is hidden."""
    actor = Actor.person(world.developer)
    other = Team.objects.get(slug="other")
    hidden = Project.objects.create(name="firm", team=world.team)
    words = set()
    for pk in (hidden.pk, 9999):
        with pytest.raises(Refused) as refused:
            catalog.create_service(actor, {"slug": "ours", "team": other.pk, "project": pk})
        words.add((refused.value.code, refused.value.message))
    assert len(words) == 1
    place = factories.make_running_place("ours", "isolated", 1, team=other)
    train = Train.objects.create(name="mine")
    train.cars.create(stage=1, place=place, image=factories.make_image(place.service.project))
    with pytest.raises(Refused) as refused:
        trains.save_template(actor, train, "weekly")
    assert refused.value.message == TAKEN
