"""The pages, the API and the commands of files."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from containers.models import AppliedFile, ServiceEnvironment
from containers.services.settings import secrets_of
from tests import factories
from xqplatform.accounts.models import Token

pytestmark = pytest.mark.django_db
APPLY = "/code/apply/"
TEXT = "apiVersion: xqplatform/v1\nkind: Service\nname: snow\nenvironments:\n  production:\n    settings:\n      env: {MODE: <script>}\n"
BOMB = "a: &a [x, x, x, x, x]\nb: &b [*a, *a, *a, *a]\nc: [*b, *b, *b]\n"


@pytest.fixture
def page(client: Client, sre: Any) -> Client:
    factories.make_running_place("snow", "production", 2)
    client.force_login(sre)
    return client


def shown(page: Client, text: str = TEXT, **more: str) -> Any:
    return page.post(APPLY, {"text": text, **more})


def test_paste_look_confirm(page: Client) -> None:
    answer = shown(page, TEXT.replace("\n", "\r\n"))
    assert answer.status_code == 200
    body = answer.content.decode()
    assert "settings.env.MODE" in body
    assert "&lt;script&gt;" in body
    assert "<script>}" not in body
    token = answer.context["token"]
    done = page.post(APPLY, {"do": "apply", "text": TEXT.replace("\n", "\r\n"), "token": token, "reason": "why not"})
    assert done.status_code == 302
    assert ServiceEnvironment.objects.get().config.content["env"] == {"MODE": "<script>"}  # type: ignore[union-attr]
    file = AppliedFile.objects.get()
    assert (file.text, file.via, file.reason) == (TEXT, "page", "why not")
    assert "as its file says" in page.get("/services/snow/").content.decode()
    assert TEXT.splitlines()[0] in page.get(reverse("containers:file", args=[file.pk])).content.decode()
    assert page.get("/code/").content.decode().count("as its file says") == 1


def test_a_stale_confirmation_shows_the_difference_anew(page: Client) -> None:
    token = shown(page).context["token"]
    ServiceEnvironment.objects.update(branch="elsewhere")
    answer = page.post(APPLY, {"do": "apply", "text": TEXT, "token": token})
    assert answer.status_code == 400
    assert "branch is now elsewhere" in answer.content.decode()
    again = page.post(APPLY, {"do": "apply", "text": TEXT, "token": answer.context["token"]})
    assert again.status_code == 302


def test_a_typed_secret_is_not_lost_when_the_confirmation_is_refused(page: Client) -> None:
    text = TEXT + "      secrets: {KEY: kept}\n"
    first = shown(page, text).context
    (secret,) = first["secrets"]
    form = {"do": "apply", "text": text, "token": first["token"], "secret_name": secret["name"], "secret-0": "hunter2"}
    ServiceEnvironment.objects.update(branch="elsewhere")
    refused = page.post(APPLY, form)
    assert refused.status_code == 400
    assert "hunter2" not in refused.content.decode()
    again = refused.context
    form |= {"token": again["token"], "secret-0": "", "typed-0": again["secrets"][0]["typed"]}
    assert page.post(APPLY, form | {"typed-0": "nonsense"}).status_code == 400
    assert page.post(APPLY, form).status_code == 302
    assert secrets_of(ServiceEnvironment.objects.get().config) == {"KEY": "hunter2"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BOMB, "line 1"),
        ("a: 1\na: 2\n", "stands twice"),
        ("x" * 300_000, "too long"),
        ("apiVersion: xqplatform/v1\nkind: Service\nname: snow\ntitle: a\x00b\n", "line 4"),
        (TEXT + "      cpu: 3\n", "line 8"),
        (TEXT + "      pids: " + "9" * 4300 + "\n", "too many digits"),
        ("[" * 5000, "line 1"),
        ("- just\n- a list\n", "apiVersion"),
        ("name: !!python/object:os.system x\n", "Tags"),
        ("", "nothing in it"),
    ],
)
def test_bad_files_are_told_and_what_was_typed_stays(page: Client, text: str, words: str) -> None:
    answer = shown(page, text)
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert answer.context["text"] == text


def test_who_may_not_is_told_on_the_page_and_keeps_the_text(page: Client) -> None:
    page.force_login(factories.make_user("paul", "developer"))
    answer = shown(page)
    assert answer.status_code == 403
    assert "may not do this" in answer.content.decode()
    assert answer.context["text"] == TEXT


def test_uploads(page: Client) -> None:
    ok = page.post(APPLY, {"file": SimpleUploadedFile("x.yaml", b"\xef\xbb\xbf" + TEXT.encode())})
    assert ok.context["plan"].count == 1
    for content, words in (
        (b"a" * 10_000_000, "too long"),
        (b"a: 1\nb: \xff\xfe\n", "line 2"),
        (b"PK\x03\x04\x00", "number 3"),
    ):
        answer = page.post(APPLY, {"file": SimpleUploadedFile("x.yaml", content)})
        assert answer.status_code == 400
        assert words in answer.content.decode()


def test_export_is_a_file_and_the_page_starts_from_it(page: Client) -> None:
    answer = page.get("/services/snow/code/export/")
    assert answer["Content-Disposition"] == 'attachment; filename="service-snow.yaml"'
    assert page.get(APPLY + "?service=snow").context["text"] == answer.content.decode()
    assert shown(page, answer.content.decode(), prune="on").context["plan"].count == 0
    environment = page.get("/settings/environments/production/code/export/").content.decode()
    assert shown(page, environment, prune="on").context["plan"].count == 0
    assert page.get("/settings/environments/production/code/").status_code == 200
    for nonsense in ("service=%00", "file=" + "9" * 4300, "file=x", "service=no"):
        assert page.get(f"{APPLY}?{nonsense}").status_code == 200


def test_the_api_plans_applies_and_reports(client: Client, sre: Any) -> None:
    factories.make_running_place("snow", "production", 2)
    head = {"Authorization": f"Bearer {Token.make(sre, 'test')[1]}"}

    def post(path: str, **body: Any) -> Any:
        return client.post(f"/api/v1/files/{path}", json.dumps(body), "application/json", headers=head)

    plan = post("plan", text=TEXT).json()
    assert [(c["kind"], c["path"]) for c in plan["targets"][0]["changes"]] == [
        ("added", "environments.production.settings.env.MODE")
    ]
    assert post("apply", text=TEXT, token="x").status_code == 400
    (file,) = post("apply", text=TEXT, token=plan["token"], reason="api").json()
    ServiceEnvironment.objects.update(branch="x")
    assert post("apply", text=TEXT, token=plan["token"]).status_code == 409
    wrong = post("plan", text=TEXT + "      cpu: 3\n      cpus: many\n")
    assert (wrong.status_code, wrong.json()["field"]) == (400, "text")
    assert "line 8" in wrong.json()["error"]
    get = lambda path: client.get(f"/api/v1/files/{path}", headers=head)  # noqa: E731
    assert get("drift").json()[0]["state"] == "same"
    assert get("applied?service=snow").json()[0]["id"] == file["id"]
    assert get(f"applied/{file['id']}").json()["text"] == TEXT
    assert get("services/snow").content.startswith(b"apiVersion: xqplatform/v1")
    assert get("environments/production").status_code == 200
    assert get("services/none").status_code == 404


def test_a_body_that_is_too_large_is_told(client: Client, sre: Any, settings: Any) -> None:
    head = {"Authorization": f"Bearer {Token.make(sre, 'test')[1]}"}
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
    for size, status in ((900_000, 400), (1_100_000, 413)):
        body = json.dumps({"text": "a" * size})
        answer = client.post("/api/v1/files/plan", body, "application/json", headers=head)
        assert answer.status_code == status
        assert "too l" in answer.json()["error"]


def test_commands(tmp_path: Path, sre: Any) -> None:
    factories.make_running_place("snow", "production", 2)
    file, out = tmp_path / "snow.yaml", StringIO()
    call_command("export", "service", "snow", stdout=out)
    file.write_text(out.getvalue().replace("branch: ''", "branch: release"))
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("apply", str(file), user="sara", plan=True, stdout=out)
    assert ended.value.code == 2
    assert "~ environments.production.branch: – → release" in out.getvalue()
    assert ServiceEnvironment.objects.get().branch == ""
    call_command("apply", str(file), user="sara", yes=True, reason="by hand", stdout=out)
    assert ServiceEnvironment.objects.get().branch == "release"
    assert AppliedFile.objects.get().via == "cli"
    call_command("apply", str(file), user="sara", plan=True, stdout=out)  # no difference: ends well
    file.write_text("kind: Nonsense\n")
    with pytest.raises(CommandError, match="line 1, kind"):
        call_command("apply", str(file), user="sara", stdout=out)
    with pytest.raises(CommandError):
        call_command("apply", str(tmp_path / "none"), user="sara", stdout=out)
    with pytest.raises(CommandError):
        call_command("export", "service", "none", stdout=out)
