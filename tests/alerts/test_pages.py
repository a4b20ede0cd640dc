"""The pages: what is shown to whom, what a form keeps, what the home page and the side bar count, and the API."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests import factories
from tests.alerts.conftest import World, memory_rule, state_rule
from xqplatform.accounts.models import Token
from xqplatform.alerts.models import Alert, Channel, Delivery, Evaluator, Notification, Rule, Silence

pytestmark = pytest.mark.django_db
EVIL = "<script>alert(1)</script>"


@pytest.fixture
def sara(client: Client, sre: Any) -> Client:
    client.force_login(sre)
    return client


def text(client: Client, name: str, *args: Any, **query: str) -> str:
    answer = client.get(reverse(f"alerts:{name}", args=args), query)
    assert answer.status_code == 200
    return answer.content.decode()


def fire(world: World, place: Any, **rule: Any) -> Rule:
    row = memory_rule(hold=0, **rule)
    for _ in range(2):
        world.now += 10
        for one in place.instances.all():
            world.say(f"instance:{one.pk}", memory__percent=95)
        world.tick(0)
    return row


def test_one_line_a_rule_and_scope(world: World, place: Any, sara: Client) -> None:
    fire(world, place)
    page = text(sara, "firing")
    assert page.count('data-key="gfiring-') == 1
    for one in place.instances.all():
        assert one.name in page
    assert "at worst 95 %" in page


def test_it_says_so_when_nothing_fires(world: World, sara: Client) -> None:
    Evaluator.objects.create(pk=1, ran=timezone.now())
    assert "Nothing fires" in text(sara, "firing")
    assert "not being evaluated" not in text(sara, "firing")


def test_it_says_so_when_nobody_evaluates(world: World, sara: Client) -> None:
    Evaluator.objects.create(pk=1, ran=timezone.now() - timedelta(minutes=5))
    assert "not being evaluated" in text(sara, "firing")


def test_filters_narrow_what_fires(world: World, place: Any, sara: Client) -> None:
    fire(world, place)
    assert "Nothing that fits fires" in text(sara, "firing", severity="critical")
    assert "gfiring-" in text(sara, "firing", service="snow", severity="warning")
    assert "gfiring-" in text(sara, "firing", host="run-a1")
    assert "gfiring-" not in text(sara, "firing", q="no-such-word")


def test_what_is_held_back_stands_apart_with_the_reason(world: World, place: Any, sara: Client) -> None:
    world.now = timezone.now().timestamp()
    Silence.objects.create(service="snow", reason=EVIL, until=timezone.now() + timedelta(days=1), created_name="x")
    fire(world, place)
    page = text(sara, "firing")
    assert "Held back" in page
    assert EVIL not in page
    assert "&lt;script&gt;" in page


def test_the_history_belongs_to_the_instance(world: World, place: Any, sara: Client) -> None:
    fire(world, place)
    one = place.instances.order_by("number")[0]
    page = sara.get(f"/instances/{one.pk}/").content.decode()
    assert "Memory" in page
    assert reverse("alerts:history") + f"?subject=instance%3A{one.pk}" in page
    world.run(50, f"instance:{one.pk}", memory__percent=10)
    page = sara.get(f"/instances/{one.pk}/").content.decode()
    assert "Last alert" in page
    assert "resolved" in page
    assert one.name in text(sara, "history", subject=f"instance:{one.pk}")


def test_a_host_shows_its_own_and_counts_what_stands_on_it(world: World, place: Any, sara: Client) -> None:
    host = place.instances.all()[0].host
    fire(world, place)
    fire(world, place, name="Disk", kind="host", metric="fs.percent")
    page = sara.get(f"/hosts/{host.name}/").content.decode()
    n = Alert.objects.filter(host=host.name, state="firing").count()
    assert f"{n} alert" in page


def test_a_developer_sees_the_number_of_own_services_an_sre_all(
    world: World, place: Any, sara: Client, developer: Any
) -> None:
    other = factories.make_running_place("ice", "production", 2, factories.make_team("ice"))
    fire(world, place)
    for one in other.instances.all():
        world.say(f"instance:{one.pk}", memory__percent=95)
    world.tick(0)
    assert "<b>6</b>" in text(sara, "badge")
    home = sara.get("/").content.decode()
    assert "alerts fire" in home
    dan = Client()
    dan.force_login(developer)
    assert "<b>4</b>" in text(dan, "badge")
    assert "4 alerts" in dan.get("/").content.decode()


def test_a_rule_is_made_by_the_form_and_keeps_what_was_typed(sara: Client, place: Any) -> None:
    data = {
        "name": "QPS gone", "what": "instance metric cpu.cores", "own": "app.qps", "condition": "below", "threshold": "5",
        "clear": "3", "hold": "5 min", "clear_hold": "", "severity": "critical", "service": "snow", "enabled": "on",
        "text": EVIL,
    }  # fmt: skip
    answer = sara.post(reverse("alerts:rule_new"), data)
    page = answer.content.decode()
    assert answer.status_code == 400
    assert 'value="QPS gone"' in page
    assert 'value="5 min"' in page
    sara.post(reverse("alerts:rule_new"), data | {"clear": "8"})
    rule = Rule.objects.get(name="QPS gone")
    assert (rule.metric, rule.kind, rule.hold, rule.clear, rule.service) == ("app.qps", "instance", 300, 8, "snow")
    page = text(sara, "rule", rule.pk)
    assert EVIL not in page
    assert "&lt; 5" in page
    assert 'value="app.qps"' in text(sara, "rule_edit", rule.pk)


def test_a_time_that_is_none_is_said_at_its_field(sara: Client) -> None:
    answer = sara.post(
        reverse("alerts:rule_new"),
        {"name": "x", "what": "instance metric cpu.cores", "condition": "above", "severity": "warning", "hold": "soon"},
    )
    assert "A time such as" in answer.content.decode()


def test_the_look_back_stands_in_the_form_with_and_without_script(sara: Client, place: Any) -> None:
    data = {"what": "instance metric cpu.percent", "condition": "above", "threshold": "80", "severity": "warning"}
    part = sara.post(reverse("alerts:rule_look"), data).content.decode()
    assert part.startswith('<div id="look"')
    assert "would not have fired" in part or "no data" in part
    whole = sara.post(reverse("alerts:rule_new"), data | {"name": "x", "look": "1"}).content.decode()
    assert 'id="look"' in whole
    assert not Rule.objects.filter(name="x").exists()
    state = sara.post(reverse("alerts:rule_look"), data | {"what": "host source host.unreachable"}).content.decode()
    assert "From the records of what happened" in state
    state = sara.post(reverse("alerts:rule_look"), data | {"what": "instance source instance.drift"}).content.decode()
    assert "cannot be told" in state


def test_the_form_knows_every_rule_that_comes_with_the_platform(sara: Client) -> None:
    from xqplatform.alerts.forms import RuleForm

    for rule in Rule.objects.exclude(builtin=""):
        data = {k: v for k, v in RuleForm.initial_of(rule).items() if v and k != "channels"}
        form = RuleForm(data)
        assert form.is_valid(), (rule, form.errors)
        values = form.values()
        for name in ("kind", "metric", "source", "threshold", "clear", "hold", "clear_hold", "severity"):
            assert values[name] == getattr(rule, name), (rule, name)


def test_a_silence_is_prefilled_by_its_alert(world: World, place: Any, sara: Client) -> None:
    rule = fire(world, place)
    one = place.instances.all()[0]
    page = text(sara, "silence_new", rule=str(rule.pk), subject=f"instance:{one.pk}")
    assert one.name in page
    sara.post(
        reverse("alerts:silence_new"), {"rule": rule.pk, "subject": f"instance:{one.pk}", "span": "1 h", "reason": "x"}
    )
    row = Silence.objects.get()
    assert (row.rule, row.subject, row.service) == (rule, f"instance:{one.pk}", "snow")
    assert one.name in text(sara, "silences")
    sara.post(reverse("alerts:silence_end", args=[row.pk]))
    row.refresh_from_db()
    assert not row.holds


def test_a_channel_never_shows_its_address(sara: Client) -> None:
    token = "tok-1234567890"
    made = sara.post(
        reverse("alerts:channel_new"),
        {"name": "hook", "kind": "webhook", "url": f"https://hooks.example/{token}", "secret": "s3cret-s3cret", "least": "warning", "default": "on", "enabled": "on"},
    )  # fmt: skip
    assert made.status_code == 302
    channel = Channel.objects.get()
    pages = [text(sara, "channel", channel.pk), text(sara, "channels")]
    wrong = sara.post(reverse("alerts:channel", args=[channel.pk]), {"name": "", "url": f"https://x.example/{token}"})
    for page in [*pages, wrong.content.decode()]:
        assert token not in page
        assert "s3cret" not in page
    assert Channel.objects.get().url.endswith(token)


def test_a_delivery_shows_each_attempt_and_its_answer(sara: Client) -> None:
    channel = Channel.objects.create(name="ops", kind="webhook", url="http://127.0.0.1:9/x")
    told = Notification.objects.create(kind="firing", title="[critical] x", body=EVIL)
    attempts = [
        {"time": 1.7e9, "took": 1.5, "ok": False, "words": "503 later"},
        {"time": 1.7e9, "took": None, "ok": None, "words": ""},
    ]
    row = Delivery.objects.create(notification=told, channel=channel, state="waiting", attempts=attempts)
    page = text(sara, "delivery", row.pk)
    assert "503 later" in page
    assert "broken off" in page
    assert EVIL not in page
    assert "503" in text(sara, "deliveries") or "waiting" in text(sara, "deliveries")
    sara.post(reverse("alerts:delivery_retry", args=[row.pk]))


def test_the_history_is_a_table_for_other_programs_too(world: World, place: Any, sara: Client) -> None:
    fire(world, place)
    answer = sara.get(reverse("alerts:history"), {"format": "csv"})
    lines = b"".join(answer.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert len(lines) == 5


def test_the_number_of_queries_does_not_grow_with_the_alerts(
    world: World, place: Any, sara: Client, django_assert_max_num_queries: Any
) -> None:
    fire(world, place)
    with django_assert_max_num_queries(40):
        text(sara, "firing")
        text(sara, "history")


def test_the_api(world: World, place: Any, sre: Any) -> None:
    fire(world, place)
    state_rule("instance.drift")
    client = Client(headers={"Authorization": f"Bearer {Token.make(sre, 't')[1]}"})
    found = client.get("/api/v1/alerts", {"service": "snow", "limit": "3"}).json()
    assert [one["value"] for one in found["items"]] == [95, 95, 95]
    assert found["next_before"] == found["items"][-1]["id"]
    assert client.get(f"/api/v1/alerts/{found['items'][0]['id']}").json()["unit"] == "percent"
    assert {one["name"] for one in client.get("/api/v1/alert-rules").json()} == {"Memory", "instance.drift"}
    body = json.dumps({"service": "snow", "reason": "x", "minutes": 5})
    made = client.post("/api/v1/alert-silences", body, content_type="application/json")
    assert made.status_code == 201
    assert len(client.get("/api/v1/alert-silences").json()) == 1
    ended = client.post(f"/api/v1/alert-silences/{made.json()['id']}/end", content_type="application/json")
    assert ended.status_code == 200
    again = client.post(f"/api/v1/alert-silences/{made.json()['id']}/end", content_type="application/json")
    assert again.status_code == 409


def test_what_other_removed_rules_found_is_not_the_same_before(world: World, place: Any, sara: Client) -> None:
    fire(world, place)
    fire(world, place, name="Other")
    rules = list(Rule.objects.all())
    for rule in rules:
        rule.delete()
    row = Alert.objects.filter(rule_name="Memory").first()
    assert row is not None
    page = text(sara, "alert", row.pk)
    assert "Other" not in page
