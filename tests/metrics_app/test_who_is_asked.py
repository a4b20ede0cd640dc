"""Which instances are read and heard, how readings are kept, and what pages say of them."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from containers.config import Config, parse
from containers.forms import initial_of
from containers.models import Ear, Endpoint, Instance
from containers.told import ears, outcomes
from containers.told.ears import Ears
from containers.told.names import Wanted
from containers.told.outcomes import Notes
from containers.told.scraper import Outcome
from containers.told.targets import SHARES, Endpoints, Target, may_be_asked, senders, targets
from hosts.models import Address
from tests.factories import (
    make_config,
    make_container,
    make_host,
    make_instance,
    make_place,
    make_running_place,
    make_segment,
)
from xqplatform import metrics
from xqplatform.errors import Refused
from xqplatform.metrics import Sample

ALL = set(range(SHARES))
TOLD = {"port": 9100, "path": "/m", "keep": ["a_total", 'b{c="d"}']}


@pytest.fixture
def instances(db: None) -> list[Instance]:
    """Four that run with an endpoint."""
    place = make_running_place(instances=0)
    place.current_config = make_config(place, {"metrics": TOLD})
    place.save()
    segment = make_segment()
    found = [make_instance(place, make_host(), n, segment) for n in range(1, 5)]
    for one in found:
        make_container(one)
    return found


def asked() -> dict[int, Target]:
    return targets(Endpoints(), ALL)


def test_instances_with_an_endpoint_are_asked_at_their_own_address(instances: list[Instance]) -> None:
    one = instances[0]
    assert one.address is not None
    wanted = (Wanted("a_total"), Wanted("b", (("c", "d"),)))
    assert asked()[one.pk] == Target(one.pk, one.address.ip, 9100, "/m", wanted)
    assert set(asked()) == {i.pk for i in instances}


def test_shares_divide_them(instances: list[Instance]) -> None:
    parts = [set(targets(Endpoints(), {share})) for share in ALL]
    assert sum(map(len, parts)) == len(instances)
    assert set().union(*parts) == {i.pk for i in instances}
    assert targets(Endpoints(), set()) == {}


@pytest.mark.parametrize(
    "change",
    [
        {"state": "stopped"},
        {"state": "missing"},
        {"removed": timezone.now()},
        {"address": None},
    ],
)
def test_who_does_not_run_or_has_no_address_is_not_asked(instances: list[Instance], change: dict[str, Any]) -> None:
    Instance.objects.filter(pk=instances[0].pk).update(**change)
    assert set(asked()) == {i.pk for i in instances[1:]}


def test_an_address_that_is_used_twice_or_rests_is_neither_asked_nor_heard(instances: list[Instance]) -> None:
    Address.objects.filter(instance=instances[0]).update(conflict="foreign container on h1")
    Address.objects.filter(instance=instances[1]).update(state=Address.State.QUARANTINE)
    assert set(asked()) == {i.pk for i in instances[2:]}
    assert set(senders().values()) == {i.pk for i in instances[2:]}


@pytest.mark.parametrize("ip", ["127.0.0.1", "169.254.169.254", "0.0.0.0", "224.0.0.1"])
def test_addresses_that_are_no_containers_are_never_asked(instances: list[Instance], ip: str) -> None:
    assert not may_be_asked(ip)
    Address.objects.filter(instance=instances[0]).update(ip=ip)
    assert instances[0].pk not in asked()


def test_the_settings_that_its_container_was_made_with_count(instances: list[Instance]) -> None:
    known = Endpoints()
    place = instances[0].place
    newer = make_config(place, {"metrics": {**TOLD, "port": 9200}})
    assert targets(known, ALL)[instances[0].pk].port == 9100
    instances[0].containers.update(config=newer)
    assert targets(known, ALL)[instances[0].pk].port == 9200
    instances[0].containers.update(config=make_config(place, {}))
    assert instances[0].pk not in targets(known, ALL)


def test_an_address_of_two_segments_is_heard_of_neither(instances: list[Instance]) -> None:
    ips = senders()
    assert len(ips) == 4
    other = make_instance(make_place(), make_host(), 1, make_segment("seg-b", cidr="10.9.9.0/24"))
    Address.objects.filter(instance=other).update(ip=instances[0].address.ip)  # type: ignore[union-attr]
    assert set(senders().values()) == {i.pk for i in instances[1:]}


# --- How readings are kept --------------------------------------------------------------------------------------------


def test_a_reading_is_kept_when_it_changes_and_once_a_minute(
    instances: list[Instance], django_assert_num_queries: Any
) -> None:
    pk, notes = instances[0].pk, Notes()
    notes.take(Outcome(pk, 1000.0))
    notes.write()
    row = Endpoint.objects.get()
    assert (row.trouble, row.since, row.answered) == ("", row.read, row.read)
    notes.take(Outcome(pk, 1010.0))
    with django_assert_num_queries(0):
        notes.write()
    notes.take(Outcome(pk, 1020.0, "It did not answer within 4 seconds."))
    notes.write()
    row = Endpoint.objects.get()
    assert (row.trouble, row.since.timestamp(), row.answered.timestamp()) == (  # type: ignore[union-attr]
        "It did not answer within 4 seconds.",
        1020.0,
        1000.0,
    )
    notes.take(Outcome(pk, 1020.0 + outcomes.AGAIN, "It did not answer within 4 seconds."))
    notes.write()
    row = Endpoint.objects.get()
    assert (row.since.timestamp(), row.read.timestamp()) == (1020.0, 1020.0 + outcomes.AGAIN)


def test_a_reading_of_an_instance_that_is_gone_is_nothing(instances: list[Instance]) -> None:
    notes = Notes()
    notes.take(Outcome(987654, 1000.0))
    notes.write()
    assert not Endpoint.objects.exists()


# --- Who does it ------------------------------------------------------------------------------------------------------


def test_one_process_has_a_share(transactional_db: None, settings: Any) -> None:
    settings.STATSD_PORT = 0
    first, second = Ears(), Ears()
    first._begin = second._begin = lambda: None  # type: ignore[method-assign]
    taken = [*first.start(), *second.start(), *first.start(), *second.start()]
    assert sorted(taken) == [f"read-{n}" for n in range(SHARES)]
    assert first.start() == second.start() == []
    Ear.objects.filter(name="read-0").update(lease_until=timezone.now())
    assert Ears._take(second) in ([], ["read-0"])


def test_the_port_is_opened_by_one_and_its_counts_are_kept(transactional_db: None, settings: Any) -> None:
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.bind(("127.0.0.1", 0))
        settings.STATSD_HOST, settings.STATSD_PORT = "127.0.0.1", own.getsockname()[1]
        ear = Ears()
        while ear.start():
            pass
        try:
            wait_for(lambda: "cannot be listened on" in Ear.objects.get(name=ears.STATSD).trouble)
            own.close()
            wait_for(
                lambda: (
                    Ear.objects.get(name=ears.STATSD).counts.get("unknown", 0) >= 1 or not send(settings.STATSD_PORT)
                )
            )
            assert Ear.objects.get(name=ears.STATSD).trouble == ""
        finally:
            ear.stop()
    assert not Ear.objects.exclude(lease="").exists()


def send(port: int) -> bool:
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.sendto(b"a:1|c", ("127.0.0.1", port))
    return True


def wait_for(condition: Any, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.1)


# --- Settings and pages -----------------------------------------------------------------------------------------------


def test_settings_keep_the_endpoint() -> None:
    config = parse({"metrics": TOLD})
    assert parse(config.to_json()) == config
    assert initial_of(config)["metrics_keep"] == 'a_total\nb{c="d"}'
    assert parse({}).metrics == Config().metrics


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"port": 70000}, "metrics.port"),
        ({"port": 80}, "metrics.keep"),
        ({"port": 80, "keep": ["a b"]}, "metrics.keep"),
        ({"port": 80, "keep": [f"n{n}" for n in range(21)]}, "metrics.keep"),
        ({"port": 80, "keep": ["a"], "path": "metrics"}, "metrics.path"),
        ({"port": 80, "keep": ["a"], "path": "/a\r\nX: y"}, "metrics.path"),
        ({"host": "169.254.169.254"}, "metrics.host"),
        ([], "metrics"),
    ],
)
def test_wrong_settings_are_refused_at_their_field(told: Any, field: str) -> None:
    with pytest.raises(Refused) as refused:
        parse({"metrics": told})
    assert refused.value.field == field


def test_the_instance_page_says_how_it_went_and_what_was_told(
    instances: list[Instance], sre: Any, client: Client
) -> None:
    client.force_login(sre)
    one = instances[0]
    page = client.get(f"/instances/{one.pk}/").content.decode()
    assert "none yet" in page
    now = timezone.now()
    Endpoint.objects.create(
        instance=one, trouble="Nothing listens on port 9100.", since=now, read=now, answered=now, missing=["a_total"]
    )
    metrics.write([Sample(f"instance:{one.pk}", time.time(), {"app.http_seconds.p95": 0.25, "app.<b>": 3.0})])
    page = client.get(f"/instances/{one.pk}/").content.decode()
    assert "Nothing listens on port 9100." in page
    assert "http_seconds.p95" in page
    assert "a_total" in page
    assert "&lt;b&gt;" in page
    assert "<b>3" not in page


def test_the_settings_page_takes_the_endpoint(instances: list[Instance], sre: Any, client: Client) -> None:
    client.force_login(sre)
    place = instances[0].place
    url = f"/services/{place.service.slug}/{place.environment.slug}/settings/"
    form = client.get(url).context["form"]
    data = {name: value for name, value in form.initial.items() if value not in (None, False)}
    changed = data | {"metrics_port": "9300", "metrics_path": "/x", "metrics_keep": "q_total\n\nlatency_seconds"}
    assert client.post(url, changed).status_code == 302
    place.refresh_from_db()
    assert place.config.content["metrics"] == {"port": 9300, "path": "/x", "keep": ["q_total", "latency_seconds"]}
    assert "metrics_keep" in client.post(url, changed | {"metrics_keep": "1 2"}).context["form"].errors


def test_while_the_database_is_away_no_more_is_kept_than_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_given: Any) -> Any:
        raise OperationalError("database is locked")

    ear = Ears()
    ear._ready.set()
    monkeypatch.setattr(ears, "FLUSH", 0.01)
    monkeypatch.setattr(ears, "WAITING", 10)
    monkeypatch.setattr(ears, "close_old_connections", away)
    monkeypatch.setattr(metrics, "write", away)
    for n in range(100):
        ear._pushed.put([Sample("instance:1", float(n), {"app.a": 1.0})])
    thread = threading.Thread(target=ear._write_for_ever)
    thread.start()
    end = time.monotonic() + 10
    while ear.lost < 90 and time.monotonic() < end:
        time.sleep(0.01)
    kept = (ear.lost, len(ear._samples), ear._pushed.empty())
    ear._ended.set()
    thread.join(20)
    assert kept == (90, 10, True)
