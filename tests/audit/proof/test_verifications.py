"""Verifying as work: a button, progress, a death in between, and what is told of a log that is not as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from tests.conftest import make_person
from tests.queue import Queue
from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Grant, OwnRole, Team, Token
from xqplatform.alerts import sources
from xqplatform.audit.chain import checkpoints, files, linking, own, rows, triggers, verifying
from xqplatform.audit.models import Event, Verification
from xqplatform.audit.proof import verifications

pytestmark = pytest.mark.django_db


@pytest.fixture
def log(actor_sre: Actor) -> list[Event]:
    found = [audit.record(actor_sre, "service.scale", None, after={"n": n}, reason="a=b|c\\\nd") for n in range(30)]
    linking.link()
    return found


def ask(client: Client, enqueued: Queue, django_capture_on_commit_callbacks: Any) -> Verification:
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post("/audit/verify/").status_code == 302
    enqueued.drain()
    return Verification.objects.first()  # type: ignore[return-value]


def test_the_button_verifies_and_the_page_says_what_came_of_it(
    client: Client, sre: Any, log: list[Event], enqueued: Queue, django_capture_on_commit_callbacks: Any
) -> None:
    client.force_login(sre)
    assert "not verified yet" in client.get("/audit/verify/").content.decode()
    row = ask(client, enqueued, django_capture_on_commit_callbacks)
    assert (row.state, row.done, row.by) == ("succeeded", 30, "sara")
    assert Event.objects.filter(action="audit.verify", actor="sara").count() == 1
    assert "nothing was changed" in client.get("/audit/verify/").content.decode()
    assert verifications.troubles() == {}
    triggers.remove(connection)
    Event.objects.filter(pk=log[6].pk).update(actor="<b>nobody")
    triggers.install(connection)
    row = ask(client, enqueued, django_capture_on_commit_callbacks)
    assert (row.state, row.found) == ("failed", 1)
    assert row.faults[0][:3] == ["changed", 7, log[6].pk]
    page = client.get("/audit/verify/").content.decode()
    assert f'href="/audit/{log[6].pk}/"' in page
    assert "1 fault up to position" in page
    told = list(sources.SOURCES["platform.audit"].read(0.0))
    assert [found.device for found in told] == ["verify"]


def test_it_goes_on_where_a_dead_worker_left_it(log: list[Event], monkeypatch: pytest.MonkeyPatch) -> None:
    triggers.remove(connection)
    Event.objects.filter(pk=log[3].pk).update(actor="nobody")
    triggers.install(connection)
    monkeypatch.setattr(verifying, "TELL_EVERY", 10)
    monkeypatch.setattr(rows, "AT_ONCE", 10)
    monkeypatch.setattr("xqplatform.audit.proof.verifications.time.monotonic", iter(range(0, 1000, 2)).__next__)
    row = Verification.objects.create(by="sara")
    read, pieces = rows.linked, []

    def dies(after: int, last: int) -> Any:
        pieces.append(after)
        for one in read(after, last):
            if len(pieces) == 1 and one.position == 25:
                raise KeyboardInterrupt  # as a kill: nothing after it is done
            yield one

    monkeypatch.setattr(rows, "linked", dies)
    with pytest.raises(KeyboardInterrupt):
        verifications.run(row.pk)
    row.refresh_from_db()
    assert (row.state, row.position, row.done) == ("running", 20, 20)
    verifications.run(row.pk)
    row.refresh_from_db()
    assert pieces == [0, 20]
    assert (row.state, row.done, row.found) == ("failed", 30, 1)
    assert row.faults[0][:3] == ["changed", 4, log[3].pk]


def test_one_begins_by_itself_once_a_day(log: list[Event], enqueued: Queue, settings: Any) -> None:
    verifications.resume()
    verifications.resume()
    assert Verification.objects.count() == 1
    verifications.run(Verification.objects.get().pk)
    verifications.resume()
    assert Verification.objects.count() == 1


def test_a_key_that_is_none_is_said(log: list[Event], settings: Any) -> None:
    row = Verification.objects.create(by="sara")
    settings.AUDIT_KEY = "short"
    verifications.run(row.pk)
    row.refresh_from_db()
    assert row.state == "failed"
    assert "32 characters" in row.problem
    assert "verify" in verifications.troubles()


def test_over_the_api(
    manager: Any, developer: Any, log: list[Event], django_capture_on_commit_callbacks: Any, enqueued: Queue
) -> None:
    def client(person: Any) -> Client:
        return Client(headers={"Authorization": f"Bearer {Token.make(person, 'test')[1]}"})

    assert client(manager).get("/api/v1/audit/verifications/latest").status_code == 404
    with django_capture_on_commit_callbacks(execute=True):
        answer = client(manager).post("/api/v1/audit/verifications")
    assert (answer.status_code, answer.json()["state"]) == (202, "running")
    assert client(manager).post("/api/v1/audit/verifications").json()["id"] == answer.json()["id"]
    enqueued.drain()
    found = client(manager).get("/api/v1/audit/verifications/latest").json()
    assert (found["state"], found["done"], found["faults"]) == ("succeeded", 30, [])
    assert client(developer).get("/api/v1/audit/verifications/latest").status_code == 403
    assert client(developer).post("/api/v1/audit/verifications").status_code == 403


def test_downloads_verify_elsewhere(client: Client, manager: Any, log: list[Event], tmp_path: Path) -> None:
    client.force_login(manager)
    checkpoints.make()
    for name, address in (
        ("log", "/audit/export.jsonl?since=2020-01-01&until=2999-12-31"),
        ("marks", "/audit/checkpoints.jsonl"),
    ):
        answer = client.get(address)
        (tmp_path / name).write_bytes(b"".join(answer.streaming_content))  # type: ignore[arg-type]
    report = files.verify(tmp_path / "log", tmp_path / "marks", own.public())
    assert (report.good, report.count, report.checkpoints) == (True, 30, 1)
    assert Event.objects.get(action="audit.export").after == {"form": "jsonl", "first": 1, "last": 30}


def test_cef_escapes_what_would_break_it(client: Client, manager: Any, log: list[Event], actor_dev: Actor) -> None:
    audit.record(actor_dev, "service.deploy", None, denied=True, name="x\ny")
    client.force_login(manager)
    text = b"".join(client.get("/audit/export.cef").streaming_content).decode()  # type: ignore[arg-type]
    lines = text.splitlines()
    assert len(lines) == 31
    assert lines[0].startswith("CEF:0|xqplatform|xqplatform|1|service.scale|service.scale|3|rt=")
    assert "reason=a\\=b|c\\\\\\nd" in lines[0]
    assert "|6|" in lines[30]
    assert "outcome=failure suser=dan" in lines[30]


@pytest.mark.parametrize("value", ["yesterday", "9" * 4300, "\x00", "0001-01-01", "9999-12-31", "2020-13-01"])
def test_nonsense_is_refused_in_words(client: Client, manager: Any, log: list[Event], value: str) -> None:
    client.force_login(manager)
    for page in ("export.jsonl", "export.cef"):
        assert client.get(f"/audit/{page}", {"until": value}).status_code in (200, 400, 404)
        assert client.get(f"/audit/{page}", {"since": value}).status_code in (200, 400, 404)


def test_developers_see_none_of_it(client: Client, developer: Any, log: list[Event]) -> None:
    client.force_login(developer)
    for page in ("verify/", "export.jsonl", "export.cef", "checkpoints.jsonl"):
        assert client.get(f"/audit/{page}").status_code == 403
    assert client.post("/audit/verify/").status_code == 403
    assert Event.objects.filter(denied=True, action="audit.read").count() == 5


def test_the_whole_chain_is_given_to_nobody_who_does_not_see_all_teams(client: Client, log: list[Event]) -> None:
    OwnRole.objects.create(slug="looks", title="Looks", rights=["audit.read"])
    outsider = make_person("otto", "reader")
    Grant.objects.create(user=outsider, role="looks")
    client.force_login(outsider)
    assert client.get("/audit/export.jsonl").status_code == 200
    Team.objects.create(slug="shut", closed=True)
    for page in ("export.jsonl", "export.cef"):
        assert client.get(f"/audit/{page}").status_code == 409
