"""The pages of hosts and networks, without engines."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from hosts import ca, engine
from hosts.models import Host, HostGroup, SeenContainer, Segment
from hosts.services import addresses, joining
from tests.engines.certs import Authority

CA = Authority()
CLIENT = CA.client()
FORM: dict[str, Any] = {
    "name": "h1",
    "connection": "tcp",
    "address": "10.0.0.5:2376",
    "ca": CA.cert,
    "certificate": CLIENT.cert,
    "key": CLIENT.key,
    "role_run": "on",
    "build_slots": "2",
}


@pytest.fixture
def page(sre: Any) -> Client:
    client = Client()
    client.force_login(sre)
    return client


@pytest.fixture
def furnished(db: None) -> Segment:
    group = HostGroup.objects.create(slug="room-a")
    h1 = Host.objects.create(
        name="h1", address="10.7.0.2:2376", group=group, state="ready", engine_version="20.10", labels={"rack": "a1"}
    )
    Host.objects.create(
        name="h2",
        address="10.7.0.3:2376",
        state="unreachable",
        state_since=timezone.now(),
        state_reason="It did not answer.",
    )
    Host.objects.create(name="h3", address="10.7.0.4:2376", state="ready", cordoned=True)
    Host.objects.create(name="h4", address="10.7.0.5:2376", state="retired")
    segment = Segment.objects.create(
        slug="room-a", cidr="10.7.0.0/22", gateway="10.7.0.1", reserved="10.7.0.250-10.7.0.254"
    )
    segment.hosts.add(h1)
    SeenContainer.objects.create(
        host=h1, engine_id="f" * 64, name="stranger<b>", state="running", ip="10.7.0.9", seen=timezone.now()
    )
    addresses.allocate(segment, "snow/production/1", chosen="10.7.0.20")
    return segment


@pytest.mark.parametrize(
    "url",
    [
        "/hosts/",
        "/hosts/new/",
        "/hosts/h1/",
        "/hosts/h2/",
        "/hosts/h4/",
        "/hosts/h1/edit/",
        "/hosts/groups/",
        "/hosts/groups/room-a/",
        "/network/",
        "/network/new/",
        "/network/room-a/",
        "/network/room-a/?block=10.7.2.0&q=02:42",
        "/network/room-a/?block=nonsense&page=x&q=%00",
        "/network/room-a/edit/",
        "/hosts/?format=csv",
    ],
)
def test_pages_show(page: Client, furnished: Segment, url: str) -> None:
    assert page.get(url).status_code == 200


@pytest.mark.parametrize("url", ["/hosts/nobody/", "/network/nowhere/", "/hosts/groups/none/"])
def test_what_is_not_there_is_a_404(page: Client, furnished: Segment, url: str) -> None:
    assert page.get(url).status_code == 404


def test_empty_pages_say_what_to_do(page: Client) -> None:
    assert "Connect a host" in page.get("/hosts/").content.decode()
    assert "New segment" in page.get("/network/").content.decode()


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["h1", "h2", "h3"]),
        ("state=cordoned", ["h3"]),
        ("state=ready", ["h1"]),
        ("state=unreachable", ["h2"]),
        ("state=retired", ["h4"]),
        ("group=room-a", ["h1"]),
        ("q=rack", ["h1"]),
        ("role=build", []),
        ("sort=-name", ["h3", "h2", "h1"]),
        ("sort=ours&page=99&state=nonsense", ["h1", "h2", "h3"]),
    ],
)
def test_the_fleet_is_searched_filtered_and_sorted(
    page: Client, furnished: Segment, query: str, names: list[str]
) -> None:
    rows = list(page.get(f"/hosts/?{query}").context["table"].rows)
    assert [h.name for h in rows] == names
    for h in rows:
        assert (h.ours, h.foreign) == (0, 1 if h.name == "h1" else 0)


def test_an_unreachable_host_says_since_when_and_why(page: Client, furnished: Segment) -> None:
    text = page.get("/hosts/h2/").content.decode()
    assert "It did not answer." in text


def test_foreign_names_are_escaped(page: Client, furnished: Segment) -> None:
    text = page.get("/hosts/h1/").content.decode()
    assert "stranger&lt;b&gt;" in text
    assert "stranger<b>" not in text


def test_a_host_is_connected_and_its_key_never_shown(page: Client) -> None:
    answer = page.post("/hosts/new/", FORM)
    assert answer.status_code == 302
    assert answer["Location"] == "/hosts/h1/"
    secret = CLIENT.key.splitlines()[1]
    for url in ("/hosts/h1/", "/hosts/h1/edit/", "/hosts/"):
        assert secret not in page.get(url).content.decode()
    assert page.post("/hosts/h1/edit/", {**FORM, "key": "", "role_build": "on"}).status_code == 302
    host = Host.objects.get()
    assert host.role_build
    assert host.key.strip() == CLIENT.key.strip()


def test_files_count_as_pasted_text(page: Client) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    files = {
        f"{name}_file": SimpleUploadedFile(f"{name}.pem", text.encode())
        for name, text in (("ca", CA.cert), ("certificate", CLIENT.cert), ("key", CLIENT.key))
    }
    answer = page.post("/hosts/new/", {**FORM, "ca": "", "certificate": "", "key": "", **files})
    assert answer.status_code == 302


def test_a_mistake_keeps_everything_typed_and_the_key_out_of_the_page(page: Client) -> None:
    answer = page.post("/hosts/new/", {**FORM, "name": "Not Good", "labels": "a=1"})
    text = answer.content.decode()
    assert answer.status_code == 400
    assert "Not Good" in text
    assert "a=1" in text
    assert CA.cert.splitlines()[1] in text.replace("&#x27;", "'").replace("&#43;", "+") or "BEGIN CERTIFICATE" in text
    assert CLIENT.key.splitlines()[1] not in text
    kept = answer.context["form"]["key_kept"].value()
    assert page.post("/hosts/new/", {**FORM, "key": "", "key_kept": kept}).status_code == 302
    assert Host.objects.get().key.strip() == CLIENT.key.strip()


@pytest.mark.parametrize("kept", ["nonsense", "\x00", "gAAAA"])
def test_a_kept_key_that_is_none_counts_as_empty(page: Client, kept: str) -> None:
    assert page.post("/hosts/new/", {**FORM, "key": "", "key_kept": kept}).status_code == 400


def test_a_stored_secret_cannot_be_brought_in_as_a_kept_key(page: Client) -> None:
    from xqplatform.secrets import encrypt

    assert page.post("/hosts/new/", {**FORM, "key": "", "key_kept": encrypt(CLIENT.key)}).status_code == 400


def test_the_connection_is_tested_without_saving(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    said = engine.Diagnosis(False, "tls", "The certificate was not signed by the given CA.")
    monkeypatch.setattr(engine, "diagnose", lambda spec, timeout=10: said)
    answer = page.post("/hosts/new/", {**FORM, "name": "", "test": "1"})
    text = answer.content.decode()
    assert answer.status_code == 200
    assert said.sentence in text
    assert "10.0.0.5:2376" in text
    assert not Host.objects.exists()
    answer = page.post("/hosts/new/", {**FORM, "certificate": "nonsense", "test": "1"})
    assert "Not PEM" in answer.content.decode()
    assert page.post("/hosts/new/", {"test": "1"}).status_code == 200


def test_buttons_of_a_host(page: Client, furnished: Segment) -> None:
    for action, check in (("cordon", True), ("uncordon", False)):
        assert page.post(f"/hosts/h1/{action}/", {"reason": "why"}).status_code == 302
        assert Host.objects.get(name="h1").cordoned is check
    assert page.get("/hosts/h1/cordon/").status_code == 405
    assert page.post("/hosts/h1/refresh/").status_code == 302
    assert page.post("/hosts/h1/explode/").status_code == 404
    assert page.post("/hosts/h1/retire/").status_code == 302
    assert page.post("/hosts/h1/cordon/").status_code == 409
    assert page.post("/hosts/h1/bring-back/").status_code == 302
    assert page.post("/hosts/h1/remove/").status_code == 302
    assert not Host.objects.filter(name="h1").exists()


def test_groups_by_page(page: Client, furnished: Segment) -> None:
    assert page.post("/hosts/groups/", {"slug": "b", "kind": "cloud"}).status_code == 302
    assert page.post("/hosts/groups/", {"slug": "b", "kind": "cloud"}).status_code == 400
    assert page.post("/hosts/groups/b/", {"slug": "c", "kind": "room"}).status_code == 302
    limits = {"slug": "c", "kind": "room", "reserve_memory": "1.5", "overcommit_cpus": "2"}
    assert page.post("/hosts/groups/c/", limits).status_code == 302
    assert HostGroup.objects.get(slug="c").reserve_memory == 3 << 29
    assert 'value="1.5"' in page.get("/hosts/groups/c/").content.decode()
    for value in ("9" * 4300, "nan", "-1", "1e999"):
        refused = page.post("/hosts/groups/c/", limits | {"reserve_memory": value})
        assert refused.status_code == 400
        assert value in refused.content.decode()
    assert page.post("/hosts/groups/c/", limits | {"overcommit_cpus": "0"}).status_code == 400
    assert page.post("/hosts/groups/room-a/", {"remove": "1"}).status_code == 409
    assert page.post("/hosts/groups/c/", {"remove": "1"}).status_code == 302


def test_a_segment_by_page(page: Client, furnished: Segment) -> None:
    data = {"slug": "b", "cidr": "10.9.0.0/24", "driver": "bridge", "bridge": "br0"}
    assert page.post("/network/new/", {**data, "cidr": "10.7.1.0/24"}).status_code == 400
    assert page.post("/network/new/", data).status_code == 302
    assert page.post("/network/b/edit/", {**data, "gateway": "10.9.0.1", "dns": "10.9.0.2"}).status_code == 302
    assert Segment.objects.get(slug="b").dns == ["10.9.0.2"]
    assert page.post("/network/b/remove/").status_code == 302
    assert page.post("/network/room-a/remove/").status_code == 409


def test_the_grid_shows_every_address_by_what_it_is(page: Client, furnished: Segment) -> None:
    cells = {c.ip: c for c in page.get("/network/room-a/?q=snow").context["cells"]}
    assert len(cells) == 256
    kinds = {
        "10.7.0.0": "network",
        "10.7.0.1": "gateway",
        "10.7.0.2": "host",
        "10.7.0.9": "foreign",
        "10.7.0.20": "held",
        "10.7.0.251": "range",
        "10.7.0.100": "free",
    }
    assert {ip: cells[ip].kind for ip in kinds} == kinds
    assert [ip for ip, c in cells.items() if c.hit] == ["10.7.0.20"]
    assert cells["10.7.0.20"].url == "/services/snow/production/"


@pytest.mark.parametrize("q", ["10.7.0.20", "02:42:0a:07:00:14", "02-42-0A-07-00-14", "snow"])
def test_an_address_is_found_by_ip_mac_and_holder(page: Client, furnished: Segment, q: str) -> None:
    cells = page.get("/network/room-a/", {"q": q}).context["cells"]
    assert [c.ip for c in cells if c.hit] == ["10.7.0.20"]


def test_an_address_is_reserved_and_freed_by_page(page: Client, furnished: Segment) -> None:
    assert page.post("/network/room-a/reserve/", {"ip": "10.7.0.30", "note": "printer"}).status_code == 302
    row = furnished.addresses.get(ip="10.7.0.30")
    for bad in ("", "10.7.0.30", "10.7.0.20", "10.9.0.1", "x", "10.7.0.1"):
        assert page.post("/network/room-a/reserve/", {"ip": bad}).status_code == 400
    assert page.post(f"/network/room-a/unreserve/{row.pk}/").status_code == 302
    assert page.post(f"/network/room-a/unreserve/{row.pk}/").status_code == 404


@pytest.mark.parametrize("who", ["developer", "manager"])
def test_others_look_and_may_not_touch(request: pytest.FixtureRequest, furnished: Segment, who: str) -> None:
    client = Client()
    client.force_login(request.getfixturevalue(who))
    for url in ("/hosts/", "/hosts/h1/", "/network/", "/network/room-a/", "/hosts/groups/"):
        assert client.get(url).status_code == 200
    for url in ("/hosts/new/", "/hosts/h1/edit/", "/network/new/", "/network/room-a/edit/"):
        assert client.get(url).status_code == 403
    for url in (
        "/hosts/new/", "/hosts/h1/cordon/", "/hosts/h1/remove/", "/hosts/h1/retire/", "/hosts/groups/",
        "/network/room-a/remove/",
    ):  # fmt: skip
        assert client.post(url, FORM).status_code == 403
    assert client.post("/network/room-a/reserve/", {"ip": "10.7.0.40"}).status_code == 403
    assert Client().get("/hosts/").status_code == 302


def test_an_lxd_server_is_connected_by_its_trust(page: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong is said beside its field, nothing typed is lost but what was said once."""
    form = {"name": "store-1", "runtime": "lxd", "connection": "tcp", "address": "10.9.9.9", "role_run": "on"}

    def errors(**more: str) -> dict[str, list[str]]:
        answer = page.post("/hosts/new/", form | more)
        assert answer.status_code == 400
        assert b"store-1" in answer.content
        assert b"let me in" not in answer.content
        return {name: list(words) for name, words in answer.context["form"].errors.items()}

    assert list(errors()) == ["trust"]
    monkeypatch.setattr(joining, "shown_by", lambda spec: None)
    assert list(errors(trust="let me in")) == ["address"]
    monkeypatch.setattr(joining, "shown_by", lambda spec: ca.load(CA.cert))
    fingerprint = ca.facts(CA.cert).fingerprint
    assert fingerprint in errors(trust="let me in")["fingerprint"][0]
    assert list(errors(trust="let me in", fingerprint="ab" * 32)) == ["fingerprint"]
    assert list(errors(role_build="on")) == ["role_build"]
    assert list(errors(connection="ssh")) == ["connection"]
    assert not Host.objects.exists()
    seen = page.post("/hosts/new/", form | {"test": "1"}).content.decode()
    assert fingerprint in seen


def test_the_pages_of_an_lxd_server(page: Client, db: None) -> None:
    Host.objects.create(
        name="store-1", runtime="lxd", address="10.9.9.9:8443", ca=CA.cert, certificate=CLIENT.cert, key=CLIENT.key,
        state="ready", engine_version="5.0.2", api_version="1.0",
    )  # fmt: skip
    assert "LXD 5.0.2" in page.get("/hosts/store-1/").content.decode()
    assert "LXD 5.0.2" in page.get("/hosts/").content.decode()
    form = {"name": "store-1", "connection": "tcp", "address": "10.9.9.9:8443", "ca": CA.cert, "certificate": CLIENT.cert,
            "role_run": "on", "labels": "disk=fast"}  # fmt: skip
    assert page.get("/hosts/store-1/edit/").status_code == 200
    assert page.post("/hosts/store-1/edit/", form).status_code == 302
    row = Host.objects.get()
    assert (row.runtime, row.labels) == ("lxd", {"disk": "fast"})
    answer = page.post("/hosts/store-1/edit/", form | {"runtime": "docker"})
    assert list(answer.context["form"].errors) == ["runtime"]
