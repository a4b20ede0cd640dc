"""The whole preview on the page, by the API, and as the copy that stays with the release."""

from __future__ import annotations

from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from containers.gates import services as gates
from containers.gates.sets import Scope
from containers.guardrails.glass import Glass
from containers.models import ConfirmedPlan, Deployment, Freeze, Guardrails
from containers.planned import Stale, mark_of
from containers.services import releases, waiting
from containers.services import settings as verbs
from tests import factories
from xqplatform.alerts.models import Alert, Rule

pytestmark = pytest.mark.django_db
RUN, API = "/services/snow/production/", "/api/v1/services/snow/production/deployments"
HOW = {"why": "lunch is over", "batch": "50%", "pause": "0", "order": "stop-first", "deadline": "30"}


@pytest.fixture
def place(team: Any) -> Any:
    return factories.make_running_place("snow", "production", 4, team=team)


@pytest.fixture
def image(place: Any) -> Any:
    old = place.current_image
    old.base, old.size = "java8V15", 50 << 20
    old.save()
    return factories.make_image(place.service.project, base="java8V16", size=61 << 20)


@pytest.fixture
def sara(sre: Any) -> Client:
    client = Client()
    client.force_login(sre)
    return client


def page_of(client: Client, image: Any) -> Any:
    return client.get(f"{RUN}deploy/", {"step": "3", "image": image.pk, **HOW})


def past(place: Any, count: int, seconds: float) -> None:
    """So many releases of one batch that took so long."""
    for _n in range(count):
        row = factories.make_deployment(place)
        begin = row.started.timestamp()
        times = {"stop": [begin, begin + 1], "healthy": [begin + 1, begin + seconds]}
        factories.make_step(row, place.instances.first(), times=times, batch=0)
        Deployment.objects.filter(pk=row.pk).update(finished=row.started + timedelta(seconds=seconds))


def fires(subject: str, **fields: Any) -> Alert:
    now = timezone.now()
    values = {"rule": Rule.objects.first(), "rule_name": "Too many 5xx", "severity": "critical", "name": "snow"}
    values |= {"state": "firing", "started": now, "since": now, "fired": now, "seen": now}
    return Alert.objects.create(subject=subject, **values | fields)


def test_the_page_says_what_is_going_on(place: Any, image: Any, sara: Client) -> None:
    past(place, 3, 20)
    fires(f"instance:{place.instances.first().pk}")
    fires("host:999999", rule_name="Elsewhere")
    other = factories.make_running_place("ice", "isolated", 1)
    release = factories.make_deployment(other, "running")
    step = factories.make_step(release, other.instances.get(), "waiting", batch=0)
    step.instance.host = place.instances.first().host
    step.instance.save()
    answer = page_of(sara, image)
    pv, words = answer.context["pv"], unescape(answer.content.decode())
    assert [one["rule"] for one in pv["alerts"]] == ["Too many 5xx"]
    assert [(one["kind"], one["release"]) for one in pv["conflicts"]] == [("hosts", release.pk)]
    assert f"#{release.pk}) of ice" in words
    assert pv["expected"]["releases"] == 3
    assert 20 * 3 - 1 <= pv["expected"]["p50"] <= 20 * 4  # a first one, then two batches
    assert [row["least"] for row in pv["capacity"]] == [3, 2, 3]
    assert [row["share"] for row in pv["capacity"]] == [75, 50, 75]
    assert (pv["image"]["base_change"], pv["image"]["size_change"]) == (True, 11 << 20)
    assert "java8V15 → java8V16" in " ".join(words.split())


def test_too_little_history_is_said(place: Any, image: Any, sara: Client) -> None:
    past(place, 1, 20)
    words = unescape(page_of(sara, image).content.decode())
    assert "Only 1 comparable release has succeeded here" in words


def test_of_secrets_only_what_changed_is_told(place: Any, image: Any, sara: Client, actor_sre: Any) -> None:
    settings = {"secret_names": ["A", "B"]}
    first = verbs.save_config(actor_sre, place, settings | {"secrets": {"A": "hush-1", "B": "hush-2"}})
    place.current_config = first
    place.save()
    verbs.save_config(actor_sre, place, settings | {"secrets": {"A": "hush-3"}})
    answer = page_of(sara, image)
    secrets = answer.context["pv"]["settings"]["secrets"]
    assert (secrets["changed"], secrets["same"]) == (["A"], ["B"])
    text = sara.post(f"{API}/preview", {"image": image.pk}, "application/json").content.decode()
    assert "hush" not in answer.content.decode() + text


def test_the_copy_stays_with_the_release(place: Any, image: Any, sara: Client) -> None:
    fires(f"place:{place.pk}")
    shown = page_of(sara, image)
    sara.post(f"{RUN}deploy/", {"image": image.pk, "mark": shown.context["mark"], **HOW})
    row = Deployment.objects.get(state="queued")
    kept = ConfirmedPlan.objects.get(deployment=row).content
    assert kept["plan"]["entries"] == shown.context["plan"].to_json()["entries"]
    assert [one["rule"] for one in kept["alerts"]] == ["Too many 5xx"]
    assert kept["conflicts"] == [], "it is no other change of itself"
    Alert.objects.all().delete()
    page = unescape(sara.get(f"/releases/{row.pk}/plan/").content.decode())
    assert "Too many 5xx" in page
    assert sara.get(f"/api/v1/deployments/{row.pk}/plan").json()["content"]["plan"]["fits"] is True
    old = factories.make_deployment(factories.make_running_place("ice", "isolated", 1))
    assert sara.get(f"/releases/{old.pk}/plan/").status_code == 200
    assert sara.get(f"/api/v1/deployments/{old.pk}/plan").status_code == 404


def test_a_freeze_that_comes_before_its_end_is_said(place: Any, image: Any, sara: Client) -> None:
    past(place, 3, 600)
    soon = timezone.now() + timedelta(minutes=5)
    window = {"kind": "once", "starts": soon, "ends": soon + timedelta(hours=2), "reason": "the board meets"}
    Freeze.objects.create(environment=place.environment, **window)
    found = [one for one in page_of(sara, image).context["pv"]["conflicts"] if one["kind"] == "freeze"]
    assert len(found) == 1
    assert "the board meets" in found[0]["words"]
    Freeze.objects.update(starts=soon + timedelta(hours=1))
    assert page_of(sara, image).context["pv"]["conflicts"] == []


def test_a_guardrail_that_nobody_saw_is_not_broken_through(place: Any, image: Any, actor_sre: Any) -> None:
    now = timezone.now()
    window = {"kind": "once", "starts": now - timedelta(hours=1), "ends": now + timedelta(hours=2)}
    Freeze.objects.create(environment=place.environment, **window)
    plan = releases.preview(actor_sre, place, image, reason="r")
    shown = mark_of(plan, place, None, image, plan.guards)
    glass = Glass("the site is down", "snow")
    Guardrails.objects.update_or_create(environment=place.environment, defaults={"ticket": "OPS-#"})
    with pytest.raises(Stale, match="«ticket» stands in the way now"):
        releases.deploy(actor_sre, place, image, reason="r", broken=glass, shown=shown)
    plan = releases.preview(actor_sre, place, image, reason="r")
    shown = mark_of(plan, place, None, image, plan.guards)
    row = releases.deploy(actor_sre, place, image, reason="r", broken=glass, shown=shown)
    assert len(row.glass.get().overridden) >= 2


def test_one_that_waits_keeps_its_copy(place: Any, image: Any, actor_sre: Any) -> None:
    rows = [waiting.wait(actor_sre, place, image, not_before=timezone.now() + timedelta(hours=1)) for _n in range(2)]
    kept = [ConfirmedPlan.objects.get(deployment=row).content for row in rows]
    assert [len(one["plan"]["entries"]) for one in kept] == [4, 4]
    assert [[c["release"] for c in one["conflicts"]] for one in kept] == [[], [rows[0].pk]]


def test_the_api_gives_the_same_and_refuses_what_changed(place: Any, image: Any, sara: Client) -> None:
    body = {"image": image.pk, "reason": "r"}
    shown = sara.post(f"{API}/preview", body, "application/json").json()
    assert {"capacity", "expected", "conflicts", "alerts", "settings", "guardrails", "mark"} <= shown.keys()
    assert shown["image"]["new"]["tag"] == image.tag
    place.wanted = 5
    place.save()
    answer = sara.post(API, body | {"mark": shown["mark"]}, "application/json")
    assert answer.status_code == 409
    assert "5 instances are wanted, not 4" in answer.json()["error"]
    assert not Deployment.objects.filter(state="queued").exists()
    again = sara.post(f"{API}/preview", body, "application/json").json()["mark"]
    assert sara.post(API, body | {"mark": again}, "application/json").status_code == 202


@pytest.mark.parametrize("mark", ["", "x", "gAAAA" * 50, "⛄"])
def test_a_mark_of_nobody_is_refused(place: Any, image: Any, sara: Client, mark: str) -> None:
    answer = sara.post(API, {"image": image.pk, "mark": mark}, "application/json")
    assert answer.status_code == 409
    assert "was not shown here" in answer.json()["error"]


def test_what_changes_between_the_click_and_the_lock_is_found(place: Any, image: Any, actor_sre: Any) -> None:
    plan = releases.preview(actor_sre, place, image)
    shown = mark_of(plan, place, None, image, plan.guards)
    host = place.instances.first().host
    type(host).objects.filter(pk=host.pk).update(name="renamed")
    with pytest.raises(Stale, match="renamed"):
        releases.deploy(actor_sre, place, image, shown=shown)
    assert not Deployment.objects.exists()


def test_the_first_release_of_all_is_not_stale_by_its_own_settings(actor_sre: Any, team: Any) -> None:
    place = factories.make_running_place("dew", "isolated", 1, team=team)
    place.instances.all().delete()
    type(place).objects.filter(pk=place.pk).update(config=None, current_config=None, current_image=None, wanted=1)
    place.refresh_from_db()
    image = factories.make_image(place.service.project)
    shown = mark_of(releases.preview(actor_sre, place, image), place, None, image)
    assert releases.deploy(actor_sre, place, image, shown=shown).state == "queued"


def test_what_gates_will_watch_is_part_of_the_time(place: Any, image: Any, sara: Client, actor_sre: Any) -> None:
    past(place, 4, 20)
    before = sara.post(f"{API}/preview", {"image": image.pk}, content_type="application/json").json()
    rule = {"metric": "cpu.cores", "watch": 60}
    gates.save(actor_sre, Scope(place=place), {"mode": "own", "settle": 10, "rules": [rule]})
    after = sara.post(f"{API}/preview", {"image": image.pk}, content_type="application/json").json()
    assert after["gates"]["seconds"] == 70
    batches = len(after["capacity"])
    assert after["expected"]["p50"] == pytest.approx(before["expected"]["p50"] + 70 * batches, abs=0.5)
    row = place.deployments.filter(state="succeeded").first()
    assert row is not None
    now = timezone.now()
    row.gate_runs.create(batch=0, begun=now, looked=now, watched=70, state="continue")
    Deployment.objects.filter(pk=row.pk).update(finished=row.finished + timedelta(seconds=70))
    again = sara.post(f"{API}/preview", {"image": image.pk}, content_type="application/json").json()
    assert again["expected"] == after["expected"]  # what was watched then is not counted twice
