"""Days of health: from what was measured, over gaps, deaths of hosts, and a platform that was away."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from containers.capacity import health_days, objectives, reading
from containers.capacity.models import Day, HealthDay, Objective
from containers.models import Instance, ServiceEnvironment
from tests import factories
from xqplatform import metrics
from xqplatform.accounts.rights import Denied
from xqplatform.errors import Refused
from xqplatform.metrics import Sample

pytestmark = pytest.mark.django_db
HOUR = 3600
ALL_DAY = range(0, 24 * HOUR, 10)


@pytest.fixture
def day(settings: Any) -> date:
    """Yesterday, rolled up; the place was released long before."""
    settings.METRICS_LATE, settings.METRICS_LEAST_FREE = 60 * 86400.0, 0
    found = (timezone.now() - timedelta(days=1)).astimezone(UTC).date()
    Day.objects.create(day=found, made=timezone.now())
    return found


@pytest.fixture
def place(day: date) -> ServiceEnvironment:
    place = factories.make_place(wanted=2)
    before = datetime.combine(day, datetime.min.time(), UTC) - timedelta(days=3)
    factories.make_deployment(place, started=before, finished=before)
    for _n in range(2):
        factories.make_instance(place, factories.make_host())
    place.instances.update(created=before)
    return place


def measured(day: date, instance: Instance, *, down: range = range(0), health: float | None = None,
             host_down: range = range(0), bad: range = range(0)) -> None:  # fmt: skip
    """All day: the host but for `host_down`, the instance but for `down`; its check fails in `bad`. Seconds of the day."""
    start = reading.bounds(day)[0]
    samples = []
    for at in ALL_DAY:
        if at not in host_down:
            samples.append(Sample(f"host:{instance.host_id}", start + at, {"cpu.cores": 1.0}))
            if at not in down:
                values = {"up": 1.0} if health is None else {"up": 1.0, "health": 0.0 if at in bad else health}
                samples.append(Sample(f"instance:{instance.pk}", start + at, values))
    metrics.write(samples)


def row_of(place: ServiceEnvironment, day: date) -> tuple[int, int, int]:
    assert health_days.run() is True
    row = HealthDay.objects.get(place=place, day=day)
    return row.good, row.bad, row.unknown


def test_one_of_two_is_enough(place: ServiceEnvironment, day: date) -> None:
    first, second = place.instances.all()
    measured(day, first, down=range(0, HOUR))
    measured(day, second, down=range(3 * HOUR, 4 * HOUR))
    assert row_of(place, day) == (86400, 0, 0)


def test_an_outage_is_counted_by_the_minute(place: ServiceEnvironment, day: date) -> None:
    first, second = place.instances.all()
    measured(day, first, down=range(HOUR, 2 * HOUR))
    measured(day, second, health=1.0, bad=range(HOUR + 120, HOUR + 420))
    assert row_of(place, day) == (86400 - 300, 300, 0)


def test_two_may_be_promised(place: ServiceEnvironment, day: date) -> None:
    Objective.objects.create(place=place, target=99, least=2)
    first, second = place.instances.all()
    measured(day, first, down=range(HOUR, HOUR + 600))
    measured(day, second)
    assert row_of(place, day) == (86400 - 600, 600, 0)


def test_where_nothing_was_measured_nobody_knows(place: ServiceEnvironment, day: date) -> None:
    first, second = place.instances.all()
    measured(day, first, down=range(0, 24 * HOUR))  # its host was: it did not run
    measured(day, second, host_down=range(5 * HOUR, 6 * HOUR))
    assert row_of(place, day) == (86400 - HOUR, 0, HOUR)


def test_nothing_is_promised_before_the_first_release_and_without_instances(day: date) -> None:
    place = factories.make_place()
    assert row_of(place, day) == (0, 0, 0)
    noon = datetime.combine(day, datetime.min.time(), UTC) + timedelta(hours=12)
    other = factories.make_place(factories.make_service())
    one = factories.make_instance(other, factories.make_host())
    Instance.objects.filter(pk=one.pk).update(created=noon - timedelta(hours=1), removed=noon + timedelta(hours=2))
    factories.make_deployment(other, started=noon, finished=noon)
    measured(day, one, down=range(13 * HOUR, 24 * HOUR))
    assert row_of(other, day) == (HOUR, HOUR, 0)


def test_a_round_that_died_is_gone_on_with_and_done_twice_changes_nothing(place: ServiceEnvironment, day: date) -> None:
    for one in place.instances.all():
        measured(day, one)
    factories.make_place(factories.make_service())
    assert health_days.run(budget=-1) is False  # at least a portion was written
    assert health_days.run() is True
    before = list(HealthDay.objects.values())
    assert len(before) == 2
    health_days.run()
    assert list(HealthDay.objects.values()) == before


def test_the_day_under_way_counts_for_an_objective(place: ServiceEnvironment, day: date, actor_sre: Any) -> None:
    objectives.save(actor_sre, place, {"target": "99.9"})
    health_days.run(datetime.combine(day + timedelta(days=1), datetime.min.time(), UTC) + timedelta(hours=6, minutes=5))
    assert HealthDay.objects.get(place=place, day=day + timedelta(days=1)).until == 6 * HOUR


def test_a_budget_is_shown_where_people_look(
    client: Client, developer: Any, place: ServiceEnvironment, day: date
) -> None:
    address = f"/services/{place.service.slug}/production/"
    client.force_login(developer)
    assert "available in the last 30 days" not in client.get(address).content.decode()
    HealthDay.objects.create(place=place, day=day, good=86400 - 432, bad=432, unknown=0, least=1, until=86400)
    Objective.objects.create(place=place, target="99.9", least=1)
    page = client.get(address).content.decode()
    assert "99.5 %" in page
    assert "83.3 % left (36 min)" in page
    assert "36 min · 99.9 %" in client.get("/capacity/scorecard/").content.decode()
    assert "1 of 1 kept" in client.get("/capacity/scorecard/").content.decode()


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"target": "100"}, "target"), ({"target": "9" * 4300}, "target"), ({"target": "NaN"}, "target"),
        ({"target": "99.99999"}, "target"), ({"target": ""}, "target"), ({"target": "1e1"}, "target"),
        ({"target": "99", "least": "0"}, "least"), ({"target": "99", "least": "3"}, "least"),
        ({"target": "99", "least": "1\0"}, "least"),
    ],
)  # fmt: skip
def test_nonsense_is_refused_at_its_field(
    place: ServiceEnvironment, actor_sre: Any, data: dict[str, str], field: str
) -> None:
    with pytest.raises(Refused) as caught:
        objectives.save(actor_sre, place, data)
    assert caught.value.field == field
    assert not Objective.objects.exists()


def test_the_page_keeps_what_was_typed(client: Client, sre: Any, place: ServiceEnvironment) -> None:
    client.force_login(sre)
    address = f"/capacity/scorecard/{place.service.slug}/production/objective/"
    answer = client.post(address, {"production-target": "a lot", "production-least": "1"})
    assert answer.status_code == 400
    assert 'value="a lot"' in answer.content.decode()
    assert client.post(address, {"production-target": "99.9 %", "production-least": "2"}).status_code == 302
    assert Objective.objects.get(place=place).shown == "99.9"
    assert client.post(address, {"remove": "1"}).status_code == 302
    assert not Objective.objects.exists()


def test_who_may_not_change_the_service_sets_no_objective(place: ServiceEnvironment, actor_manager: Any) -> None:
    with pytest.raises(Denied):
        objectives.save(actor_manager, place, {"target": "99"})
