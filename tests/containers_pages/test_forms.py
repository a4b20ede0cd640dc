"""Forms of services: nonsense is refused beside its field, and nothing that was typed is lost."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest

from containers.models import Environment, Service
from tests import factories
from xqplatform.audit.models import Event
from xqplatform.secrets import decrypt, encrypt

NONSENSE = ["", "-1", "9" * 30, "\x00", "٣", "<b>'\"=/..", "a" * 6000, "NaN"]
RUN = "/services/snow/production/"
SETTINGS = {
    "cpus": "2", "memory": "512m", "pids": "", "tmpfs": "", "volumes": "", "env": "A=1\nB=two words", "command": "",
    "health_kind": "image", "health_port": "80", "health_path": "/", "health_command": "", "health_start_period": "5",
    "health_interval": "5", "health_timeout": "5", "health_retries": "3", "stop_signal": "", "stop_timeout": "10",
    "restart_policy": "always", "log_driver": "json-file", "log_options": "max-size=20m", "reason": "why not",
}  # fmt: skip
SERVICE = {
    "slug": "tide", "title": "Tide", "team": "", "source": "repository", "repository": "https://git.example/tide.git",
    "default_branch": "main", "dockerfile": "", "blueprint": "", "registry": "", "environments": "production",
}  # fmt: skip
ENVIRONMENT = {
    "slug": "stage", "title": "Stage", "title_zh": "", "position": "1", "colour": "blue", "branch": "stage",
    "groups": "", "segment": "",
}  # fmt: skip
INFORMATION = {
    "why": "because",
    "batch": "2",
    "pause": "0",
    "order": "stop-first",
    "deadline": "60",
    "on_failure": "stop",
}


def shown(answer: Any) -> str:
    return unescape(answer.content.decode())


@pytest.mark.parametrize("field", SETTINGS)
def test_nonsense_in_settings(place: Any, sara: Any, field: str) -> None:
    for value in NONSENSE:
        answer = sara.post(f"{RUN}settings/", SETTINGS | {field: value})
        assert answer.status_code in {302, 400}, (field, value)
        if answer.status_code == 400:
            assert "B=two words" in shown(answer) or field == "env"
            assert "invalid-feedback" in shown(answer) or "alert-danger" in shown(answer)


@pytest.mark.parametrize("field", SERVICE)
def test_nonsense_in_a_new_service(db: None, sara: Any, field: str) -> None:
    factories.make_environments()
    for value in NONSENSE:
        answer = sara.post("/services/new/", SERVICE | {field: value})
        assert answer.status_code in {302, 400}, (field, value)
        Service.objects.all().delete()
        if answer.status_code == 400 and field != "repository":
            assert "https://git.example/tide.git" in shown(answer)


@pytest.mark.parametrize("field", ENVIRONMENT)
def test_nonsense_in_an_environment(db: None, sara: Any, field: str) -> None:
    for value in NONSENSE:
        data = {k: v for k, v in (ENVIRONMENT | {field: value}).items() if v or k not in {"groups"}}
        answer = sara.post("/settings/environments/new/", data)
        assert answer.status_code in {302, 400, 404}, (field, value)
        Environment.objects.all().delete()


@pytest.mark.parametrize("field", INFORMATION)
def test_nonsense_in_the_wizard(place: Any, sara: Any, field: str) -> None:
    image = factories.make_image(place.service.project)
    for value in NONSENSE:
        data = INFORMATION | {field: value}
        answer = sara.get(f"{RUN}deploy/", data | {"step": "3", "image": image.pk})
        assert answer.status_code in {200, 400, 409}, (field, value)
        if answer.status_code == 400 and field != "why":
            assert "because" in shown(answer)
        answer = sara.post(f"{RUN}deploy/", data | {"image": image.pk, "mark": value})
        assert answer.status_code in {400, 409}, (field, value)
    assert place.deployments.count() == 0


@pytest.mark.parametrize("value", NONSENSE)
def test_nonsense_elsewhere(place: Any, sara: Any, value: str) -> None:
    for path, data in [
        (f"{RUN}act/", {"do": value, "instances": "1"}),
        (f"{RUN}act/", {"do": "restart", "instances": value}),
        (f"{RUN}scale/", {"wanted": value}),
        (f"{RUN}remove/", {"name": value}),
        (f"{RUN}deploy/", {"image": value}),
        (f"{RUN}deploy/discard/", {"image": value}),
        (f"{RUN}settings/place/", {"branch": value, "segment": value}),
        ("/services/snow/remove/", {"name": value}),
        ("/services/snow/change/", {"title": value, "team": value}),
        ("/services/snow/add/", {"environment": value}),
    ]:
        assert sara.post(path, data).status_code in {302, 400, 409}, path
    # «٣» is the number three in other digits: scaling takes it.
    assert place.deployments.exclude(kind="scale").count() == 0
    assert Service.objects.get(slug="snow").removed is None


def test_a_secret_is_kept_replaced_and_never_shown(place: Any, sara: Any) -> None:
    answer = sara.post(f"{RUN}settings/", SETTINGS | {"new_secret_0": "DB_PASSWORD", "new_value_0": "open sesame"})
    assert answer.status_code == 302
    page = shown(sara.get(f"{RUN}settings/"))
    assert "DB_PASSWORD" in page
    assert "sesame" not in page
    sara.post(f"{RUN}settings/", SETTINGS | {"cpus": "3"})
    place.refresh_from_db()
    assert place.config.version == 3
    assert "open sesame" in decrypt(place.config.secrets)
    sara.post(f"{RUN}settings/", SETTINGS | {"secret_0": "another"})
    place.refresh_from_db()
    assert "another" in decrypt(place.config.secrets)
    assert "secret.DB_PASSWORD" in shown(sara.get(f"{RUN}settings/?a=3&b=4"))
    sara.post(f"{RUN}settings/", SETTINGS | {"drop_0": "on"})
    place.refresh_from_db()
    assert place.config.content["secret_names"] == []
    assert "sesame" not in str(list(Event.objects.values_list("before", "after")))


def test_a_typed_secret_survives_a_mistake_elsewhere(place: Any, sara: Any) -> None:
    typed = SETTINGS | {"new_secret_0": "TOKEN", "new_value_0": "open sesame", "memory": "lots"}
    answer = sara.post(f"{RUN}settings/", typed)
    assert answer.status_code == 400
    assert "sesame" not in shown(answer)
    kept = answer.context["form"]["typed_new_0"].value()
    answer = sara.post(f"{RUN}settings/", SETTINGS | {"new_secret_0": "TOKEN", "typed_new_0": kept})
    assert answer.status_code == 302
    place.refresh_from_db()
    assert "open sesame" in decrypt(place.config.secrets)


def test_a_forged_or_broken_token_counts_as_nothing_typed(place: Any, sara: Any) -> None:
    for token in ["forged", encrypt("no JSON"), encrypt("7"), encrypt("[1]"), encrypt('{"a": 1}')]:
        answer = sara.post(f"{RUN}settings/", SETTINGS | {"typed_new_0": token, "memory": "lots"})
        assert answer.status_code == 400
        assert not answer.context["form"]["typed_new_0"].value()


def test_saving_the_form_as_it_is_changes_nothing(place: Any, sara: Any) -> None:
    sara.post(f"{RUN}settings/", SETTINGS | {"env": 'A="two\\nlines"\nB= x ', "command": "sh -c 'echo $A'"})
    place.refresh_from_db()
    assert place.config.content["env"] == {"A": "two\nlines", "B": "x"}
    assert place.config.content["command"] == ["sh", "-c", "echo $A"]
    form = sara.get(f"{RUN}settings/").context["form"]
    again = {name: form[name].value() for name in form.fields if form[name].value() not in (None, False)}
    sara.post(f"{RUN}settings/", again)
    assert place.configs.count() == 2


def test_a_service_is_made(db: None, as_: Any) -> None:
    factories.make_environments()
    client = as_("dan")
    team = factories.make_team("snow")
    answer = client.post("/services/new/", SERVICE | {"team": team.pk, "environments": ["production", "grey"]})
    assert answer.status_code == 302, shown(answer)
    service = Service.objects.get(slug="tide")
    assert [p.environment.slug for p in service.places.order_by("environment__slug")] == ["grey", "production"]
    assert service.project.repository == SERVICE["repository"]
    answer = client.post("/services/new/", SERVICE | {"team": team.pk})
    assert answer.status_code == 400
    assert "slug" in answer.context["form"].errors


def test_removal_asks_for_the_name(place: Any, sara: Any) -> None:
    assert sara.post("/services/snow/remove/", {"name": "snow2"}).status_code == 400
    assert place.deployments.count() == 0
    assert sara.post("/services/snow/remove/", {"name": "snow"}).status_code == 302
    assert place.deployments.get().kind == "remove"


def test_environments_are_made_changed_removed(db: None, sara: Any) -> None:
    group, segment = factories.make_group("cloud"), factories.make_segment("seg-z")
    data = ENVIRONMENT | {"groups": [group.pk], "segment": segment.pk, "production": "on"}
    assert sara.post("/settings/environments/new/", data).status_code == 302
    row = Environment.objects.get(slug="stage")
    assert (row.production, row.segment, list(row.groups.all())) == (True, segment, [group])
    page = "/settings/environments/stage/"
    assert sara.post(page, ENVIRONMENT | {"title": "Staging", "groups": []}).status_code == 302
    row.refresh_from_db()
    assert (row.title, row.production) == ("Staging", False)
    assert Event.objects.filter(action="environment.change").exists()
    assert sara.post(f"{page}remove/").status_code == 302
    assert not Environment.objects.filter(slug="stage").exists()


def test_the_source_of_a_service_is_changed(place: Any, as_: Any) -> None:
    dan, project = as_("dan"), place.service.project
    data = {"title": "Snow", "team": place.service.team_id, "repository": "https://git.example/new.git"}
    assert (
        dan.post("/services/snow/change/", data | {"default_branch": "trunk", "repository_password": "s3"}).status_code
        == 302
    )
    project.refresh_from_db()
    assert (project.repository, project.default_branch, project.repository_password) == (
        data["repository"],
        "trunk",
        "s3",
    )
    answer = dan.post("/services/snow/change/", data | {"repository": "ext::sh -c id"})
    assert answer.status_code == 400
    assert "repository" in answer.context["form"].errors


@pytest.mark.parametrize("field", ["groups", "segment"])
def test_numbers_that_no_row_can_have_are_refused_not_lost(db: None, sara: Any, field: str) -> None:
    for value in ["9" * 30, "-" + "9" * 30, "1e999", "\x00"]:
        answer = sara.post("/settings/environments/new/", ENVIRONMENT | {field: value})
        assert answer.status_code == 400, (field, value)
