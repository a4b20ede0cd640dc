"""What was pushed and built is released by itself where a rule says so, and past nothing that would stop a person."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from builds.models import Forge, ForgeDelivery, Image
from containers.automatic import releasing, services
from containers.models import AutomaticRelease, Deployment, Guardrails
from containers.preview import gather
from containers.services import beginning
from tests import factories
from tests.forges.calls import send
from xqplatform.accounts.actor import Actor
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused
from xqplatform.notices import receivers, sources
from xqplatform.notices.models import Notice

pytestmark = pytest.mark.django_db
State = AutomaticRelease.State


class Yard:
    """A place that runs, whose developer has main released by itself."""

    def __init__(self, team: Any, developer: Any) -> None:
        self.place = factories.make_running_place("snow", "production", 2, team=team)
        self.actor, self.author = Actor.person(developer, "page"), developer
        self.guard = Guardrails.objects.get(environment=self.place.environment)
        self.forge = Forge.objects.create(project=self.place.service.project, kind="gitea", author=developer)
        services.save(self.actor, self.place, {"enabled": True, "branches": "main", "tags": "v*"})

    def push(self, name: str = "main", kind: str = "push") -> tuple[ForgeDelivery, Image]:
        image = factories.make_image(self.place.service.project, branch=name)
        number = ForgeDelivery.objects.count()
        row = ForgeDelivery.objects.create(
            forge=self.forge, identity=f"d{number}", digest="x", kind=kind, name=name, revision=image.revision,
            sender="otto", build=image.build, state="building",
        )  # fmt: skip
        return row, image

    def release(self, name: str = "main", kind: str = "push") -> AutomaticRelease:
        releasing.release(*self.push(name, kind))
        return AutomaticRelease.objects.filter(place=self.place).latest("pk")

    def told(self) -> list[str]:
        """What people hear: the newest first."""
        rows = Notice.objects.filter(source="automatic").order_by("-pk")
        return [" ".join([sources.words(one).title, *sources.words(one).lines]) for one in rows]


@pytest.fixture
def yard(team: Any, developer: Any) -> Yard:
    return Yard(team, developer)


def test_it_is_released_as_the_rules_author_would(yard: Yard) -> None:
    policy = {"batch": 1, "strategy": "recreate", "deadline": 90, "size": 2}
    factories.make_deployment(yard.place, policy=policy)
    delivery, image = yard.push()
    (line,) = releasing.release(delivery, image)
    row = AutomaticRelease.objects.get()
    release = row.deployment
    assert release is not None
    assert line.url == f"/releases/{release.pk}/"
    assert (release.created_by, release.image, release.policy["strategy"]) == (yard.actor.user, image, "rolling")
    assert release.policy["deadline"] == 90
    event = Event.objects.get(action="deployment.automatic")
    assert (event.actor, event.via, event.after["by"]) == ("dan", "forge", "otto")
    assert beginning.begin(yard.place.pk) == release
    release.refresh_from_db()
    assert release.state == "queued"
    # The worker died before it noted this, and the next one comes by it again.
    assert [one.url for one in releasing.release(delivery, image)] == [line.url]
    assert Deployment.objects.filter(image=image).count() == 1


def test_what_takes_its_time_is_asked_before_the_lock(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, apart = [], gather.apart
    monkeypatch.setattr(gather, "apart", lambda *given: asked.append(len(connection.savepoint_ids)) or apart(*given))
    assert yard.release().state == State.BEGUN
    assert asked == [0]


def test_only_what_the_rule_names(yard: Yard) -> None:
    assert releasing.release(*yard.push("feature")) == []
    assert releasing.release(*yard.push("main", "tag")) == []
    assert yard.release("v7", "tag").state == State.BEGUN
    services.save(yard.actor, yard.place, {"enabled": False})
    assert releasing.release(*yard.push()) == []


def test_what_runs_already_is_not_released_again(yard: Yard) -> None:
    delivery, image = yard.push()
    yard.place.current_image = image
    yard.place.save()
    releasing.release(delivery, image)
    assert AutomaticRelease.objects.get().state == State.NOTHING
    assert not yard.told()


def test_what_guardrails_refuse_is_kept_and_told(yard: Yard) -> None:
    yard.guard.ticket, yard.guard.reason = "OPS-#", True
    yard.guard.save()
    row = yard.release()
    assert (row.state, row.deployment) == (State.REFUSED, None)
    assert "OPS-" in row.words
    (told,) = yard.told()
    assert row.pushed in told
    assert row.words in told
    notice = Notice.objects.get(source="automatic")
    assert receivers.relations(notice) == {yard.author.pk: "mine"}
    services.save(yard.actor, yard.place, {"reason": "OPS-7 continuous delivery"})
    assert yard.release().state == State.BEGUN
    assert len(yard.told()) == 1


def test_an_image_without_proof_is_refused(yard: Yard) -> None:
    yard.guard.proof = True
    yard.guard.save()
    yard.guard.proof_from.set([factories.make_environment("pre-release")])
    factories.make_place(yard.place.service, "pre-release")
    row = yard.release()
    assert row.state == State.REFUSED
    assert not Deployment.objects.filter(state="waiting").exists()


def test_it_waits_for_approvals_of_others_and_a_newer_push_takes_its_place(yard: Yard, sre: Any) -> None:
    from containers.guardrails import approvals

    yard.guard.approvals = 1
    yard.guard.save()
    first = yard.release().deployment
    assert first is not None
    assert beginning.begin(yard.place.pk) is None
    with pytest.raises(Refused, match="not who decided"):
        approvals.approve(yard.actor, first)
    second = yard.release().deployment
    assert second is not None
    first.refresh_from_db()
    assert (first.state, second.state) == ("cancelled", "waiting")
    assert f"#{second.pk}" in first.outcome
    approvals.approve(Actor.person(sre), second)
    assert beginning.begin(yard.place.pk) == second


def test_a_freeze_is_waited_for(yard: Yard) -> None:
    now = timezone.now()
    freeze = yard.place.environment.freezes.create(
        kind="once", reason="audit", starts=now - timedelta(hours=1), ends=now + timedelta(hours=1)
    )
    release = yard.release().deployment
    assert beginning.begin(yard.place.pk) is None
    freeze.delete()
    assert beginning.begin(yard.place.pk) == release


@pytest.mark.parametrize("how", ["inactive", "other team", "gone", "other environments"])
def test_a_rule_whose_author_has_left_releases_nothing(yard: Yard, developer: Any, how: str) -> None:
    if how == "inactive":
        developer.is_active = False
        developer.save()
    elif how == "gone":
        developer.delete()
    elif how == "other team":
        developer.memberships.all().delete()
    else:
        developer.memberships.update(environments=["isolated"])
    row = yard.release()
    assert (row.state, row.deployment) == (State.REFUSED, None)
    assert "dan" in row.words
    assert yard.told()
    event = Event.objects.filter(denied=True).latest("pk")
    assert (event.action, event.actor, event.via) == ("service.deploy", "dan", "forge")


def test_the_right_is_asked_again_when_it_begins(yard: Yard, developer: Any) -> None:
    release = yard.release().deployment
    assert release is not None
    developer.is_active = False
    developer.save()
    assert beginning.begin(yard.place.pk) is None
    release.refresh_from_db()
    assert release.state == "failed"
    assert "dan" in release.outcome


def test_who_may_not_release_there_writes_no_rule(yard: Yard, actor_manager: Actor, client: Client) -> None:
    with pytest.raises(Denied):
        services.save(actor_manager, yard.place, {"enabled": False})
    client.force_login(yard.actor.user)
    page = "/services/snow/automatic-releases/"
    answer = client.post(f"{page}production/", {"production-enabled": "on", "production-reason": "<kept>"})
    assert answer.status_code == 400
    assert "&lt;kept&gt;" in answer.content.decode()
    assert (
        client.post(f"{page}production/", {"production-branches": "prod", "production-enabled": "on"}).status_code
        == 302
    )
    yard.release("prod")
    text = client.get(page).content.decode()
    assert "dan" in text
    assert 'value="prod"' in text
    assert client.put("/api/v1/services/snow/production/automatic", {"branches": "x" * 200}, "application/json").status_code == 400  # fmt: skip
    found = client.get("/api/v1/services/snow/production/automatic").json()
    assert (found["branches"], found["author"], found["enabled"]) == ("prod", "dan", True)


def test_from_the_push_to_the_release(yard: Yard, make_project: Any) -> None:
    """The whole way, with a repository: a call, a build, its end, a release."""
    from builds.forges import taking
    from tests.forges.calls import push
    from tests.forges.test_receiving import finish, head

    project = make_project("other")
    type(yard.place.service).objects.filter(pk=yard.place.service.pk).update(project=project)
    Forge.objects.update(project=project)
    yard.forge.refresh_from_db()
    assert send(yard.forge, push(head(yard.forge), kind="gitea")).status_code == 202
    row = ForgeDelivery.objects.get()
    taking.go_on(row.pk)
    row.refresh_from_db()
    assert row.build is not None
    finish(row.build)
    taking.go_on(row.pk)
    row.refresh_from_db()
    assert row.state == "done"
    assert row.began[0]["url"] == f"/releases/{Deployment.objects.get(state='waiting').pk}/"
