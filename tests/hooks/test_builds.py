"""Hooks around a build, of the environments that it is built for."""

from __future__ import annotations

from typing import Any

import pytest

from builds.around import AFTER, BEFORE, Moment
from builds.outcomes import Failed
from containers.hooks import builds, kinds
from containers.hooks.kinds import Outcome
from containers.models import HookRun
from tests import factories

pytestmark = pytest.mark.django_db
SCAN: dict[str, Any] = {
    "name": "scan",
    "at": "build.after",
    "kind": "http",
    "url": "http://10.1.2.9/scan",
    "retries": 0,
}


@pytest.fixture
def build() -> Any:
    place = factories.make_place(factories.make_service("snow"), "production")  # its branch: prod
    place.config.content = {"hooks": [SCAN, SCAN | {"name": "begin", "at": "build.before", "on_failure": "hold"}]}
    place.config.save()
    return factories.make_build(place.service.project, branch="prod")


def moment(build: Any, state: str = "", said: list[str] | None = None) -> Moment:
    return Moment(build, lambda: None, (said if said is not None else []).append, state)


def answering(monkeypatch: pytest.MonkeyPatch, outcome: Outcome) -> list[dict[str, Any]]:
    asked: list[dict[str, Any]] = []

    def attempt(_hook: Any, setting: Any) -> Outcome:
        asked.append(dict(setting.facts))
        return outcome

    monkeypatch.setattr(kinds, "attempt", attempt)
    monkeypatch.setattr(builds.running.run, "__defaults__", (attempt,))
    return asked


def test_a_hook_is_told_the_build_once(build: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, said = answering(monkeypatch, Outcome(True, 200)), []  # type: ignore[var-annotated]
    for _again in range(2):  # as after a death
        builds.run(moment(build, "succeeded", said), "build.after")
    assert [(one["build"], one["branch"], one["state"]) for one in asked] == [(build.pk, "prod", "succeeded")]
    assert "scan" in said[0]
    assert HookRun.objects.get().build == build


def test_one_that_fails_or_would_hold_fails_the_build(build: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(monkeypatch, Outcome(False, 500, words="bad image"))
    for point, state in (("build.before", ""), ("build.after", "succeeded")):
        with pytest.raises(Failed, match="bad image"):
            builds.run(moment(build, state), point)
    builds.run(moment(build, "failed"), "build.after")  # it has failed already: only told
    assert HookRun.objects.filter(state="passed").count() == 1


def test_another_branchs_build_is_not_its_business(build: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answering(monkeypatch, Outcome(True))
    other = factories.make_build(build.project, branch="feature")
    builds.run(moment(other), "build.before")
    assert asked == []


def test_builds_know_of_them() -> None:
    assert BEFORE
    assert AFTER
