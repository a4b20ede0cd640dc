"""Authorities, what they issue, and warnings in time: rows, events, pages, API."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509
from django.db import connection
from django.test import Client
from django.utils import timezone

from hosts import ca
from hosts.models import Authority, Host, IssuedCertificate, SeenCertificate
from hosts.services import certificates
from tests.hosts.test_pages import page  # noqa: F401
from xqplatform.accounts.actor import Actor
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system()


@pytest.fixture(autouse=True)
def silent_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    """No engine answers here: what it would show is tested on real ones."""
    monkeypatch.setattr(certificates, "presented", lambda host: None)


def make_host(name: str = "h1", days: int = 365) -> Host:
    authority = ca.make_authority("theirs")
    client = ca.issue(authority, "client", "uploaded", days=days)
    return Host.objects.create(
        name=name,
        address=f"{name}.example:2376",
        state="ready",
        ca=authority.cert,
        certificate=client.cert,
        key=client.key,
    )


def put(host: Host, kind: ca.Kind = "client") -> IssuedCertificate:
    row = certificates.issue(SYSTEM, host, kind, ["10.0.0.1"])
    certificates.installed([row])
    return row


def test_a_new_authority_issues_and_the_old_one_stays_trusted(actor_sre: Actor) -> None:
    first = certificates.make_authority(actor_sre, "first")
    second = certificates.make_authority(actor_sre, "second")
    first.refresh_from_db()
    assert (first.state, second.state) == ("trusted", "active")
    assert certificates.trusted() == second.certificate + first.certificate
    row = put(make_host())
    assert row.authority == second
    ca.verify(row.certificate, certificates.trusted(), "client")


def test_keys_are_encrypted_and_do_not_stay() -> None:
    row = certificates.issue(SYSTEM, make_host(), "server", ["10.0.0.1"])
    assert "PRIVATE KEY" in row.key
    with connection.cursor() as cursor:
        cursor.execute("SELECT key FROM hosts_issuedcertificate")
        assert "PRIVATE" not in cursor.fetchone()[0]
    certificates.installed([row])
    row.refresh_from_db()
    assert row.key == ""


def test_an_authority_in_use_is_not_retired(actor_sre: Actor) -> None:
    first = certificates.make_authority(actor_sre, "first")
    host = make_host("h7")
    put(host)
    with pytest.raises(Refused, match="Make a new authority first"):
        certificates.retire_authority(actor_sre, first)
    certificates.make_authority(actor_sre, "second")
    with pytest.raises(Refused, match="h7"):
        certificates.retire_authority(actor_sre, first)
    put(host)
    retired = certificates.retire_authority(actor_sre, first)
    assert retired.key == ""
    assert first.certificate not in certificates.trusted()
    with pytest.raises(Refused, match="already"):
        certificates.retire_authority(actor_sre, first)


def test_the_newer_certificate_supersedes_the_older() -> None:
    host = make_host()
    first, second = put(host), put(host)
    first.refresh_from_db()
    assert first.superseded
    assert not second.superseded
    put(host, "server")
    second.refresh_from_db()
    assert not second.superseded


def test_a_warning_is_one_event_for_each_state() -> None:
    host = make_host(days=100)
    now = timezone.now()
    for later, warned in ((0, 0), (75, 1), (76, 1), (101, 2), (102, 2)):
        certificates.look(host, now + timedelta(days=later))
        events = Event.objects.filter(action__startswith="certificate.")
        assert events.count() == warned, later
    assert [e.action for e in Event.objects.filter(action__startswith="certificate.").order_by("pk")] == [
        "certificate.due",
        "certificate.expired",
    ]


def test_what_is_no_longer_in_use_is_no_longer_warned_of() -> None:
    host = make_host(days=10)
    certificates.look(host)
    assert {row.kind for row in certificates.warnings()} == {"client"}
    pair = ca.issue(ca.make_authority("x"), "client", "y")
    host.certificate = pair.cert
    host.save()
    certificates.look(host)
    assert not certificates.warnings()


def test_what_the_engine_showed_last_counts_while_it_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    host = make_host()
    server = ca.issue(ca.make_authority("x"), "server", "h1", ["h1"], days=5)
    monkeypatch.setattr(certificates, "presented", lambda host: x509.load_pem_x509_certificate(server.cert.encode()))
    certificates.look(host)
    monkeypatch.setattr(certificates, "presented", lambda host: None)
    certificates.look(host)
    assert SeenCertificate.objects.get(kind="server").due == "due"


def test_others_may_not(actor_dev: Actor, actor_manager: Actor) -> None:
    for actor in (actor_dev, actor_manager):
        with pytest.raises(Denied):
            certificates.make_authority(actor, "mine")


def test_the_page_tells_all_and_no_key(page: Client) -> None:  # noqa: F811
    assert "No certificates yet" in page.get("/settings/certificates/").content.decode()
    page.post("/settings/certificates/", {"name": "first"})
    host = make_host(days=10)
    certificates.look(host)
    put(host)
    text = page.get("/settings/certificates/").content.decode()
    assert "first" in text
    assert "ends in 9 days" in text
    assert "Not issued by the platform" in text
    assert "PRIVATE" not in text
    assert "ends in 9 days" in page.get("/").content.decode()
    assert "ends in 9 days" in page.get("/hosts/h1/").content.decode()
    assert page.get("/settings/certificates/?q=nobody&kind=ca&by=us&sort=-end").status_code == 200
    authority = Authority.objects.get()
    download = page.get(f"/settings/certificates/{authority.pk}.pem")
    assert download.content.decode() == authority.certificate
    assert page.post("/settings/certificates/", {"name": "x" * 70}).status_code == 400


def test_the_api_lists_and_makes(page: Client) -> None:  # noqa: F811
    host = make_host(days=10)
    certificates.look(host)
    made = page.post("/api/v1/certificates/authorities", {"name": "api"}, content_type="application/json")
    assert made.status_code == 201
    assert "key" not in made.json()
    found = page.get("/api/v1/certificates").json()["items"]
    assert {(row["kind"], row["due"]) for row in found} == {("ca", "fine"), ("client", "due")}
    put(host)
    assert page.get("/api/v1/certificates/issued").json()["items"][0]["host"] == "h1"
    old = made.json()["id"]
    assert page.post(f"/api/v1/certificates/authorities/{old}/retire").status_code == 409
