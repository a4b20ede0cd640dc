"""Hosts and networks over the API."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from hosts import engine
from hosts.models import Host, Segment
from tests.hosts.test_pages import CA, CLIENT
from xqplatform.accounts.models import Token

GOOD = {"name": "h1", "address": "10.0.0.5", "ca": CA.cert, "certificate": CLIENT.cert, "key": CLIENT.key}


class Api:
    def __init__(self, user: Any) -> None:
        self.headers = {"Authorization": f"Bearer {Token.make(user, 'test')[1]}"}

    def __call__(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        answer = Client().generic(
            method,
            f"/api/v1{path}",
            body if isinstance(body, str) else json.dumps(body if body is not None else {}),
            content_type="application/json",
            headers=self.headers,
        )
        return answer.status_code, json.loads(answer.content) if answer.content else None


@pytest.fixture
def call(sre: Any) -> Api:
    return Api(sre)


def test_a_hosts_life(call: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        engine, "diagnose", lambda spec, timeout=10: engine.Diagnosis(True, "ok", f"{spec.url} answers")
    )
    assert call("POST", "/hosts/test", {**GOOD, "name": "x"})[1]["sentence"] == "10.0.0.5:2376 answers"
    status, host = call("POST", "/hosts", GOOD)
    assert status == 201
    assert "PRIVATE" not in json.dumps(host)
    assert host["roles"] == ["run"]
    assert call("GET", "/hosts?state=new&role=run")[1]["count"] == 1
    assert call("PATCH", "/hosts/h1", {"role_build": True, "labels": {"a": "b"}})[1]["roles"] == ["run", "build"]
    assert call("POST", "/hosts/h1/test")[1]["ok"] is True
    assert call("POST", "/hosts/h1/cordon", {"reason": "disk"})[1]["cordoned"] is True
    assert call("POST", "/hosts/h1/uncordon")[1]["cordoned"] is False
    assert call("POST", "/hosts/h1/refresh")[0] == 202
    assert call("GET", "/hosts/h1/containers")[1]["items"] == []
    assert call("POST", "/hosts/h1/retire", {})[1]["state"] == "retired"
    assert call("POST", "/hosts/h1/bring-back")[1]["state"] == "new"
    assert call("DELETE", "/hosts/h1")[0] == 204
    assert call("GET", "/hosts/h1")[0] == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({**GOOD, "name": "No Good"}, "name"),
        ({**GOOD, "name": None}, "name"),
        ({**GOOD, "name": 7}, "name"),
        ({**GOOD, "connection": "x"}, "connection"),
        ({**GOOD, "address": None}, "address"),
        ({**GOOD, "ca": None}, "ca"),
        ({**GOOD, "key": ""}, "key"),
        ({**GOOD, "labels": {"=": "x"}}, "labels"),
        ({**GOOD, "labels": "x"}, "labels"),
        ({**GOOD, "group": "none"}, "group"),
        ({**GOOD, "build_slots": 10**30}, "build_slots"),
        ({**GOOD, "build_slots": None}, "build_slots"),
        ({**GOOD, "state": "ready"}, "state"),
    ],
)
def test_nonsense_is_a_4xx_at_its_field(call: Api, body: Any, field: str) -> None:
    status, answer = call("POST", "/hosts", body)
    assert 400 <= status < 500
    assert answer["field"] == field
    assert not Host.objects.exists()


@pytest.mark.parametrize("body", ["", "nonsense", "[]", "null", "7", '"x"'])
def test_a_body_that_is_none_is_a_4xx(call: Api, body: str) -> None:
    assert 400 <= call("POST", "/hosts", body)[0] < 500
    assert 400 <= call("POST", "/segments", body)[0] < 500


def test_a_segment_and_its_addresses(call: Api) -> None:
    assert (
        call("POST", "/segments", {"slug": "a", "cidr": "10.7.0.0/24", "gateway": "10.7.0.1", "dns": ["1.1.1.1"]})[0]
        == 201
    )
    assert call("POST", "/segments", {"slug": "b", "cidr": "10.7.0.0/25"})[1]["field"] == "cidr"
    assert call("PATCH", "/segments/a", {"mtu": 1400})[1]["mtu"] == 1400
    assert call("PATCH", "/segments/a", {"hosts": ["nobody"]})[1]["field"] == "hosts"
    assert call("POST", "/segments/a/addresses", {"ip": "10.7.0.9", "note": "printer"})[0] == 201
    assert call("POST", "/segments/a/addresses", {"ip": "10.7.0.9"})[0] == 409
    assert call("POST", "/segments/a/addresses", {"ip": "x"})[0] == 400
    assert call("GET", "/segments/a/addresses?state=reserved")[1]["items"][0]["mac"] == "02:42:0a:07:00:09"
    assert call("GET", "/segments")[1]["count"] == 1
    assert call("DELETE", "/segments/a/addresses/10.7.0.9")[0] == 204
    assert call("DELETE", "/segments/a/addresses/nonsense")[0] == 404
    assert call("DELETE", "/segments/a")[0] == 204
    assert not Segment.objects.exists()


def test_a_segments_networks_figures_and_macs(call: Api) -> None:
    Host.objects.create(name="h1", address="10.7.0.5:2376")
    given = {
        "slug": "a",
        "cidr": "10.7.0.0/24",
        "gateway": "10.7.0.1",
        "hosts": ["h1"],
        "reserved": "10.7.0.200-10.7.0.209",
    }
    assert call("POST", "/segments", given)[0] == 201
    assert (
        call("POST", "/segments/a/addresses", {"ip": "10.7.0.9", "mac": "AA-BB-CC-00-11-22"})[1]["mac"]
        == "aa:bb:cc:00:11:22"
    )
    assert call("POST", "/segments/a/addresses", {"ip": "10.7.0.8", "mac": "01:00:5e:00:00:01"})[1]["field"] == "mac"
    assert (
        call("POST", "/segments/a/addresses", {"ip": "10.7.0.8", "holder": "snow/grey/1"})[1]["holder"] == "snow/grey/1"
    )
    figures = {"free": 240, "held": 0, "quarantine": 0, "reserved": 12, "pool": 243}
    assert call("GET", "/segments/a/figures")[1] == figures
    assert [(row["host"], row["state"]) for row in call("GET", "/segments/a/networks")[1]] == [("h1", "unknown")]
    assert call("POST", "/segments/a/networks", {"host": "h1"})[1]["asked"] == "verify"
    assert call("POST", "/segments/a/networks", {"host": "h1", "do": "paint"})[0] == 422
    assert call("POST", "/segments/a/networks", {"host": "h2"})[0] == 404


def test_groups_over_the_api(call: Api) -> None:
    assert call("POST", "/host-groups", {"slug": "room-a"})[0] == 201
    assert call("PATCH", "/host-groups/room-a", {"kind": "cloud"})[1]["kind"] == "cloud"
    changed = call("PATCH", "/host-groups/room-a", {"reserve_memory": 1 << 30, "overcommit_memory": 1})[1]
    assert (changed["reserve_memory"], changed["overcommit_memory"]) == (1 << 30, 1)
    assert call("PATCH", "/host-groups/room-a", {"overcommit_memory": 0})[0] == 400
    assert call("PATCH", "/host-groups/room-a", {"reserve_memory": 10**4299})[0] in {400, 422}
    assert call("GET", "/host-groups")[1]["count"] == 1
    assert call("DELETE", "/host-groups/room-a")[0] == 204


def test_developers_read_and_may_not_change(developer: Any) -> None:
    call = Api(developer)
    assert call("GET", "/hosts")[0] == 200
    assert call("POST", "/hosts", GOOD)[0] == 403
    assert call("POST", "/segments", {"slug": "a", "cidr": "10.7.0.0/24"})[0] == 403
