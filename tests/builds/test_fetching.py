"""A click waits only so long for a repository; what is under way is joined."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from builds import git
from builds.models import Build, Project
from builds.services import builds
from tests.builds.conftest import commit
from xqplatform.accounts.actor import Actor
from xqplatform.errors import Refused

SYSTEM = Actor.system()
pytestmark = pytest.mark.django_db


def test_a_repository_that_does_not_answer_is_not_waited_for(
    make_project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    go, calls, real = threading.Event(), [], git.Repository.fetch

    def slow(self: git.Repository) -> None:
        calls.append(1)
        assert go.wait(120)
        real(self)

    project = make_project()
    monkeypatch.setattr(git.Repository, "fetch", slow)
    monkeypatch.setattr(builds, "FETCH_SECONDS", 0.05)
    for _attempt in range(2):
        with pytest.raises(Refused, match="did not answer within") as refusal:
            builds.start_build(SYSTEM, project)
        assert refusal.value.code == 409
    assert calls == [1], "the second one joins the first"
    assert not Build.objects.exists()
    monkeypatch.setattr(builds, "FETCH_SECONDS", 60.0)
    go.set()
    assert builds.start_build(SYSTEM, project).state == "queued"


def test_fetch_now_shows_a_commit_that_was_just_pushed(
    make_project: Callable[..., Project], client: Client, sre: Any, data: Any
) -> None:
    from tests import factories

    project = make_project()
    service = factories.Service.objects.create(slug="snow", project=project, team=project.team)
    factories.make_place(service, "production", branch="main")
    commit(data / "snow.git", {"Dockerfile": (0o100644, b"FROM scratch\nLABEL n=2\n")})
    client.force_login(sre)
    page = "/services/snow/production/deploy/"
    assert "a change" not in client.get(page).content.decode()
    client.post(f"{page}fetch/")
    assert "a change" in client.get(page).content.decode()
    project.repository = str(data / "nothing.git")
    project.save()
    answer = client.post(f"{page}fetch/", follow=True)
    assert answer.status_code == 200
    assert "nothing.git" in answer.content.decode()
