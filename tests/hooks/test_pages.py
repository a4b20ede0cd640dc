"""The pages and the API of hooks, traffic and fronts."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from containers.models import Front, HookRun, Serving
from containers.services import hooks
from hosts.models import SshAccess
from tests import factories
from xqplatform.accounts.actor import Actor

pytestmark = pytest.mark.django_db
PAGE = "/services/snow/production/hooks/"
FORM = {
    "name": "tell", "at": "release.after", "kind": "http", "method": "POST", "url": "http://10.1.2.9/x",
    "timeout": "30", "retries": "2", "on_failure": "warn",
}  # fmt: skip


@pytest.fixture
def place() -> Any:
    return factories.make_running_place("snow", "production", 2)


@pytest.fixture
def page(sre: Any, place: Any) -> Client:
    client = Client()
    client.force_login(sre)
    return client


def test_a_hook_is_made_shown_changed_and_removed(page: Client, place: Any) -> None:
    assert b"No hooks" in page.get(PAGE).content
    answer = page.post(f"{PAGE}new/", FORM | {"signed": "on", "secret": "very secret"}, follow=True)
    text = answer.content.decode()
    assert "after a release" in text
    assert "http://10.1.2.9/x" in text
    shown = page.get(f"{PAGE}tell/change/").content.decode()
    assert "very secret" not in shown
    assert "stored; empty keeps it" in shown
    page.post(f"{PAGE}tell/change/", FORM | {"signed": "on", "timeout": "5"})
    place.refresh_from_db()
    (hook,) = hooks.config_of(place).hooks
    assert (hook.timeout, hook.signed) == (5, True)
    page.post(f"{PAGE}tell/remove/")
    place.refresh_from_db()
    assert hooks.config_of(place).hooks == ()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"url": "ftp://x"}, "This is no address"), ({"at": "start.before", "kind": "command", "command": "x"}, "before an instance stops, after an instance is well"),
     ({"signed": "on"}, "has no value"), ({"kind": "host", "host": "run-a1"}, "Say which reviewed command")],
)  # fmt: skip
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_lost(page: Client, wrong: dict[str, str], said: str) -> None:
    answer = page.post(f"{PAGE}new/", FORM | wrong)
    assert answer.status_code == 400
    text = answer.content.decode()
    assert said in text
    assert 'value="tell"' in text


def test_traffic_is_saved_and_the_settings_page_keeps_it(page: Client, place: Any) -> None:
    Front.objects.create(slug="edge")
    data = {"way": "nginx", "front": "edge", "port": "8080", "drain": "20", "on_failure": "hold"}
    assert page.post(PAGE, data).status_code == 302
    place.refresh_from_db()
    assert hooks.config_of(place).traffic.port == 8080
    text = page.get(PAGE).content.decode()
    assert "xq_snow__production" in text
    answer = page.post(PAGE, data | {"front": ""})
    assert answer.status_code == 400
    assert "Choose the nginx front" in answer.content.decode()
    settings = page.get("/services/snow/production/settings/")
    form = settings.context["form"]
    sent = {name: form[name].value() for name in form.fields if form[name].value() not in (None, "", False)}
    page.post("/services/snow/production/settings/", sent | {"cpus": "3"})
    place.refresh_from_db()
    assert hooks.config_of(place).cpus == 3
    assert hooks.config_of(place).traffic.port == 8080


def test_a_release_shows_its_hooks_and_takes_an_answer(page: Client, place: Any) -> None:
    release = factories.make_deployment(place, "running")
    step = factories.make_step(release, place.instances.first(), "stopping")
    now = timezone.now()
    run = HookRun.objects.create(
        place=place, deployment=release, step=step, instance=step.instance, slot="s", point="traffic.out", name="nginx",
        kind="nginx", state="held", words="edge does not answer", output="<script>alert(1)</script>", attempts=3,
        started=now, ended=now,
    )  # fmt: skip
    text = page.get(f"/releases/{release.pk}/").content.decode()
    assert "edge does not answer" in text
    assert "not stopped while it may still get traffic" in text
    assert "<script>alert(1)" not in text
    page.post(f"/hook-runs/{run.pk}/pass/", {"reason": "night"})
    run.refresh_from_db()
    assert run.asked == "pass"
    assert b"Take out of traffic: nginx" in page.get(f"/hook-runs/{run.pk}/").content


def test_the_run_page_says_who_is_out(page: Client, place: Any) -> None:
    place.current_config = place.config
    place.config.content = {"traffic": {"way": "nginx", "front": "edge"}}
    place.config.save()
    place.save()
    Serving.objects.create(instance=place.instances.first(), state="out", since=timezone.now())
    assert b"out of traffic" in page.get("/services/snow/production/").content


def test_a_front_is_made_shown_and_kept_while_it_is_used(page: Client, place: Any) -> None:
    host = factories.make_host("edge-1")
    data = {"slug": "edge", "hosts": "edge-1", "folder": "/etc/nginx/xq", "conf": "/etc/nginx/nginx.conf",
            "pid": "/run/nginx.pid", "program": "nginx"}  # fmt: skip
    answer = page.post("/settings/fronts/new/", data)
    assert "has no SSH access" in answer.content.decode()
    SshAccess.objects.create(host=host, user="root", address="10.0.0.1", key="k")
    assert page.post("/settings/fronts/new/", data).status_code == 302
    assert b"/etc/nginx/xq" in page.get("/settings/fronts/").content
    answer = page.post("/settings/fronts/edge/", data | {"folder": "/etc/../root"})
    assert "Give a whole path" in answer.content.decode()
    hooks.save(Actor.system("t"), place, traffic={"way": "nginx", "front": "edge"})
    page.post("/settings/fronts/edge/remove/")
    assert Front.objects.filter(slug="edge").exists()
    assert b"snow/production" in page.get("/settings/fronts/edge/").content


def test_the_api_does_what_the_pages_do(page: Client, place: Any) -> None:
    url = "/api/v1/services/snow/production/hooks"
    body = {"hooks": [{"name": "tell", "at": "release.after", "kind": "http", "url": "http://10.1.2.9/x", "signed": True}],
            "secrets": {"tell": "s3cret-value"}}  # fmt: skip
    answer = page.put(url, body, content_type="application/json")
    assert answer.status_code == 200, answer.content
    assert b"s3cret-value" not in answer.content
    assert page.get(url).json()["hooks"][0]["url"] == "http://10.1.2.9/x"
    wrong = page.put(url, {"hooks": [{"name": "x"}]}, content_type="application/json")
    assert wrong.status_code == 400
    assert wrong.json()["field"] == "hooks.1.at"
    tried = page.post(f"{url}/tell/test", {}, content_type="application/json")
    assert tried.status_code == 202
    assert page.get(f"/api/v1/hook-runs/{tried.json()['number']}").json()["hook"] == "tell"
    assert page.post(f"{url}/none/test", {}, content_type="application/json").status_code == 404
