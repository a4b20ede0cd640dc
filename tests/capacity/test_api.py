"""The overview's figures over the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from containers.capacity.models import SumDay
from tests import factories
from tests.capacity.rows import make_days, yesterday

pytestmark = pytest.mark.django_db


@pytest.fixture
def get(client: Client, manager: Any) -> Any:
    client.force_login(manager)

    def read(path: str, status: int = 200) -> Any:
        answer = client.get(f"/api/v1/capacity{path}")
        assert answer.status_code == status, answer.content
        return answer.json()

    return read


def test_lines_days_and_runways(get: Any) -> None:
    for n in range(3):
        factories.make_host(f"h{n}", group=factories.make_group("room-b" if n else "room-a"))
    make_days(40, lambda n: 0.4 + n / 200)
    lines = get("?by=host&limit=2&offset=1")
    assert [one["name"] for one in lines] == ["h1", "h2"]
    assert (lines[0]["cpus"], lines[0]["measured"], lines[0]["until"]) == (16, 30, str(yesterday()))
    days = get("/days?of=group&name=Room B&range=7d")
    assert len(days) == 7
    assert days[-1]["cpus"] == 32
    assert days[-1]["cpu_p95"] == pytest.approx(32 * 0.595)
    first = get("/runways")[0]
    assert (first["resource"], first["basis"], first["state"]) == ("cpu", "used", "ends")
    assert first["soonest"] <= first["days"] <= first["latest"]
    assert first["words"].startswith("full in 81 days")


def test_days_that_are_missing_are_not_made_up_for_by_older_ones(get: Any) -> None:
    factories.make_host("h0")
    make_days(20)
    SumDay.objects.filter(day=yesterday() - timedelta(days=3)).delete()
    days = [one["day"] for one in get("/days?range=7d")]
    assert len(days) == 6
    assert days[0] == str(yesterday() - timedelta(days=6))


def test_what_there_is_not_is_said(get: Any) -> None:
    assert get("") == get("/runways") == []
    assert get("?by=planet", 400)["field"] == "by"
    assert get("/days?of=host", 400)["field"] == "of"
    get("/days?of=group&name=nowhere", 404)
    get("?limit=0", 422)
    get("?offset=" + "9" * 4300, 422)
