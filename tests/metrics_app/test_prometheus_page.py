"""/metrics: who may read it, that it is what Prometheus reads, what is on it, and that it is quick."""

from __future__ import annotations

import gzip
import time
import warnings
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from containers.models import Ear, Instance
from hosts.models import Host
from tests.factories import make_host, make_running_place
from xqplatform import metrics
from xqplatform.accounts.models import Token
from xqplatform.audit.models import Event
from xqplatform.metrics import Sample, catalogue
from xqplatform.metrics.exporting import names, own, sources, text


def read(client: Client, person: Any, **more: Any) -> Any:
    _row, raw = Token.make(person, "prometheus")
    return client.get("/metrics", headers={"Authorization": f"Bearer {raw}", **more})


def whole(answer: Any) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the client is not asynchronous, the answer is
        return b"".join(answer)


def found(answer: Any) -> dict[str, list[tuple[dict[str, str], float]]]:
    assert answer.status_code == 200
    body = whole(answer).decode()
    families = list(text_string_to_metric_families(body))
    counted = Counter(line.split()[2] for line in body.splitlines() if line.startswith("# TYPE"))
    assert counted
    assert set(counted.values()) == {1}
    assert all(family.documentation and family.type in {"gauge", "counter"} for family in families)
    rows: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in families:
        for sample in family.samples:
            rows.setdefault(sample.name, []).append((sample.labels, sample.value))
    for name, samples in rows.items():
        assert len({tuple(sorted(labels.items())) for labels, _v in samples}) == len(samples), name
    return rows


# --- Who ----------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(("who", "status"), [("sre", 200), ("manager", 200), ("developer", 403)])
def test_it_has_a_right_of_its_own(who: str, status: int, request: pytest.FixtureRequest, client: Client) -> None:
    assert read(client, request.getfixturevalue(who)).status_code == status
    assert Event.objects.filter(action="metrics.read", denied=True).exists() == (status == 403)


@pytest.mark.django_db
def test_without_a_token_nothing_is_told(client: Client, sre: Any) -> None:
    client.force_login(sre)
    for head in ({}, {"Authorization": "Bearer xq_wrong"}, {"Authorization": "Basic eDp5"}):
        answer = client.get("/metrics", headers=head)
        assert answer.status_code == 401
        assert answer["WWW-Authenticate"] == "Bearer"
        assert b"xq_" not in answer.content
    token, raw = Token.make(sre, "x")
    Token.objects.filter(pk=token.pk).update(revoked=timezone.now())
    assert client.get("/metrics", headers={"Authorization": f"Bearer {raw}"}).status_code == 401
    assert client.post("/metrics").status_code == 405


# --- What ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def instance(db: None) -> Instance:
    """The first of a place, with samples of the system and of the application; and its host."""
    one = make_running_place().instances.select_related("host__group", "address").order_by("number")[0]
    now = time.time()
    system = {"cpu.cores": 0.25, "cpu.percent": 50.0, "memory.limit": float(8 << 30), "up": 1.0, "health": 0.0}
    system |= {"blkio.read_bytes": 30.0, "blkio.read_bytes[sda]": 10.0, "blkio.read_bytes[sdb]": 20.0}
    host = {'fs.used[/var/"x"\\y]': 5.0, "fs.percent[/]": 99.5, "net.rx_bytes[eth0]": 1.5, "load.1": 2.0}
    metrics.write(
        [
            Sample(f"instance:{one.pk}", now - 3, system, "abc"),
            Sample(f"instance:{one.pk}", now - 2, {"app.http_requests.rate": 12.5, "app.x%y": 1.0}),
            Sample(f"host:{one.host_id}", now - 4, host),
            Sample("instance:99999", now - 1, {"cpu.cores": 1.0}),
            Sample(f"host:{make_host('old').pk}", now - 100, host),
        ]
    )
    return one


def test_the_last_values_of_all_series_are_there_with_labels(client: Client, sre: Any, instance: Instance) -> None:
    rows = found(read(client, sre))
    assert instance.address is not None
    labels = {
        "service": "snow",
        "environment": "production",
        "instance": "snow-production-1",
        "address": instance.address.ip,
        "host": instance.host.name,
        "group": "room-a",
    }
    assert rows["xq_instance_cpu_cores"] == [(labels, 0.25)]
    assert rows["xq_instance_cpu_ratio"] == [(labels, 0.5)]
    assert rows["xq_instance_memory_limit_bytes"] == [(labels, float(8 << 30))]
    assert rows["xq_instance_up"] == [(labels, 1.0)]
    assert rows["xq_instance_health"] == [(labels, 0.0)]
    assert rows["xq_instance_blkio_read_bytes_per_second"] == [(labels, 30.0)]
    assert rows["xq_instance_disk_read_bytes_per_second"] == [
        (labels | {"disk": "sda"}, 10.0),
        (labels | {"disk": "sdb"}, 20.0),
    ]
    assert rows["xq_instance_app"] == [(labels | {"name": "http_requests.rate"}, 12.5), (labels | {"name": "x%y"}, 1.0)]
    host = {"host": instance.host.name, "group": "room-a"}
    assert rows["xq_host_mount_used_bytes"] == [(host | {"mount": '/var/"x"\\y'}, 5.0)]
    assert rows["xq_host_mount_ratio"][0][1] == pytest.approx(0.995)
    assert rows["xq_host_nic_rx_bytes_per_second"] == [(host | {"nic": "eth0"}, 1.5)]
    assert rows["xq_host_sample_timestamp_seconds"][0][1] == pytest.approx(time.time() - 4, abs=30)
    assert rows["xq_source_up"]
    assert all(value == 1 for _labels, value in rows["xq_source_up"])


def test_the_platforms_own_health_is_there(client: Client, sre: Any, instance: Instance, broker: str) -> None:
    import redis

    redis.Redis.from_url(broker).rpush(own.QUEUE, "a", "b", "c")
    Host.objects.filter(pk=instance.host_id).update(state="unreachable")
    now = timezone.now()
    Ear.objects.create(name="beat", at=now)
    Ear.objects.create(
        name="statsd", lease="x", lease_until=now + timedelta(minutes=1), counts={"heard": 7, "unknown": 2}
    )
    rows = found(read(client, sre))
    value = {name: {tuple(labels.values()): v for labels, v in of} for name, of in rows.items()}
    assert value["xq_queue_length"] == {("celery",): 3}
    assert value["xq_broker_up"] == {(): 1}
    assert value["xq_hosts"]["unreachable",] == 1
    assert value["xq_instances"]["healthy",] == 4
    assert value["xq_deployments"]["failed",] == 0
    assert value["xq_database_size_bytes"][()] > 0
    assert value["xq_store_samples_last_minute"] == {(): 4}
    assert value["xq_beat_timestamp_seconds"][()] == pytest.approx(now.timestamp(), abs=1)
    assert value["xq_statsd_datagrams_total"] == {("heard",): 7, ("unknown",): 2, ("flooded",): 0}
    assert value["xq_statsd_up"] == {(): 1}


def test_a_broker_that_is_away_is_said(client: Client, sre: Any, settings: Any) -> None:
    from xqplatform import live

    settings.REDIS_URL = "unix:///nowhere?db=0"
    live.client.cache_clear()
    rows = found(read(client, sre))
    live.client.cache_clear()
    assert rows["xq_broker_up"] == [({}, 0.0)]
    assert "xq_queue_length" not in rows


def test_a_part_that_cannot_be_read_is_left_out_and_said(client: Client, sre: Any, monkeypatch: Any) -> None:
    def broken() -> Any:
        raise OperationalError("database is locked")

    monkeypatch.setattr(sources, "SOURCES", [*sources.SOURCES, sources.Source("broken", (), broken)])
    rows = found(read(client, sre))
    assert ({"source": "broken"}, 0.0) in rows["xq_source_up"]
    assert ({"source": "hosts"}, 1.0) in rows["xq_source_up"]


def test_it_comes_zipped_to_who_takes_that(client: Client, sre: Any, instance: Instance) -> None:
    answer = read(client, sre, **{"Accept-Encoding": "gzip"})
    assert answer.streaming
    assert answer["Content-Encoding"] == "gzip"
    assert b"xq_instance_cpu_cores{" in gzip.decompress(whole(answer))


# --- Names --------------------------------------------------------------------------------------------------------------


def test_names_follow_the_convention_and_mean_one_thing() -> None:
    families = sources.families()
    assert max(Counter(one.name for one in families).values()) == 1
    for one in families:
        assert one.name.startswith("xq_")
        assert one.name.replace("_", "").isalnum()
        assert one.name == one.name.lower()
        assert one.name.endswith("_total") == (one.type == "counter")
        assert one.help.endswith(".")
        assert "percent" not in one.name


def test_every_metric_of_the_store_has_a_unit_in_its_name() -> None:
    ends = {"bytes": "_bytes", "percent": "_ratio", "bytes/s": "_bytes_per_second", "seconds": "_seconds"}
    for kind in names.KINDS:
        for metric in catalogue.of(kind):
            assert names.family(kind, metric.name).name.endswith(ends.get(metric.unit, ""))


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.text(max_size=20), max_size=4), st.floats())
def test_any_label_is_read_as_it_was(labels: dict[str, str], value: float) -> None:
    family = names.Family("xq_x", "X.")
    (back,) = text_string_to_metric_families(text.own(family, [(labels, value)]))
    (sample,) = back.samples
    assert sample.labels == {name: of for name, of in labels.items() if of}
    assert sample.value == value or (value != value and sample.value != sample.value)


# --- Quick --------------------------------------------------------------------------------------------------------------


def test_many_instances_are_written_in_little_time() -> None:
    """A tenth of ten thousand, pure: the whole is measured by the bench."""
    whole = [metric.name for metric in catalogue.of("instance")]
    latest = {f"instance:{n}": (1e9, {name: n + 0.5 for name in whole}) for n in range(1000)}
    labels = {f"instance:{n}": text.labels_text({"service": "snow", "instance": f"snow-{n}"}) for n in range(1000)}
    began = time.process_time()
    size = sum(piece.count("\n") for piece in text.series("instance", latest, labels))
    assert size == (len(whole) + 1) * 1002
    assert time.process_time() - began < 1
