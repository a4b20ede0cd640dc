"""The past that pictures and bench are given is one that the pages can read."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from containers.capacity import score_weeks
from containers.capacity.models import ScoreWeek, Span
from containers.models import Instance
from containers.scaling.models import ScalingDecision
from tests.factories import make_running_place
from tests.past import elasticity
from tests.past.days import added_up, roll_ups, until_yesterday
from tests.past.releases import health, releases

pytestmark = pytest.mark.django_db


def test_a_written_past_is_read_as_one_that_happened(client: Client, sre: Any, team: Any) -> None:
    dice, now = random.Random(3), datetime.now(UTC)
    place, days = make_running_place(instances=2, team=team), until_yesterday(20)
    releases(dice, place, "dan", now - timedelta(hours=2), 20, 6, 0.3)
    elasticity.decisions(place, now)
    Instance.objects.filter(removed=None).update(created=now - timedelta(days=20))
    health(dice, [place], days)
    roll_ups(dice, days)
    added_up(days)
    assert elasticity.series(place, now, dice) > 2 * elasticity.DAYS * 86400 / elasticity.TICK
    score_weeks.count()
    assert Span.objects.filter(of="fleet", days=7, measured=7).exists()
    assert any(row.tallies for row in ScoreWeek.objects.all())
    assert {one.asked for one in ScalingDecision.objects.all()} == {elasticity.LEAST, elasticity.OPEN, elasticity.MOST}
    client.force_login(sre)
    for page in ("", "scorecard/", "right-sizing/", "?by=service"):
        assert client.get(f"/capacity/{page}").status_code == 200
