"""The list of releases by the days on which they ended."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from tests import factories

pytestmark = pytest.mark.django_db
PAGE = "/releases/"


def test_it_is_narrowed_to_days(client: Client, developer: Any, team: Any) -> None:
    place = factories.make_place(factories.make_service("flake", team))
    moments = [
        datetime(2026, 11, 9, 0, 0, tzinfo=UTC),
        datetime(2026, 11, 15, 23, 59, 59, tzinfo=UTC),
        datetime(2026, 11, 16, tzinfo=UTC),
    ]
    first, last, after = (factories.make_deployment(place, "succeeded", finished=moment) for moment in moments)
    waits = factories.make_deployment(place, "waiting", finished=None)
    client.force_login(developer)

    def listed(**asked: str) -> set[int]:
        page = client.get(PAGE, asked)
        assert page.status_code == 200
        return {one.pk for one in page.context["deployments"]}

    assert listed() == {first.pk, last.pk, after.pk, waits.pk}
    assert listed(**{"from": "2026-11-09", "to": "2026-11-15"}) == {first.pk, last.pk}
    assert listed(**{"from": "2026-11-10"}) == {last.pk, after.pk}
    assert listed(to="2026-11-09", service="flake") == {first.pk}
    page = client.get(PAGE, {"from": "2026-11-09", "service": "flake"}).content.decode()
    assert 'name="from" value="2026-11-09"' in page
    assert '<input type="hidden" name="service" value="flake">' in page  # a search stays with the service


@pytest.mark.parametrize("asked", [
    {"from": "2026-11-10", "to": "2026-11-09"}, {"from": "yesterday"}, {"to": "2026-02-30"}, {"from": "9" * 4300},
    {"to": "0001-01-01"}, {"to": "9999-12-31"}, {"from": "\x00"}, {"from": "<script>alert(1)</script>"},
])  # fmt: skip
def test_nonsense_is_told(client: Client, developer: Any, asked: dict[str, str]) -> None:
    client.force_login(developer)
    page = client.get(PAGE, asked)
    assert page.status_code == 400
    assert b'role="alert"' in page.content
    assert b"<script>alert" not in page.content
