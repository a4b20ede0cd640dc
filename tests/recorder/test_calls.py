"""A release's engine calls are stored while it runs, shown on its page and in the API, without secrets."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from containers.models import CallBlock, Deployment
from containers.recorder.reading import calls_of
from containers.recorder.writing import Recorder
from hosts.engine_calls import tell
from tests import factories
from xqplatform.secrets import encrypt

pytestmark = pytest.mark.django_db
SECRET = "s3cret-of-db"


@pytest.fixture
def release() -> Deployment:
    place = factories.make_running_place()
    config = factories.make_config(place, {"env": {"URL": "postgres://inner"}, "secret_names": ["KEY"]})
    config.secrets = encrypt(f'{{"KEY": "{SECRET}"}}')
    config.save()
    row = factories.make_deployment(place, config=config)
    factories.make_step(row, place.instances.all()[0])
    return row


def ask(path: str, status: int = 200, words: str = "", **params: Any) -> None:
    tell("h1", "POST", path, params, began=time.time(), status=status, words=words)


def record(row: Deployment, times: int = 1) -> None:
    recorder = Recorder(row.pk)
    with recorder.hearing(row.steps.get().pk):
        ask("/containers/create", 400, f"invalid variable KEY={SECRET} URL=postgres://inner", name="snow-1")
        for _n in range(times):
            ask("/containers/abc/start", 204)
    recorder.store()


def test_a_run_after_a_death_goes_on(release: Deployment) -> None:
    record(release, 3)
    record(release, 2)
    (group,) = calls_of(release)
    assert [one.count for one in group.entries] == [1, 3, 1, 2]
    assert (group.calls, group.failed) == (7, 2)


def test_no_secret_is_stored_or_shown(release: Deployment, client: Client) -> None:
    record(release)
    (group,) = calls_of(release)
    assert group.entries[0].words == "invalid variable KEY=••• URL=•••"
    client.force_login(factories.make_user("mona", "manager"))
    for name in ("release", "release_calls"):
        text = client.get(reverse(f"containers:{name}", args=[release.pk])).content.decode()
        assert "create container" in text
        assert "name=snow-1" in text
        assert SECRET not in text
        assert "postgres://inner" not in text
    answer = client.get(f"/api/v1/deployments/{release.pk}/calls")
    assert [one["status"] for one in answer.json()[0]["calls"]] == [400, 204]
    assert SECRET not in answer.content.decode()


def test_pages_of_a_release_without_record_and_of_one_that_runs(release: Deployment, client: Client) -> None:
    client.force_login(factories.make_user("mona", "manager"))
    page = reverse("containers:release_calls", args=[release.pk])
    assert "No call to an engine is recorded" in client.get(page).content.decode()
    record(release)
    Deployment.objects.filter(pk=release.pk).update(state="running")
    text = client.get(reverse("containers:release", args=[release.pk])).content.decode()
    assert "As recorded so far" in text


def test_recording_that_fails_is_not_in_the_way(release: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CallBlock.objects, "create", lambda **_fields: 1 / 0)
    record(release)
    assert calls_of(release) == []
