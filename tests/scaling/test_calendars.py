"""A calendar by which policies go is not taken from below them."""

from __future__ import annotations

from typing import Any

import pytest

from containers.guardrails import calendars as verbs
from containers.models import Calendar, Service
from containers.scaling import calendars, services
from containers.scaling.models import ScalingPolicy
from tests.factories import make_running_place
from tests.scaling.test_evaluate import BY_CPU
from xqplatform.accounts.actor import Actor
from xqplatform.errors import Refused

pytestmark = pytest.mark.django_db
POINT = {"calendar": "sse", "anchor": "open", "minutes": -20, "instances": 4}


def test_one_that_policies_go_by_is_not_removed_and_they_are_named(
    team: Any, actor_sre: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = Calendar.objects.create(slug="sse", title="Shanghai", zone="Asia/Shanghai")
    other = Calendar.objects.create(slug="lse", title="London", zone="Europe/London")
    places = [make_running_place(slug, instances=1, team=team) for slug in ("snow", "floe")]
    for place in places:
        services.save(actor_sre, place, BY_CPU | {"market": [POINT]})
    ScalingPolicy.objects.filter(place=places[1]).update(content={"market": [POINT, 5], "zone": "Middle/Earth"})
    with pytest.raises(Refused) as refused:
        verbs.remove_calendar(actor_sre, row)
    assert all(str(place) in refused.value.message for place in places)
    verbs.remove_calendar(actor_sre, other)
    monkeypatch.setattr(calendars, "visible", lambda actor, model: model.objects.none())
    assert "2, of teams" in calendars.used(actor_sre, row)
    services.save(actor_sre, places[0], BY_CPU)
    Service.objects.filter(pk=places[1].service_id).update(removed="2026-01-01T00:00Z")
    verbs.remove_calendar(actor_sre, row)
    assert not Calendar.objects.exists()
