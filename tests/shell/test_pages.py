"""Every page of the access table at once: no change without our form's token, no markup from elsewhere, nothing kept by others."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest
from django.apps import apps
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from containers.ascode import source
from hosts.models import SeenContainer
from tests.accounts.access_names import PUBLIC
from tests.accounts.access_table import PAGES, World
from tests.accounts.access_world import rows
from tests.accounts.access_world import world as world  # noqa: PLC0414  a fixture
from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.audit.models import Event

pytestmark = pytest.mark.django_db
MARK = "<xq-mark onclick=alert(1)>"
# What engines, repositories and other programs call things, and columns of ours that words from there end up in.
FROM_ELSEWHERE: dict[str, list[str]] = {
    "builds.Build": ["branch", "commit_author", "commit_message", "reason", "failing_step"],
    "builds.BuildLine": ["text"],
    "builds.Image": ["branch", "tag", "base"],
    "builds.ForgeDelivery": ["event", "name", "sender", "words"],
    "builds.ForgeStatus": ["context", "words", "answer"],
    "builds.Registry": ["state_reason"],
    "builds.WaveItem": ["branch", "trouble"],
    "containers.Deployment": ["reason", "outcome", "hold_why", "held_why"],
    "containers.Step": ["reason", "log", "asked_why"],
    "containers.Instance": ["status"],
    "containers.InstanceEvent": ["text"],
    "containers.HookRun": ["what", "output", "words"],
    "containers.KeptLog": ["host", "problem"],
    "containers.CommandRun": ["reason", "words"],
    "containers.CommandPiece": ["text"],
    "containers.Terminal": ["reason", "words", "shell"],
    "containers.Endpoint": ["trouble"],
    "containers.Upstream": ["text", "trouble"],
    "containers.Front": ["title", "program"],
    "containers.AutomaticRelease": ["words"],
    "containers.ImageContents": ["layers_problem", "packages_problem"],
    "hosts.Host": [
        "state_reason", "cordon_reason", "engine_version", "api_version", "kernel", "os", "architecture", "disk_note",
        "storage_driver",
    ],
    "hosts.HostChange": ["old", "new", "reason"],
    "hosts.HostOperation": ["reason", "output", "words"],
    "hosts.HostImages": ["problem"],
    "hosts.SeenContainer": ["name", "image", "status"],
    "hosts.SshAccess": ["problem"],
    "hosts.SeenCertificate": ["subject", "issuer"],
    "hosts.Collector": ["reason", "version", "trouble"],
    "hosts.CheckResult": ["evidence", "words"],
    "hosts.Address": ["note", "conflict"],
    "alerts.Alert": ["name", "words", "device"],
    "alerts.Channel": ["problem"],
    "alerts.Delivery": ["words"],
    "alerts.Notification": ["title", "body"],
    "accounts.Session": ["agent"],
}  # fmt: skip


def test_no_form_changes_anything_without_our_token(world: World) -> None:
    rows(world)
    stranger = Client(enforce_csrf_checks=True)
    stranger.force_login(world.sre)
    wrong = []
    events = Event.objects.filter(denied=False).count()
    for line in PAGES:
        if line.method == "GET" or line.name in PUBLIC:
            continue
        answer = stranger.generic(
            line.method, reverse(line.name, kwargs=line.args(world)), HTTP_ORIGIN="https://evil.example.com"
        )
        if answer.status_code != 403:
            wrong.append(f"{line}: {answer.status_code}")
    assert not wrong
    assert Event.objects.filter(denied=False).count() == events


def test_the_api_by_a_session_wants_it_too_and_by_a_token_does_not(world: World) -> None:
    stranger = Client(enforce_csrf_checks=True)
    stranger.force_login(world.sre)
    asked = {"data": json.dumps({}), "content_type": "application/json"}
    assert stranger.get("/api/v1/hosts").status_code == 200
    assert stranger.post("/api/v1/hosts", **asked).status_code == 403
    from xqplatform.accounts.models import Token

    _row, raw = Token.make(world.sre, "x")
    program = Client(enforce_csrf_checks=True)
    assert program.post("/api/v1/hosts", **asked, HTTP_AUTHORIZATION=f"Bearer {raw}").status_code == 422


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml"])
def test_a_body_of_another_type_is_refused(client: Client, world: World, kind: str) -> None:
    client.force_login(world.sre)
    answer = client.post("/api/v1/hosts", data='{"name": "a"}', content_type=kind)
    assert (answer.status_code, answer.json()["field"]) == (415, None)
    assert kind in answer.json()["error"]


def test_names_from_elsewhere_are_text_on_every_page(client: Client, world: World) -> None:
    rows(world)
    SeenContainer.objects.create(
        host=world.more["instance"].host, engine_id="e9", name="x", state="running", seen=timezone.now()
    )
    for label, columns in FROM_ELSEWHERE.items():
        model = apps.get_model(label)
        longest = {name: getattr(model._meta.get_field(name), "max_length", None) for name in columns}
        model._base_manager.update(**{name: MARK[:most] for name, most in longest.items()})
    host = world.more["instance"].host
    audit.record(Actor.system(), "host.change", host, before={"kernel": ""}, after={"kernel": MARK}, name=MARK)
    client.force_login(world.sre)
    shown, wrong = 0, []
    for line in PAGES:
        if line.method != "GET":
            continue
        with transaction.atomic():
            answer = client.get(reverse(line.name, kwargs=line.args(world)))
        if not answer["Content-Type"].startswith("text/html") or getattr(answer, "is_async", False):
            continue
        text = answer.getvalue().decode()
        shown += "&lt;xq-mark" in text
        if "<xq-mark" in text:
            wrong.append(str(line))
    assert not wrong
    assert shown > 40, "the mark is on pages at all"


def test_nothing_that_somebody_sees_is_kept_by_a_browser_or_a_proxy(client: Client, sre: Any) -> None:
    client.force_login(sre)
    for address in ("/", "/audit/", "/hosts/", "/nowhere/", "/api/v1/hosts"):
        answer: Any = client.get(address)
        assert answer["Cache-Control"] == "no-store", address
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["X-Frame-Options"] == "DENY"
        assert answer["Referrer-Policy"] == "same-origin"
    assert client.get("/api/v1/hosts")["Content-Disposition"] == 'attachment; filename="api.json"'


def test_no_other_site_reads_our_answers(client: Client, sre: Any) -> None:
    client.force_login(sre)
    for origin in ("https://evil.example.com", "null"):
        for answer in (
            client.get("/api/v1/hosts", HTTP_ORIGIN=origin),
            client.options("/api/v1/hosts", HTTP_ORIGIN=origin, HTTP_ACCESS_CONTROL_REQUEST_METHOD="POST"),
        ):
            assert "Access-Control-Allow-Origin" not in answer
            assert answer["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize("method", ["TRACE", "TRACK", "PROPFIND", "CONNECT", "DEBUG"])
def test_methods_that_nobody_uses_are_refused(client: Client, sre: Any, method: str) -> None:
    client.force_login(sre)
    assert client.generic(method, "/api/v1/hosts").status_code == 405


def test_password_managers_know_what_each_field_is(client: Client, sre: Any) -> None:
    pages = [client.get("/login/")]
    client.force_login(sre)
    pages += [client.get("/account/"), client.get("/settings/people/new/")]
    fields = [
        field for page in pages for field in re.findall(r"<input[^>]*type=\"password\"[^>]*>", page.content.decode())
    ]
    assert len(fields) >= 4
    known = re.compile(r'autocomplete="(current-password|new-password)"')
    assert [field for field in fields if not known.search(field) or "onpaste" in field] == []


@pytest.mark.parametrize(
    "address",
    [
        "/static/", "/static", "/static/vendor/", "/.git/config", "/static/../manage.py", "/static/%2e%2e/manage.py",
        "/static/..%2f..%2fetc/passwd", "/static//etc/passwd", "/manage.py", "/var/secret-key", "/requirements.txt",
    ],
)  # fmt: skip
def test_no_folder_and_no_file_of_ours_is_served(client: Client, sre: Any, address: str) -> None:
    client.force_login(sre)
    assert client.get(address).status_code == 404


def test_a_yaml_bomb_is_refused_before_it_grows() -> None:
    levels = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10))
    began = time.process_time()
    with pytest.raises(source.Wrong, match=r"Anchors"):
        source.read(f"a0: &a0 [x, x, x]\n{levels}\n")
    with pytest.raises(source.Wrong):
        source.read("[" * 50_000)
    with pytest.raises(source.Wrong):
        source.read("a: !!python/object/apply:os.system ['true']")
    assert time.process_time() - began < 5
