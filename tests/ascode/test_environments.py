"""Environments in files: their rules, their windows, and one that is made together with a service in it."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models import QuerySet

from containers.ascode import applying, drift
from containers.models import Calendar, Freeze
from containers.services import catalog
from tests import factories
from tests.ascode.helpers import PRODUCTION, apply, text_of
from xqplatform.errors import Refused

pytestmark = pytest.mark.django_db


def test_an_environment_with_its_rules_and_windows(actor_sre: Any) -> None:
    environment = factories.make_environment("grey")
    Calendar.objects.create(slug="sse", title="Shanghai")
    Freeze.objects.create(
        environment=environment, kind="once", reason="gone", starts="2020-01-01T00:00Z", ends="2020-01-02T00:00Z"
    )
    text = (
        "apiVersion: xqplatform/v1\nkind: Environment\nname: grey\ntitle: Grey zone\n"
        "guardrails: {approvals: 2, ticket: OPS-#, proof: true, proof_from: [pre-release]}\n"
        "freezes:\n- {kind: market, calendar: sse, before: 15}\n"
        "- {kind: weekly, days: [4, 0], start: 09:15, end: 15:00, zone: Asia/Shanghai}\n"
        "- {kind: once, reason: new year, starts: 2099-12-31T18:00+08:00, ends: 2100-01-01T08:00+08:00}\n"
        "- {kind: once, reason: long over, starts: 2021-12-31T18:00+08:00, ends: 2022-01-01T08:00+08:00}\n"
    )
    apply(actor_sre, text)
    environment.refresh_from_db()
    assert environment.title == "Grey zone"
    assert environment.guardrails.approvals == 2
    assert sorted(environment.freezes.values_list("kind", flat=True)) == ["market", "once", "once", "weekly"]
    assert applying.preview(actor_sre, text).count == 0
    assert applying.preview(actor_sre, text_of("Environment", "grey"), prune=True).count == 0
    plan = applying.preview(actor_sre, text.replace("before: 15", "before: 20"), prune=True)
    assert sorted(c.kind for c in plan.targets[0].changes if c.path[0] == "freezes") == ["added", "removed"]
    apply(actor_sre, text.replace("before: 15", "before: 20"), prune=True)
    assert environment.freezes.get(kind="market").before == 20
    report = drift.of_environment(environment)
    assert report is not None
    assert report.state == "same"


def test_an_environment_and_a_service_in_it_in_one_file(actor_sre: Any, place: Any) -> None:
    text = (
        "# both\n"
        + PRODUCTION.replace("production", "lab")
        + "    instances: 4\n---\napiVersion: xqplatform/v1\nkind: Environment\nname: lab\n"
    )
    files = apply(actor_sre, text)
    assert [file.name for file in files] == ["snow", "lab"]
    assert files[0].text.startswith("# both")
    assert place.service.places.get(environment__slug="lab").wanted == 4


def test_two_that_make_one_environment_at_once(actor_sre: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog.save_environment(actor_sre, None, {"slug": "lab"})
    monkeypatch.setattr(QuerySet, "exists", lambda _rows: False)  # the other one looked before this one was written
    with pytest.raises(Refused, match="lab"):
        catalog.save_environment(actor_sre, None, {"slug": "lab"})
