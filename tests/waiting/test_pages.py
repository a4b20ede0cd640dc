"""Where one sees and steers what waits: the wizard's choice, the queue on its pages, the API."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from containers.models import Deployment
from containers.services import releases
from tests.waiting.conftest import Yard, soon
from xqplatform.accounts.models import User


@pytest.fixture
def page(client: Client, developer: User) -> Client:
    User.objects.filter(pk=developer.pk).update(time_zone="Asia/Shanghai")
    client.force_login(developer)
    return client


DEPLOY = "/services/snow/production/deploy/"


def plan(page: Client, yard: Yard) -> Any:
    answer = page.get(DEPLOY, {"step": 3, "image": yard.new.pk})
    assert answer.status_code == 200
    return answer


def press(page: Client, yard: Yard, **fields: Any) -> Any:
    mark = plan(page, yard).context["mark"]
    return page.post(DEPLOY, {"step": 3, "image": yard.new.pk, "mark": mark} | fields)


def test_a_time_is_typed_in_the_viewers_zone(yard: Yard, page: Client) -> None:
    assert "Asia/Shanghai" in plan(page, yard).content.decode()
    answer = press(page, yard, when="at", at=_in_shanghai(soon()))
    row = Deployment.objects.get(place=yard.place)
    assert answer.url == f"/releases/{row.pk}/"
    assert row.state == "waiting"
    assert row.not_before is not None
    assert abs((row.not_before - soon()).total_seconds()) < 120


def _in_shanghai(moment: Any) -> str:
    from zoneinfo import ZoneInfo

    return moment.astimezone(ZoneInfo("Asia/Shanghai")).strftime("%Y-%m-%dT%H:%M")


@pytest.mark.parametrize("at", ["", "2020-01-01T10:00", "soon", "2099-01-01T10:00"])
def test_a_wrong_time_is_told_and_kept(yard: Yard, page: Client, at: str) -> None:
    answer = press(page, yard, when="at", at=at)
    assert answer.status_code in {400, 409}
    assert f'value="{at}"' in answer.content.decode()
    assert 'value="at" checked' in answer.content.decode()
    assert not Deployment.objects.exists()


def test_while_another_is_under_way_queueing_is_proposed(yard: Yard, page: Client) -> None:
    active = releases.deploy(yard.actor, yard.place, yard.other)
    text = plan(page, yard).content.decode()
    assert 'value="queue" checked' in text
    assert press(page, yard, when="now").status_code == 409
    press(page, yard, when="queue")
    row = Deployment.objects.get(state="waiting")
    for address in ("/services/snow/production/", f"/releases/{row.pk}/"):
        assert f"waits until #{active.pk}" in page.get(address).content.decode()
    for address in ("/services/snow/", "/", "/releases/?state=waiting"):
        assert f"/releases/{row.pk}/" in page.get(address).content.decode()


def test_a_freeze_is_waited_for_but_not_a_missing_ticket(yard: Yard, page: Client) -> None:
    yard.freeze(2)
    assert 'value="queue" checked' in plan(page, yard).content.decode()
    yard.place.environment.guardrails.__class__.objects.update(ticket="OPS-#")
    assert 'name="when"' not in plan(page, yard).content.decode()


def test_the_order_is_changed_and_one_is_cancelled(yard: Yard, page: Client) -> None:
    first, second = yard.wait(not_before=soon()), yard.wait(not_before=soon(60))
    answer = page.post(f"/releases/{second.pk}/sooner/", {"next": "/services/snow/production/"})
    assert answer.url == "/services/snow/production/"
    assert page.post(f"/releases/{first.pk}/sooner/", {"next": "//evil.example/"}).url == f"/releases/{first.pk}/"
    page.post(f"/releases/{first.pk}/later/")
    assert list(Deployment.objects.order_by("turn").values_list("pk", flat=True)) == [second.pk, first.pk]
    page.post(f"/releases/{first.pk}/cancel/")
    first.refresh_from_db()
    assert first.state == "cancelled"


def test_what_changed_stands_on_the_releases_page(yard: Yard, page: Client) -> None:
    row = yard.wait()
    yard.place.instances.filter(number=2).update(removed=soon(-1), address=None)
    begun = yard.begin()
    assert begun is not None
    text = page.get(f"/releases/{row.pk}/").content.decode()
    assert "planned anew" in text
    assert begun.changed
    assert all(word.split(" ")[0] in text for word in begun.changed)


def test_the_api_does_the_same(yard: Yard, client: Client, developer: User) -> None:
    client.force_login(developer)
    at = soon().isoformat()
    body = {"image": yard.new.pk, "not_before": at}
    answer = client.post("/api/v1/services/snow/production/deployments", body, content_type="application/json")
    assert answer.status_code == 202, answer.content
    first = answer.json()
    assert first["state"] == "waiting"
    assert first["waits_for"]
    body = {"image": yard.other.pk, "queue": True}
    second = client.post("/api/v1/services/snow/production/deployments", body, content_type="application/json").json()
    assert second["not_before"] is None
    moved = client.post(f"/api/v1/deployments/{second['id']}/turn", {"by": 1}, content_type="application/json")
    assert moved.json()["waits_for"] == [f"Its turn comes when #{first['id']} has ended."]
    ended = client.post(f"/api/v1/deployments/{second['id']}/cancel", {}, content_type="application/json")
    assert ended.json()["state"] == "cancelled"
    naive = {"image": yard.new.pk, "not_before": "2099-01-01T10:00:00"}
    answer = client.post("/api/v1/services/snow/production/deployments", naive, content_type="application/json")
    assert answer.status_code in {400, 422}
