"""What there is stands on the overview from the first minute on, and is as fresh as what was committed last."""

from __future__ import annotations

import csv
import io
import time
from typing import Any

import pytest
from django.test import Client
from pypdf import PdfReader

from containers.capacity import overview, today
from containers.capacity.models import Of, Span
from hosts.models import Address, Host, HostGroup, SeenContainer, Segment
from hosts.services import addresses, pools
from tests import factories
from tests.capacity.rows import GIB, make_days
from xqplatform import metrics
from xqplatform.metrics import Sample

pytestmark = pytest.mark.django_db


@pytest.fixture
def fleet() -> Any:
    """Two hosts in room A, one alone, on which nothing was placed yet; a service of «ice» with an instance on each in the room."""
    room = factories.make_group("room-a")
    HostGroup.objects.update(reserve_cpus=1, overcommit_cpus=2, reserve_memory=4 * GIB, overcommit_memory=1)
    disk = {"disk_total": 100 * GIB, "disk_free": 60 * GIB}
    hosts = [
        factories.make_host(f"h{n}", group=room if n < 2 else None, address=f"10.1.2.{20 + n}:2376", **disk)
        for n in range(3)
    ]
    segment = factories.make_segment(hosts=hosts)
    place = factories.make_place(factories.make_service("quotes", team=factories.make_team("ice")), segment=segment)
    place.config = factories.make_config(place, {"cpus": 2, "memory": 4 * GIB})
    place.save()
    for host in hosts[:2]:
        factories.make_instance(place, host, segment=segment)
    return place


@pytest.fixture
def page(client: Client, manager: Any) -> Any:
    client.force_login(manager)

    def get(query: str = "") -> str:
        answer = client.get(f"/capacity/{query}")
        assert answer.status_code == 200
        return " ".join((b"".join(answer).decode() if answer.streaming else answer.content.decode()).split())

    return get


def line(by: Of, name: str, days: int = 30) -> Span:
    return next(one for one in today.read(by, days).lines if one.name == name)


def test_before_the_first_night_it_stands_there(fleet: Any, page: Any, client: Client) -> None:
    hosts, now = list(Host.objects.order_by("name")), time.time()
    metrics.write(
        [Sample(f"host:{one.pk}", now - 5, {"cpu.cores": 3.0, "memory.used": 8.0 * GIB}) for one in hosts[:2]]
    )
    instance = fleet.instances.first()
    metrics.write([Sample(f"instance:{instance.pk}", now - 5, {"cpu.cores": 1.5, "memory.working_set": 1.0 * GIB})])
    room = line(Of.GROUP, "Room A")
    assert (room.hosts, room.cpus, room.cpus_allocatable, room.cpus_committed, room.instances) == (2, 32, 60.0, 4.0, 2)
    assert (room.memory_allocatable, room.memory_committed, room.disk_used) == (120 * GIB, 8 * GIB, 80 * GIB)
    assert (room.cpu_p95, room.memory_p95, room.cpu_p50, room.cpu_max) == (6.0, 16 * GIB, None, None)
    assert (line(Of.HOST, "h2").cpus, line(Of.HOST, "h2").cpu_p95) == (16, None)
    for by, name in ((Of.SERVICE, "quotes"), (Of.TEAM, "Ice"), (Of.ENVIRONMENT, "production")):
        one = line(by, name)
        assert (one.instances, one.cpus_committed, one.cpu_p95, one.memory_p95) == (2, 4.0, 1.5, GIB)
    text = page()
    assert "3 hosts and 2 instances now" in text
    assert "Trends and percentiles are of whole days" in text
    assert "4 cores promised (8 %), 6 cores used now, of 48 cores" in text
    assert "248 left of 253" in text  # three hosts and two instances have one
    assert "120 GiB used of 300 GiB" in text
    assert "Nothing is foreseen" not in text
    assert 'id="chart-cpu"' not in text
    row = next(
        csv.DictReader(io.StringIO(b"".join(client.get("/capacity/?format=csv&q=room")).decode().lstrip("\ufeff")))
    )  # type: ignore[arg-type]
    assert (row["name"], row["cpus_committed"], row["until"], row["days_measured"]) == ("Room A", "4.0", "", "0")
    answer = client.get("/capacity/?format=pdf")
    paper = " ".join(" ".join(one.extract_text() for one in PdfReader(io.BytesIO(answer.content)).pages).split())
    assert "It takes two weeks" in paper or "it takes two weeks" in paper
    assert client.get("/api/v1/capacity?by=group").json()[-1]["until"] is None


def test_what_changed_since_the_last_day_is_there_at_once(fleet: Any, page: Any) -> None:
    make_days(3)
    make = factories.make_instance
    late = factories.make_host("late", group=factories.make_group("room-b"))
    make(fleet, late)
    assert "4 hosts and 3 instances now" in page()
    assert (line(Of.GROUP, "Room b".title()).instances, line(Of.SERVICE, "quotes").cpus_committed) == (1, 6.0)
    assert line(Of.HOST, "late").cpu_p95 is None
    assert line(Of.GROUP, "Room A").cpu_p95 == pytest.approx(16.0)
    HostGroup.objects.filter(slug="room-a").update(overcommit_cpus=1.0, title="Hall")
    Host.objects.filter(name="h2").update(state=Host.State.RETIRED)
    assert line(Of.GROUP, "Hall").cpus_allocatable == 30.0
    assert "h2" not in {one.name for one in today.read(Of.HOST, 30).lines}
    assert today.read(Of.HOST, 30).fleet.hosts == 3


@pytest.mark.parametrize("by", list(overview.BY))
def test_lines_add_up_to_the_fleet(fleet: Any, by: Of) -> None:
    make_days(1)
    found = today.read(Of(by), 30)
    for name in (
        "instances",
        "cpus_committed",
        "memory_committed",
        *(("hosts", "cpus", "memory") if by in today.HOSTS else ()),
    ):
        assert sum(getattr(one, name) for one in found.lines) == getattr(found.fleet, name)


def test_addresses_are_counted_as_on_the_page_of_the_segment(fleet: Any) -> None:
    segment = Segment.objects.get()
    Segment.objects.update(
        pool="10.1.2.10-10.1.2.99, 10.1.2.90-10.1.2.120", reserved="10.1.2.30-10.1.2.39", gateway=None
    )
    factories.make_segment("other", cidr="10.9.0.0/29")
    rows = [("10.1.2.35", "reserved"), ("10.1.2.200", "reserved"), ("10.1.2.50", "quarantine")]
    for ip, state in rows:
        Address.objects.create(
            segment=segment, ip=ip, mac="02:42:0a:01:02:00", state=state, since="2026-01-01T00:00:00Z"
        )
    for n, ip in enumerate(("10.1.2.60", "10.1.2.50", "10.77.0.1")):
        SeenContainer.objects.create(
            host=Host.objects.get(name="h0"), engine_id=f"c{n}", name=f"c{n}", state="running", ip=ip, seen="2026-01-01T00:00:00Z"
        )  # fmt: skip
    for pool in pools.read():
        said = addresses.figures(Segment.objects.get(pk=pool.segment))
        assert (pool.total, pool.free) == (said.pool, said.free)
