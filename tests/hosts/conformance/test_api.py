"""Conformance over the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from hosts.conformance.checks import CHECKS
from hosts.models import HostGroup, HostOperation, Profile, SshAccess, Waiver
from tests.hosts.conformance.test_pages import FORWARDS, make
from xqplatform.accounts.models import Token

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(sre: Any) -> Any:
    client = Client(headers={"Authorization": f"Bearer {Token.make(sre, 'test')[1]}"})

    def call(method: str, path: str, data: Any = None, status: int = 200) -> Any:
        answer = client.generic(
            method, f"/api/v1{path}", "" if data is None else _json(data), content_type="application/json"
        )
        assert answer.status_code == status, answer.content
        return answer.json() if answer.content else None

    return call


def _json(data: Any) -> str:
    import json

    return json.dumps(data)


def test_a_hosts_verdicts_come_with_evidence_and_fix(api: Any) -> None:
    make("h1", **FORWARDS)
    found = api("GET", "/hosts/h1/conformance")
    first = found["checks"][0]
    assert (found["profile"], found["read_by"]) == ("run", "ssh")
    assert (first["check"], first["state"], first["evidence"]) == ("ip_forward", "fails", "net.ipv4.ip_forward = 1")
    assert first["fix"]["commands"] == ["sysctl -w net.ipv4.ip_forward=0"]
    assert len(api("GET", "/conformance/checks")["items"]) == len(CHECKS)


def test_the_matrix_is_filtered(api: Any) -> None:
    make("h1", **FORWARDS)
    make("h2")
    rows = api("GET", "/conformance")["items"]
    assert [(row["host"], row["fails"]) for row in rows] == [("h1", 1), ("h2", 0)]
    assert rows[0]["states"]["ip_forward"] == "fails"
    assert [row["host"] for row in api("GET", "/conformance?check=ip_forward")["items"]] == ["h1"]
    assert api("GET", "/conformance?state=waived")["items"] == []


def test_a_fix_is_started_and_taken_back(api: Any) -> None:
    host = make("h1", **FORWARDS)
    api("POST", "/hosts/h1/conformance/check", {}, 202)
    api("POST", "/hosts/h1/conformance/ip_forward/fix", {}, 409)
    SshAccess.objects.create(host=host, user="root", address="h1.example", key="k")
    started = api("POST", "/hosts/h1/conformance/ip_forward/fix", {"reason": "spikes"}, 202)
    assert started["operation"] == HostOperation.objects.get().pk
    undo = {"files": [], "commands": [["true"]]}
    HostOperation.objects.update(state="succeeded", params={"check": "ip_forward", "undo": undo})
    again = api("POST", "/hosts/h1/conformance/ip_forward/undo", {}, 202)
    assert HostOperation.objects.get(pk=again["operation"]).kind == "conformance.undo"
    api("POST", "/hosts/h1/conformance/nonsense/fix", {}, 400)


def test_waivers_and_profiles(api: Any) -> None:
    group = HostGroup.objects.create(slug="room-a")
    make("h1", group, **FORWARDS)
    day = str(timezone.localdate() + timedelta(days=9))
    made = api(
        "POST", "/conformance/waivers", {"group": "room-a", "check": "ip_forward", "reason": "x", "until": day}, 201
    )
    assert api("GET", "/hosts/h1/conformance")["checks"][0]["state"] == "waived"
    assert api("GET", "/conformance/waivers")["items"][0]["group"] == "room-a"
    api("DELETE", f"/conformance/waivers/{made['id']}", status=204)
    assert not Waiver.objects.exists()
    profile = api("POST", "/conformance/profiles", {"role": "run", "group": "room-a", "off": ["swap"]}, 201)
    assert profile["daemon"]["bridge"] == "none"
    changed = api("PATCH", f"/conformance/profiles/{profile['id']}", {"thresholds": {"free_percent": 40}})
    assert (changed["thresholds"], changed["off"]) == ({"free_percent": 40}, ["swap"])
    assert [row["name"] for row in api("GET", "/conformance/profiles")["items"]][:3] == ["run", "build", "registry"]
    api("DELETE", f"/conformance/profiles/{profile['id']}", status=204)
    assert not Profile.objects.exists()
    api("PATCH", f"/conformance/profiles/{profile['id']}", {}, 404)
