"""A file is planned and applied through the verbs: rights, checks, events, and one transaction."""

from __future__ import annotations

from typing import Any

import pytest

from containers.ascode import applying, drift, plans
from containers.ascode.source import Wrong
from containers.models import AppliedFile, Deployment, Service
from containers.services.settings import save_config, secrets_of
from tests import factories
from tests.ascode.helpers import HEAD, PRODUCTION, apply, text_of
from xqplatform.accounts.actor import Actor
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused

pytestmark = pytest.mark.django_db


def test_what_is_exported_changes_nothing_and_has_no_secret(actor_sre: Any, place: Any) -> None:
    text = text_of("Service", "snow")
    assert "hunter2" not in text
    assert "sign4" not in text
    assert "KEY: kept" in text
    plan = applying.preview(actor_sre, text, prune=True)
    assert plan.targets[0].changes == ()
    assert plan.needs == []
    versions = place.configs.count()
    apply(actor_sre, text, prune=True)
    assert place.configs.count() == versions


def test_settings_number_and_team_in_one_go_and_then_no_difference(actor_sre: Any, place: Any, enqueued: Any) -> None:
    factories.make_team("ice")
    text = (
        HEAD + "team: ice\nproject: {default_branch: main, build_arguments: {LEVEL: 3}}\nenvironments:\n  production:\n"
        "    instances: 1\n    branch: release\n    settings:\n      cpus: 2\n      env: {MODE: slow, MORE: 1.10}\n"
    )
    (row,) = apply(actor_sre, text, reason="smaller")
    place.refresh_from_db()
    assert place.config.content["env"] == {"MODE": "slow", "YES": "on", "MORE": "1.10"}
    assert place.config.content["cpus"] == 2
    assert place.branch == "release"
    assert secrets_of(place.config)["KEY"] == "hunter2"
    service = Service.objects.get(slug="snow")
    assert service.team.slug == "ice"  # type: ignore[union-attr]
    assert service.project.build_arguments == {"LEVEL": "3"}
    scaling = Deployment.objects.get(kind="scale")
    assert (scaling.wanted, scaling.reason) == (1, "smaller")
    assert applying.preview(actor_sre, text).count == 0
    assert row.by_name == actor_sre.name
    assert row.text == text
    actions = set(Event.objects.values_list("action", flat=True))
    assert {"file.apply", "service.config", "service.change", "service.scale", "project.change"} <= actions
    report = drift.of_service(service)
    assert report is not None
    assert report.state == "same"


def test_drift_names_what_somebody_changed_by_hand(actor_sre: Any, place: Any) -> None:
    apply(actor_sre, text_of("Service", "snow"))
    save_config(actor_sre, place, place.config.content | {"env": {"MODE": "other", "YES": "on"}})
    report = drift.of_service(place.service)
    assert report is not None
    assert [(c.name, c.before, c.after) for c in report.changes] == [
        ("environments.production.settings.env.MODE", "other", "fast")
    ]
    assert [one.state for one in drift.of_all(drift.newest(Actor.system()))] == ["drift"]


def test_a_world_that_moved_is_named_and_nothing_is_written(actor_sre: Any, place: Any) -> None:
    text = PRODUCTION + "    settings: {cpus: 2}\n"
    token = applying.preview(actor_sre, text).token
    save_config(actor_sre, place, place.config.content | {"memory": 2 << 30})
    version = place.configs.count()
    with pytest.raises(Refused, match=r"environments\.production\.settings\.memory"):
        applying.apply(actor_sre, text, token=token)
    with pytest.raises(Refused, match="not the one"):
        applying.apply(actor_sre, text + "    branch: x\n", token=token)
    with pytest.raises(Refused):
        applying.apply(actor_sre, text, token="nonsense")
    assert place.configs.count() == version
    assert not AppliedFile.objects.exists()


def test_a_refusal_in_the_middle_takes_everything_back(actor_sre: Any, place: Any) -> None:
    text = HEAD + "project: {subfolder: x}\nenvironments:\n  production:\n    instances: 5\n    settings: {cpus: 2}\n"
    token = plans.make(actor_sre, text).token
    factories.make_deployment(place, "running", kind="deploy")
    before = Event.objects.count()
    for verb in (applying.preview, lambda a, t: applying.apply(a, t, token=token)):
        with pytest.raises(Refused, match=r"line 7, snow\.environments\.production\.instances: .*under way"):
            verb(actor_sre, text)
    assert place.configs.count() == 2
    assert Event.objects.count() == before
    assert Service.objects.get(slug="snow").project.subfolder == ""
    assert not AppliedFile.objects.exists()


def test_names_that_are_not_there(actor_sre: Any, place: Any) -> None:
    cases = {
        "environments:\n  nowhere: {}\n": r"line 5, snow\.environments\.nowhere: There is no",
        "team: nobody\n": r"line 4, snow\.team: There is no such team",
        "project:\n  registry: none\n": r"line 5, snow\.project\.registry: There is no",
        "environments:\n  production:\n    segment: x\n": r"line 6, snow\.environments\.production\.segment: There is no",
    }
    for lines, match in cases.items():
        with pytest.raises(Refused, match=match) as caught:
            applying.preview(actor_sre, HEAD + lines)
        assert caught.value.code == 400


@pytest.mark.parametrize(
    ("lines", "match"),
    [
        ("    settings: {memory: 1m}", r"line 6, environments\.production\.settings\.memory: At least"),
        ("    settings:\n      hooks:\n      - {name: x, at: stop.before, kind: http, url: ftp://x}", r"line 8, .*hooks\.1\.url"),
        ("    settings:\n      traffic: {way: hooks}", r"line 7, .*traffic\.way"),
        ("    settings:\n      secrets: {KEY: hunter3}", r"line 7, .*secrets\.KEY: The value of a secret"),
        ("    settings:\n      env: {KEY: x}", r"line 7, .*env: .*both"),
    ],
)  # fmt: skip
def test_what_settings_refuse_stands_at_its_line(actor_sre: Any, place: Any, lines: str, match: str) -> None:
    with pytest.raises(Wrong, match=match) as caught:
        applying.preview(actor_sre, PRODUCTION + lines + "\n")
    assert "hunter3" not in str(caught.value)


def test_a_front_that_is_not_there_is_told_when_the_difference_is_shown(actor_sre: Any, place: Any) -> None:
    text = PRODUCTION + "    settings:\n      traffic:\n        way: nginx\n        front: edge\n"
    with pytest.raises(Refused, match=r"line 9, .*traffic\.front"):
        applying.preview(actor_sre, text)


def test_a_new_service_takes_its_secrets_when_it_is_applied(actor_sre: Any, team: Any) -> None:
    factories.make_environments()
    text = (
        "apiVersion: xqplatform/v1\nkind: Service\nname: tide\nteam: snow\n"
        "project: {repository: https://git.example/tide.git, repository_user: bot, repository_password: kept}\n"
        "environments:\n  isolated: {instances: 3, settings: {secrets: {KEY: kept}, memory: 2g}}\n  grey:\n"
    )
    token = applying.preview(actor_sre, text).token
    assert not Service.objects.filter(slug="tide").exists()
    with pytest.raises(Refused, match="has no value"):
        applying.apply(actor_sre, text, token=token)
    names = ["service/tide:project.repository_password", "service/tide:environments.isolated.settings.secrets.KEY"]
    applying.apply(actor_sre, text, token=token, secrets=dict.fromkeys(names, "hunter2"))
    service = Service.objects.get(slug="tide")
    places = {p.environment.slug: p for p in service.places.all()}
    assert {slug: p.wanted for slug, p in places.items()} == {"isolated": 3, "grey": 1}
    assert secrets_of(places["isolated"].config) == {"KEY": "hunter2"}
    assert service.project.repository_password == "hunter2"
    assert "hunter2" not in str(list(Event.objects.values())) + str(list(AppliedFile.objects.values()))
    assert applying.preview(actor_sre, text).count == 0


def test_a_password_does_not_follow_to_another_repository(actor_sre: Any, place: Any) -> None:
    project = place.service.project
    project.repository_password = "hunter2"
    project.save()
    text = HEAD + "project: {repository: https://other.example/x.git}\n"
    (target,) = applying.preview(actor_sre, text).targets
    assert [(c.kind, c.name) for c in target.changes] == [
        ("changed", "project.repository"), ("removed", "project.repository_password"),
    ]  # fmt: skip
    apply(actor_sre, text)
    project.refresh_from_db()
    assert project.repository_password == ""
    kept = HEAD + "project: {repository: https://third.example/x.git, repository_password: kept}\n"
    assert applying.preview(actor_sre, kept).needs == ["service/snow:project.repository_password"]


def test_each_right_is_asked_for_and_the_attempt_stays(actor_dev: Any, developer: Any, place: Any) -> None:
    factories.make_place(place.service, "isolated")
    developer.memberships.update(environments=["isolated"])
    apply(actor_dev, HEAD + "environments:\n  isolated: {settings: {cpus: 1}}\n")
    for lines in ("settings: {cpus: 1}", "instances: 1", "branch: x", "automatic: {reason: x}", "gates: {mode: off}"):
        before = Event.objects.filter(denied=True).count()
        with pytest.raises(Denied):
            applying.preview(actor_dev, PRODUCTION + f"    {lines}\n")
        assert Event.objects.filter(denied=True).count() == before + 1
    factories.make_team("ice")
    with pytest.raises(Denied):
        applying.preview(actor_dev, HEAD + "team: ice\n")
    with pytest.raises(Denied):
        applying.preview(actor_dev, "apiVersion: xqplatform/v1\nkind: Environment\nname: isolated\ntitle: x\n")
