"""Rules and channels over the API: all that the pages can do, and nothing that is secret comes out."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from hosts.models import HostChange
from tests import factories
from xqplatform.accounts.models import Token
from xqplatform.alerts.models import Channel, Delivery, Rule
from xqplatform.audit.models import Event

pytestmark = pytest.mark.django_db
RULE = {"name": "Busy", "metric": "cpu.percent", "threshold": 80, "hold": 60}


class Api:
    def __init__(self, user: Any) -> None:
        self.client = Client(headers={"Authorization": f"Bearer {Token.make(user, 'test')[1]}"})

    def ask(self, method: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = self.client.generic(method, f"/api/v1{path}", json.dumps(body or {}), content_type="application/json")
        assert answer.status_code == status, answer.content
        return json.loads(answer.content) if answer.content else None


@pytest.fixture
def api(sre: Any) -> Api:
    Rule.objects.all().delete()
    return Api(sre)


def test_a_rule_is_made_changed_and_removed(api: Api) -> None:
    Channel.objects.create(name="ops", kind="webhook", url="http://127.0.0.1:9/hook")
    made = api.ask("POST", "/alert-rules", RULE | {"channels": ["ops"]}, 201)
    assert (made["words"], made["channels"], made["builtin"]) == (
        "CPU, percent of the limit > 80 % for 1 min",
        ["ops"],
        False,
    )
    changed = api.ask("PATCH", f"/alert-rules/{made['id']}", {"threshold": 90})
    assert (changed["threshold"], changed["hold"], changed["channels"]) == (90, 60, ["ops"])
    assert api.ask("PATCH", f"/alert-rules/{made['id']}", {"enabled": False, "channels": []})["enabled"] is False
    assert api.ask("GET", f"/alert-rules/{made['id']}")["channels"] == []
    api.ask("DELETE", f"/alert-rules/{made['id']}", status=204)
    api.ask("GET", f"/alert-rules/{made['id']}", status=404)
    actions = Event.objects.filter(action__startswith="alert.rule").order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["alert.rule.create", "alert.rule.change", "alert.rule.change", "alert.rule.remove"]


def test_a_rule_of_a_metric_becomes_one_of_a_state_and_back(api: Api) -> None:
    pk = api.ask("POST", "/alert-rules", RULE, 201)["id"]
    state = api.ask("PATCH", f"/alert-rules/{pk}", {"source": "instance.oom"})
    assert (state["source"], state["metric"], state["condition"]) == ("instance.oom", "", "state")
    back = api.ask("PATCH", f"/alert-rules/{pk}", {"metric": "cpu.percent", "condition": "above"})
    assert (back["source"], back["metric"]) == ("", "cpu.percent")


@pytest.mark.parametrize(
    ("wrong", "field", "status"),
    [
        ({"metric": ""}, "what", 400),
        ({"channels": ["nobody's"]}, "channels", 400),
        ({"service": "nobody's"}, "service", 400),
        ({"clear": 95}, "clear", 400),
        ({"hold": -1}, "hold", 422),
        ({"colour": "red"}, "colour", 422),
    ],
)
def test_what_is_wrong_is_said_at_its_field(api: Api, wrong: dict[str, Any], field: str, status: int) -> None:
    assert api.ask("POST", "/alert-rules", RULE | wrong, status)["field"] == field
    assert not Rule.objects.exists()


def test_what_came_with_the_platform_is_switched_off_and_not_removed(api: Api) -> None:
    row = Rule.objects.create(name="ours", builtin="ours", metric="cpu.percent")
    assert "switch it off" in api.ask("DELETE", f"/alert-rules/{row.pk}", status=409)["error"]
    assert api.ask("PATCH", f"/alert-rules/{row.pk}", {"enabled": False})["builtin"] is True


def test_a_rule_is_looked_back_on_before_it_is_saved(api: Api) -> None:
    host = factories.make_host("h1")
    now = timezone.now()
    for hours, new in ((30, "unreachable"), (28, "ready")):
        HostChange.objects.create(host=host, old="", new=new, time=now - timedelta(hours=hours))
    rule = {"source": "host.unreachable", "kind": "host", "hold": 600}
    found = api.ask("POST", "/alert-rules/preview", rule)
    assert (found["known"], found["count"], found["complete"]) == (True, 1, True)
    assert found["items"][0]["subject"] == f"host:{host.pk}"
    assert not Rule.objects.exists()
    saved = Rule.objects.create(name="away", kind="host", source="host.unreachable", condition="state", hold=3 * 3600)
    assert api.ask("GET", f"/alert-rules/{saved.pk}/preview")["count"] == 0, "it was not away for so long"


def test_of_a_state_that_nobody_kept_it_says_that_it_cannot_know(api: Api) -> None:
    found = api.ask("POST", "/alert-rules/preview", {"source": "instance.drift"})
    assert (found["known"], found["items"]) == (False, [])
    past = {one["name"]: one["past"] for one in api.ask("GET", "/alert-sources")}
    assert (past["instance.drift"], past["instance.oom"]) == (False, True)


def test_a_channel_is_made_changed_tested_and_removed_and_never_shows_its_address(api: Api) -> None:
    secret = {"name": "hook", "kind": "webhook", "url": "http://127.0.0.1:9/key-4711", "secret": "hush"}
    made = api.ask("POST", "/alert-channels", secret, 201)
    assert (made["service"], made["signed"], made["ok"]) == ("Webhook", True, None)
    assert api.ask("PATCH", f"/alert-channels/{made['id']}", {"least": "critical"})["least"] == "critical"
    row = Channel.objects.get()
    assert (row.url, row.secret) == (secret["url"], "hush"), "what is not given stays"
    told = api.ask("POST", f"/alert-channels/{made['id']}/test", status=202)
    assert (told["kind"], told["state"], told["channel"]) == ("test", "waiting", "hook")
    shown = [api.ask("GET", path) for path in ("/alert-channels", "/alert-deliveries", f"/alert-channels/{row.pk}")]
    assert "4711" not in json.dumps([made, told, shown])
    assert "4711" not in json.dumps(list(Event.objects.values_list("before", "after")))
    Delivery.objects.update(state="failed")
    assert api.ask("POST", f"/alert-deliveries/{told['id']}/retry")["state"] == "waiting"
    api.ask("DELETE", f"/alert-channels/{made['id']}", status=204)
    assert not Channel.objects.exists()


def test_everybody_reads_and_only_sres_change(api: Api, developer: Any) -> None:
    row = Rule.objects.create(name="own", metric="cpu.percent")
    other = Api(developer)
    assert other.ask("GET", "/alert-rules")[0]["name"] == "own"
    for method, path in (("PATCH", f"/alert-rules/{row.pk}"), ("POST", "/alert-rules/preview")):
        other.ask(method, path, {"metric": "cpu.percent"}, 403)
