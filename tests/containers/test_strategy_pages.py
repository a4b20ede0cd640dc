"""The wizard's strategies, and a release's page with what holds it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from containers.models import Deployment
from containers.services import releases
from tests.containers.conftest import World


@pytest.fixture
def client(world: World, sre: Any) -> Client:
    made = Client()
    made.force_login(sre)
    world.finish(releases.deploy(world.actor, world.place, world.v1))
    return made


def plan(client: Client, world: World, **asked: Any) -> str:
    address = reverse("containers:deploy", args=["snow", "isolated"])
    query = {"step": 3, "image": world.v2.pk, "batch": "1", "deadline": 60, "on_failure": "hold", **asked}
    answer = client.get(address, query)
    assert answer.status_code == 200, answer.content.decode()[-2000:]
    return " ".join(answer.content.decode().split())


def page(client: Client, row: Deployment) -> str:
    return " ".join(client.get(reverse("containers:release", args=[row.pk])).content.decode().split())


def held(world: World, hold: str, policy: dict[str, Any], **fields: Any) -> Deployment:
    row = releases.deploy(world.actor, world.place, world.v2, policy=policy)
    rows = Deployment.objects.filter(pk=row.pk)
    rows.update(**{"state": "running", "hold": hold, "hold_batch": 0, "hold_since": timezone.now()} | fields)
    row.refresh_from_db()
    return row


def test_the_plan_says_where_a_canary_holds_and_how_many_stay_healthy(client: Client, world: World) -> None:
    text = plan(client, world, strategy="canary", canary="1", hold="")
    assert "then it holds until somebody lets it go on" in text
    assert text.count("at least 2 healthy meanwhile") == 3


def test_the_plan_of_a_recreate_counts_what_stops_and_asks(client: Client, world: World) -> None:
    text = plan(client, world, strategy="recreate")
    assert "All 3 instances stop before the first new one starts" in text
    assert "at least 0 healthy meanwhile" in text
    assert 'data-confirm="Stops all 3 instances before the first new one starts. snow' in text


def test_the_plan_of_blue_green_has_both_sides(client: Client, world: World) -> None:
    text = plan(client, world, strategy="blue-green", keep="60", old_side="running")
    assert "3 new instances stand beside the old ones" in text
    assert "then the traffic is switched; the old ones:" in text
    assert text.count("at least 3 healthy meanwhile") == 3
    world.segment.addresses.all()
    world.segment.pool = "10.9.1.10-10.9.1.14"
    world.segment.save()
    assert "more free address" in plan(client, world, strategy="blue-green")


def test_what_is_typed_wrong_is_said_beside_its_field(client: Client, world: World) -> None:
    address = reverse("containers:deploy", args=["snow", "isolated"])
    answer = client.get(address, {"step": 3, "image": world.v2.pk, "strategy": "canary", "canary": "none"})
    assert answer.status_code == 400
    assert "id_canary_error" in answer.content.decode()


def test_a_canary_that_holds_shows_its_time_and_the_click(client: Client, world: World) -> None:
    row = held(world, "canary", {"strategy": "canary"}, hold_until=timezone.now() + timedelta(minutes=5))
    text = page(client, row)
    assert "It goes on by itself" in text
    go_on = reverse("containers:release_ask", args=[row.pk, "continue"])
    assert f'action="{go_on}"' in text
    assert 'accesskey="c"' in text
    client.post(go_on, {"reason": "fine"})
    assert go_on not in page(client, row)
    answer = client.post(go_on, follow=True)
    assert "Nothing holds the release now" in answer.content.decode()


def test_a_failed_instance_has_its_two_ways_and_the_release_no_resume(client: Client, world: World) -> None:
    row = held(world, "failed", {"on_failure": "hold"}, state="paused")
    step = row.steps.all()[0]
    row.steps.filter(pk=step.pk).update(state="failed", times={"stop": [1, 2]}, reason="not healthy")
    text = page(client, row)
    retry = reverse("containers:release_step", args=[row.pk, step.pk, "retry"])
    assert retry in text
    assert reverse("containers:release_step", args=[row.pk, step.pk, "skip"]) in text
    assert reverse("containers:release_ask", args=[row.pk, "resume"]) not in text
    client.post(retry)
    step.refresh_from_db()
    assert step.state == "waiting"


def test_blue_green_names_both_sides_addresses(client: Client, world: World) -> None:
    row = held(world, "switch", {"strategy": "blue-green"})
    text = page(client, row)
    assert "The traffic is switched" in text
    for step in row.steps.select_related("instance__address"):
        assert step.instance.address is not None
        assert step.instance.address.ip in text


def test_the_next_release_goes_as_the_last_one_but_never_stops_all(client: Client, world: World) -> None:
    address = reverse("containers:deploy", args=["snow", "isolated"])
    world.finish(releases.deploy(world.actor, world.place, world.v2, policy={"strategy": "canary", "canary": "50%"}))
    proposed = client.get(address, {"step": 2, "image": world.v1.pk}).context["form"].initial
    assert (proposed["strategy"], proposed["canary"]) == ("canary", "50%")
    world.finish(releases.deploy(world.actor, world.place, world.v1, policy={"strategy": "recreate"}))
    assert client.get(address, {"step": 2, "image": world.v2.pk}).context["form"].initial["strategy"] == "rolling"
