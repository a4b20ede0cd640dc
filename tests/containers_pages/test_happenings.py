"""What happens to an instance is seen on its page, on the run page, at home, and over the API."""

from __future__ import annotations

import time

import pytest
from django.test import Client
from django.utils import timezone

from containers import alerting, happenings
from containers.models import Container, Instance, InstanceEvent
from hosts.models import Address
from tests import factories
from xqplatform.accounts.models import User


@pytest.fixture
def one(db: None) -> Instance:
    place = factories.make_running_place("snow", "production", 2)
    return place.instances.order_by("number")[0]


@pytest.fixture
def browser(sre: User) -> Client:
    client = Client()
    client.force_login(sre)
    return client


def test_a_kill_is_seen_wherever_one_looks(browser: Client, one: Instance) -> None:
    container = Container.objects.select_related("instance__place__service", "instance__place__environment", "config")
    row = container.filter(instance=one, ended=None)[0]
    for _again in range(2):
        happenings.oom(row, code="137")
    text = browser.get(f"/instances/{one.pk}/").content.decode()
    assert "What happened to it" in text
    assert "Exit code 137." in text
    for where in ("/", "/services/snow/production/"):
        page = browser.get(where).content.decode()
        assert "out of memory ×2" in page, where
    found = browser.get(f"/api/v1/instances/{one.pk}/events").json()
    assert [(each["kind"], each["count"], each["container"]) for each in found] == [("oom", 2, row.engine_id)]


def test_who_starts_again_and_again_is_told_of(browser: Client, one: Instance) -> None:
    row = Container.objects.get(instance=one, ended=None)
    now = time.time()
    seen = [(f"instance:{one.pk}", row.engine_id[:12], now - 300 + 60 * n) for n in range(3)]
    happenings.restarted(seen[:2])
    assert list(alerting._restarting(now)) == []
    happenings.restarted(seen)  # the first two are known
    found = InstanceEvent.objects.get(instance=one, kind="restart")
    assert found.count == 3
    (told,) = alerting._restarting(now)
    assert (told.subject, told.words) == (f"instance:{one.pk}", "It started again 3 times.")
    assert list(alerting._restarting(now + 3600)) == []
    assert "started again" in browser.get(f"/instances/{one.pk}/").content.decode()


def test_a_doubled_address_is_seen_on_its_instance(browser: Client, one: Instance) -> None:
    address = one.address
    assert address is not None
    Address.objects.filter(pk=address.pk).update(conflict="It is used by <x>, too.", conflict_since=timezone.now())
    assert "It is used by &lt;x&gt;, too." in browser.get(f"/instances/{one.pk}/").content.decode()
    assert "address used twice" in browser.get("/services/snow/production/").content.decode()


def test_limits_are_applied_from_the_run_page(browser: Client, one: Instance) -> None:
    place = one.place
    place.current_config = place.config
    place.config = factories.make_config(place, {"cpus": 2, "memory": "9g"})
    place.save()
    text = browser.get("/services/snow/production/").content.decode()
    assert "Apply the new limits without a restart" in text
    assert "memory: 8192 MiB → 9216 MiB" in text
    found = {each["setting"]: each["live"] for each in browser.get("/api/v1/services/snow/production/limits").json()}
    assert found == {"cpus": True, "memory": True}
    place.config = factories.make_config(place, {"cpus": 2, "read_only": True})
    place.save()
    assert "Apply the new limits" not in browser.get("/services/snow/production/").content.decode()
    found = {each["setting"]: each["live"] for each in browser.get("/api/v1/services/snow/production/limits").json()}
    assert found == {"cpus": True, "read_only": False}
