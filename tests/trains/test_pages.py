"""Where one makes, sees and steers a train."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client

from containers.models import Train, TrainTemplate
from containers.trains.rows import cars_of
from tests.trains.conftest import Line
from xqplatform.accounts.models import Token, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(client: Client, developer: User) -> Client:
    client.force_login(developer)
    return client


def text(answer: Any) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


def row(n: int, stage: int, place: str, **fields: str) -> dict[str, str]:
    return {f"c{n}-stage": str(stage), f"c{n}-place": place} | {f"c{n}-{k}": v for k, v in fields.items()}


def test_from_the_form_over_the_plan_to_its_end(line: Line, page: Client) -> None:
    data = {"name": "evening", "on_failure": "rollback", "reason": "OPS-1", "rows": "4"}
    data |= row(0, 1, "ant/production", strategy="canary", batch="2") | row(2, 2, "bee/production")
    answer = page.post("/trains/new/", data)
    train = Train.objects.get()
    assert answer.url == f"/trains/{train.pk}/"
    first, second = cars_of(train)
    assert (first.stage, first.policy["strategy"], first.policy["batch"]) == (1, "canary", 2)
    assert (second.stage, second.place_id, second.newest) == (2, line.places[1].pk, True)

    shown = page.get(answer.url)
    assert all(word in text(shown) for word in ("Stage 1", "Stage 2", "Begin: 2 releases", "batches"))
    page.post(f"/trains/{train.pk}/begin/", {"mark": shown.context["mark"]})
    line.go(train)
    assert train.state == "running"
    live = page.get(answer.url)
    assert f"release:{first.deployment_id or line.release(train, 0).pk}" in live.context["topics"]
    assert "0 of 2 releases are done" in text(live)
    assert f"of the train #{train.pk}" in text(page.get(f"/releases/{line.release(train, 0).pk}/"))
    page.post(f"/trains/{train.pk}/pause/", {"reason": "lunch"})
    assert "paused it. lunch" in text(page.get(answer.url))
    page.post(f"/trains/{train.pk}/continue/")
    line.end(train, 0)
    line.end(train, 1, "failed")
    assert "New train of what is left" in text(page.get(answer.url)) or train.state == "rolling_back"


def test_a_stale_plan_is_not_begun(line: Line, page: Client) -> None:
    train = line.save(1)
    for mark in ("", "{", "[" * 19_000, "9" * 4_300, json.dumps({"1": 2})):
        answer = page.post(f"/trains/{train.pk}/begin/", {"mark": mark}, follow=True)
        assert "look again" in text(answer)
    train.refresh_from_db()
    assert train.state == "planned"


def test_the_plan_says_what_would_fail_and_what_it_waits_for(line: Line, page: Client) -> None:
    line.places[0].environment.guardrails.ticket = "OPS-#"
    line.places[0].environment.guardrails.save()
    answer = page.get(f"/trains/{line.save(1).pk}/")
    assert "1 would fail as things are now" in text(answer)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"c0-place": "nobody/nowhere"}, "There is no «nobody/nowhere»"),
        ({"c0-place": "ant/production", "c0-version": "v99"}, "has no image «v99»"),
        ({"c0-place": "ant/production", "c0-stage": "0"}, "greater than or equal to 1"),
        ({"c0-place": "ant/production", "c0-batch": "200%"}, "a share from 1% to 100%"),
        ({"c0-version": "v1"}, "Name the service and the environment"),
        ({"c0-place": "ant/production", "c1-place": "ant/production"}, "in stage 1 twice"),
        ({}, "at least one car"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_is_kept(line: Line, page: Client, fields: Any, said: str) -> None:
    answer = page.post("/trains/new/", {"name": "kept name", "on_failure": "stop", **fields})
    assert answer.status_code == 400
    assert said in text(answer)
    assert "kept name" in text(answer)
    assert all(f'value="{value}"' in text(answer) for value in fields.values())


def test_more_rows_keep_what_was_typed(line: Line, page: Client) -> None:
    data = {"name": "kept name", "on_failure": "stop", "rows": "3", "do": "more"} | row(0, 7, "ant/production")
    answer = page.post("/trains/new/", data)
    assert len(answer.context["rows"]) > 3
    assert 'value="7"' in text(answer)
    assert "kept name" in text(answer)


def test_what_is_left_and_templates_fill_the_form(line: Line, page: Client) -> None:
    train = line.begin(1, 2)
    line.end(train, 0)
    line.end(train, 1, "failed")
    shown = text(page.get(f"/trains/{train.pk}/"))
    assert "New train of what is left" in shown
    left = text(page.get(f"/trains/new/?from={train.pk}&rest=1"))
    assert ("bee/production" in left, 'value="ant/production"' in left.split("</datalist>")[1]) == (True, False)
    page.post(f"/trains/{train.pk}/keep/", {"name": "weekly"})
    kept = TrainTemplate.objects.get()
    assert "weekly" in text(page.get("/trains/"))
    assert 'value="ant/production"' in text(page.get(f"/trains/new/?template={kept.pk}")).split("</datalist>")[1]


def test_the_api_makes_plans_begins_and_tells(line: Line, developer: User) -> None:
    api = Client(headers={"Authorization": f"Bearer {Token.make(developer, 'test')[1]}"})

    def post(path: str, body: Any = None) -> Any:
        return api.post(f"/api/v1{path}", json.dumps(body or {}), content_type="application/json")

    cars = [
        {"stage": 1, "service": "ant", "environment": "production", "policy": {"batch": "50%"}},
        {"stage": 2, "service": "bee", "environment": "production", "image": line.images[1].tag},
    ]
    made = post("/trains", {"name": "evening", "cars": cars})
    assert made.status_code == 201, made.content
    number = made.json()["id"]
    plan = api.get(f"/api/v1/trains/{number}/plan").json()
    assert [stage["stage"] for stage in plan["stages"]] == [1, 2]
    assert post(f"/trains/{number}/begin", {"mark": plan["mark"]}).status_code == 202
    line.go(Train.objects.get(pk=number))
    told = api.get(f"/api/v1/trains/{number}").json()
    assert told["stages"][0]["cars"][0]["deployment"]
    assert (told["state"], told["stages"][1]["state"]) == ("running", "pending")
    assert post(f"/trains/{number}/rollback", {"reason": "x"}).json()["state"] == "rolling_back"
    assert post(f"/trains/{number}/pause").status_code == 409
    assert (
        post("/trains", {"name": "x", "cars": [{"service": "ant\0", "environment": "production"}]}).status_code == 400
    )
    assert post(f"/trains/{number}/template", {"name": "weekly"}).status_code == 201
    assert api.delete(f"/api/v1/train-templates/{TrainTemplate.objects.get().pk}").status_code == 204
