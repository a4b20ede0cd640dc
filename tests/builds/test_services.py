"""The verbs of builds and projects, the queue, and the version list; no engine needed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from builds import queue, sample, versions
from builds.lease import Holder, claim
from builds.masking import Masker
from builds.models import Build, Image, Project
from builds.outcomes import LeaseLost, Wait
from builds.services.builds import cancel_build, start_build
from builds.services.projects import save_project, secrets_of
from hosts.models import Host
from xqplatform.accounts.actor import Actor
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system()


def test_a_developer_has_own_projects_only(actor_dev: Actor, team: Any, data: Any) -> None:
    project = save_project(actor_dev, None, {"name": "snow", "team": team, "repository": "/srv/x.git"})
    assert Event.objects.filter(action="project.create", object_id=str(project.pk)).exists()
    with pytest.raises(Denied):
        save_project(actor_dev, None, {"name": "other", "team": None})


def test_secrets_stay_when_left_empty_and_are_not_in_the_audit_log(team: Any) -> None:
    project = save_project(SYSTEM, None, {"name": "snow", "team": team, "build_secrets": "A=geheim\nB=geheimer"})
    save_project(SYSTEM, project, {"build_secrets": {"A": "", "C": "neu-hier"}, "repository_password": "passwort"})
    project.refresh_from_db()
    assert secrets_of(project) == {"A": "geheim", "C": "neu-hier"}
    kept = str(list(Event.objects.values_list("before", "after")))
    assert not any(word in kept for word in ("geheim", "neu-hier", "passwort"))
    save_project(SYSTEM, project, {"repository": "https://elsewhere.example.com/x"})
    assert project.repository_password == "", "a password is not sent to another place"


def test_versions_with_their_states(make_project: Callable[..., Project], data: Any) -> None:
    project = Project.objects.create(name="sample", repository=sample.make_sample_repository())
    first = start_build(SYSTEM, project)
    Build.objects.filter(pk=first.pk).update(state="succeeded")
    image = Image.objects.create(
        project=project, build=first, repository="sample", tag="t", branch="main", revision=first.revision
    )
    second = sample.touch_sample("The second")
    versions.refresh(project)
    found = versions.versions(project, "main")
    assert {(v.revision, v.status) for v in found} == {(first.revision, "deployable"), (second, "not built")}
    assert [v.revision for v in found if v.deployable] == [first.revision]
    assert versions.versions(project, "release*") == []
    assert [c.title for c in versions.difference(project, first.revision, second)] == ["The second"]
    assert versions.deployable(project, "ma*") == [image]


def test_a_cancelled_build_in_the_queue_is_over_at_once(make_project: Callable[..., Project]) -> None:
    build = start_build(SYSTEM, make_project())
    assert cancel_build(SYSTEM, build).state == "cancelled"
    with pytest.raises(Refused):
        cancel_build(SYSTEM, build)
    assert start_build(SYSTEM, build.project) != build
    assert claim(build.pk) is None


def test_only_one_claims_and_only_the_holder_writes(make_project: Callable[..., Project]) -> None:
    build = start_build(SYSTEM, make_project())
    mine = claim(build.pk)
    assert mine is not None
    assert claim(build.pk) is None
    Build.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert [b.pk for b in queue.waiting()] == [build.pk]
    theirs = claim(build.pk)
    assert theirs is not None
    holder = Holder(mine, Masker())
    holder.say("a line")
    with pytest.raises(LeaseLost):
        holder.write(reason="too late")
    with pytest.raises(LeaseLost):
        holder.flush()
    assert not build.lines.exists()


def test_the_queue_keeps_its_order_and_says_why(make_project: Callable[..., Project]) -> None:
    first, second = (start_build(SYSTEM, make_project(name)) for name in ("one", "two"))
    with pytest.raises(Wait, match="role «build»"):
        queue.place(second)
    host = Host.objects.create(name="h", address="x", role_build=True, build_slots=1, state="unreachable")
    with pytest.raises(Wait, match="h \\(unreachable\\)"):
        queue.place(second)
    Host.objects.update(state="ready")
    with pytest.raises(Wait, match="1 build before"):
        queue.place(second)
    mine = claim(first.pk)
    assert mine is not None
    assert queue.place(mine) == host
    with pytest.raises(Wait, match="free build host"):
        queue.place(second)


def test_lines_are_whole_numbered_and_masked(make_project: Callable[..., Project]) -> None:
    build = start_build(SYSTEM, make_project())
    mine = claim(build.pk)
    assert mine is not None
    holder = Holder(mine, Masker([], ["geheim"]))
    for piece in ("Step 2/3 : RUN x\r\nge", "heim\x1b[31m red", "\x1b[0m\nrest"):
        holder.output(piece)
    holder.flush(last=True)
    assert list(build.lines.values_list("number", "step", "text")) == [
        (1, 2, "Step 2/3 : RUN x"),
        (2, 2, "••• red"),
        (3, 2, "rest"),
    ]
    build.refresh_from_db()
    assert build.progress == {"step": 2, "steps": 3}
