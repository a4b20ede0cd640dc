"""What a trial says of money, and how much of a place's past it reads."""

from __future__ import annotations

import math
import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from containers.capacity import costing, hourly
from containers.capacity.costing import Machine
from containers.capacity.models import Price
from containers.models import Instance, ServiceEnvironment
from containers.scaling import history, trial
from containers.scaling.parsing import parse
from hosts.models import Host
from tests.factories import make_config, make_running_place
from tests.scaling.test_evaluate import BY_CPU
from xqplatform import metrics
from xqplatform.metrics import Sample

DAY = date(2026, 11, 30)
GIB = 1 << 30


@given(st.floats(0.1, 8), st.integers(1, 64), st.floats(0, 1000))
def test_instances_that_fill_a_host_bear_its_whole_price(cpus: float, count: int, monthly: float) -> None:
    machine = Machine(1, None, 64, 256 * GIB, cpus * count, GIB * count, 0, 0)
    prices = costing.valid(DAY, [costing.Price(DAY, monthly)])
    one = costing.of_one(machine, prices, cpus, GIB)
    assert one is not None
    assert math.isclose(one * count, monthly, abs_tol=1e-6)
    assert costing.of_one(machine, {}, cpus, GIB) is None


@pytest.fixture
def place(team: Any) -> ServiceEnvironment:
    place = make_running_place(instances=2, team=team)
    place.current_config = place.config = make_config(place, {"cpus": 2, "memory": 4 * GIB})
    place.save()
    return place


@pytest.mark.django_db
def test_what_an_hour_costs_or_why_nobody_can_say(place: ServiceEnvironment) -> None:
    assert "No prices" in hourly.of(place).told
    hosts = list(Host.objects.filter(instances__place=place).distinct())
    stranger = Host.objects.exclude(pk__in=[host.pk for host in hosts]).first()
    Price.objects.create(host=stranger, monthly=100, currency="EUR", valid_from=DAY - timedelta(days=9))
    assert "no prices" in hourly.of(place, DAY).told, "those of other hosts say nothing"
    Price.objects.create(host=hosts[0], core=10, gib=1, currency="EUR", valid_from=DAY - timedelta(days=9))
    rate = hourly.of(place, DAY)
    offered = hourly.of_host(hosts[0])
    month = 10 * hosts[0].cpus * 2 / offered.cpus + hosts[0].memory / GIB * 4 * GIB / offered.memory
    assert rate.amount == pytest.approx(month / hourly.MONTH)
    assert rate.words(100).endswith(" EUR")
    assert ("without a price" in rate.told) == (len(hosts) > 1)
    place.current_config = place.config = make_config(place, {})
    place.save()
    assert "no limits" in hourly.of(place, DAY).told
    assert hourly.of(place, DAY).words(5) == "no prices"


@pytest.mark.django_db
def test_a_trial_shows_money_beside_saturation(place: ServiceEnvironment) -> None:
    now = time.time() // 60 * 60
    place.instances.update(created=timezone.now() - timedelta(days=8))
    moments = [now - 60 * minute for minute in range(600, 0, -1)]
    metrics.write(
        [Sample(f"instance:{one.pk}", at, {"cpu.percent": 20.0}) for at in moments for one in place.instances.all()]
    )
    found = trial.trial(place, parse(BY_CPU), None)
    assert dict(trial.rows(found))["Cost"] == ["no prices", "no prices"]
    Price.objects.create(monthly=300, currency="CNY", valid_from=DAY - timedelta(days=99))
    found = trial.trial(place, parse(BY_CPU), None)
    was, policy = dict(trial.rows(found))["Cost"]
    assert was.endswith(" CNY")
    assert float(policy.split()[0]) < float(was.split()[0]), "one is enough for that load"
    assert "an hour" in found.rate.told


@pytest.mark.django_db
def test_of_a_place_that_changed_much_only_the_newest_part_is_read(place: ServiceEnvironment) -> None:
    now = timezone.now()
    host = place.instances.all()[0].host
    Instance.objects.bulk_create(
        Instance(place=place, host=host, number=100 + n, removed=now - timedelta(hours=n)) for n in range(1, 21)
    )
    Instance.objects.update(created=now - timedelta(days=9))
    since, until = (now - timedelta(days=2)).timestamp(), now.timestamp()
    everybody, reach = history.stood(place, since, until, 1000)
    assert (len(everybody), reach) == (22, since)
    some, reach = history.stood(place, since, until, 7)
    assert len(some) == 7
    assert timedelta(hours=5) < now - datetime.fromtimestamp(reach, UTC) < timedelta(hours=6)
    assert history.stood(place, since, until, 1)[0], "those that stand are always read"
