"""The record as a file: complete, by itself, without secrets, and whoever takes it along is in the log."""

from __future__ import annotations

import json
import re

import pytest
from django.test import Client
from django.urls import reverse

from containers.models import Deployment
from tests import factories
from xqplatform.audit.models import Event
from xqplatform.secrets import encrypt

pytestmark = pytest.mark.django_db
SECRET = "s3cret-of-db"


@pytest.fixture
def release() -> Deployment:
    place = factories.make_running_place()
    configs = [
        factories.make_config(place, {"env": {"URL": f"http://inner-{n}"}, "secret_names": ["KEY"]}) for n in (1, 2)
    ]
    for config in configs:
        config.secrets = encrypt(json.dumps({"KEY": SECRET}))
        config.save()
    row = factories.make_deployment(place, config=configs[1], old_config=configs[0], reason="<script>alert(1)</script>")
    instance = place.instances.all()[0]
    factories.make_step(
        row, instance, "failed", reason=f"refused {SECRET} by http://inner-2", log=f"key {SECRET} is wrong"
    )
    factories.make_kept_log(factories.make_container(instance), f"began\nkey={SECRET}\n", deployment=row)
    return row


def take(client: Client, row: Deployment, shape: str) -> str:
    answer = client.get(reverse("containers:release_file", args=[row.pk, shape]))
    assert answer.status_code == 200
    assert "attachment" in answer["Content-Disposition"]
    return answer.content.decode()


def test_it_needs_nothing_else_and_has_no_secret(release: Deployment, client: Client) -> None:
    client.force_login(factories.make_user("sara", "sre"))
    html = take(client, release, "html")
    assert not re.search(r"<script|<link|src=|@import|url\(", html)
    assert "key=•••" in html
    assert "refused ••• by •••" in html
    assert "env.URL" in html
    found = json.loads(take(client, release, "json"))
    assert found["steps"][0]["log"] == "key ••• is wrong"
    for text in (html, json.dumps(found)):
        assert SECRET not in text
        assert "http://inner" not in text


def test_whoever_may_not_read_logs_gets_none(release: Deployment, client: Client) -> None:
    client.force_login(factories.make_user("dora", "developer"))
    found = json.loads(take(client, release, "json"))
    assert found["steps"][0]["log"] == ""
    assert found["kept_logs"][0]["lines"] == []
    assert "key=" not in take(client, release, "html")


def test_taking_it_is_an_event(release: Deployment, client: Client) -> None:
    user = factories.make_user("sara", "sre")
    client.force_login(user)
    take(client, release, "json")
    assert client.get(f"/api/v1/deployments/{release.pk}/record").json()["id"] == release.pk
    assert Event.objects.filter(action="deployment.export").count() == 2
    (first,) = json.loads(take(client, release, "json"))["events"][:1]
    assert (first["by"], first["action"]) == ("sara", "took along the record of")
