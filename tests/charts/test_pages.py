"""The pages of charts with samples in the store: what they show, their JSON and CSV, and what they refuse."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from typing import Any

import pytest
from django.test import Client

from containers.models import Instance
from hosts.models import Host
from tests.charts.conftest import Measured
from xqplatform import metrics
from xqplatform.metrics import Sample


def text_of(response: Any) -> str:
    return b"".join(response.streaming_content).decode() if response.streaming else response.content.decode()


def charts_of(html: str) -> dict[str, dict[str, Any]]:
    found = re.findall(r'<script type="application/json">(.*?)</script>', html, re.S)
    return {one["key"]: one for one in map(json.loads, found)}


def test_an_instance_has_all_its_charts(sara: Client, measured: Measured) -> None:
    html = text_of(sara.get(f"/instances/{measured.instance.pk}/charts/?range=6h"))
    found = charts_of(html)
    assert {
        "cpu", "throttled", "memory", "net-bytes", "net-packets", "net-lost", "blkio-bytes", "blkio-bytes-sda", "blkio-ops-nvme0n1",
        "tcp", "processes", "app-qps",
    } <= found.keys()  # fmt: skip
    assert [line["key"] for line in found["memory"]["lines"]] == ["memory.working_set", "memory.usage", "memory.cache"]
    assert found["memory"]["limits"][0]["value"] == pytest.approx(2 << 30)
    assert {mark["kind"] for mark in found["cpu"]["marks"]} == {"release", "oom"}
    release = next(mark for mark in found["cpu"]["marks"] if mark["kind"] == "release")
    assert release["url"].startswith("/releases/")
    assert html.count('class="xqc-life ') == 4  # two containers, under CPU and memory
    assert '<svg viewBox="0 0 1000 1000"' in html  # there without scripts


def test_an_instance_whose_runtime_tells_of_its_volumes_has_their_room(sara: Client, measured: Measured) -> None:
    values = {"fs.used[/data]": 5e9, "fs.size[/data]": 9e9, "fs.percent[/data]": 55.0}
    metrics.write([Sample(f"instance:{measured.instance.pk}", time.time() - n, values, "abc") for n in (15, 25, 35)])
    found = charts_of(text_of(sara.get(f"/instances/{measured.instance.pk}/charts/?range=1h")))["fs-data"]
    assert (found["title"], found["unit"], found["limits"][0]["value"]) == ("/data", "bytes", pytest.approx(9e9))


def test_gaps_are_gaps(sara: Client, measured: Measured) -> None:
    data = sara.get(f"/instances/{measured.instance.pk}/charts/?range=1h&format=json&chart=cpu").json()
    one = data["charts"][0]
    times = [one["start"] + n * one["step"] for n in range(one["count"])]
    first, last = measured.gap
    inside = [
        v for t, v in zip(times, one["lines"][0]["values"], strict=True) if first + one["step"] < t < last - one["step"]
    ]
    assert inside
    assert set(inside) == {None}
    longer = sara.get(f"/instances/{measured.instance.pk}/charts/?range=6h&format=json&chart=cpu").json()["charts"][0]
    assert longer["lines"][0]["values"][: longer["count"] // 2] == [None] * (
        longer["count"] // 2
    )  # nothing was measured then


def test_a_host_has_its_disks_file_systems_and_cards(sara: Client, measured: Measured) -> None:
    found = charts_of(text_of(sara.get(f"/hosts/{measured.host.name}/charts/")))
    assert {
        "cpu", "load", "memory", "pressure", "net-bytes-eth0", "net-packets-eth0", "net-packets", "retransmissions",
        "retransmit-ratio", "conntrack", "disk-bytes-sda", "disk-busy-nvme0n1", "fs-root", "fs-data", "inodes-root", "processes",
        "collector-cpu",
    } <= found.keys()  # fmt: skip
    assert found["net-packets-eth0"]["unit"] == "packets/s"
    assert found["fs-data"]["limits"][0]["value"] == pytest.approx(900 << 30, rel=1e-3)


def test_the_table_is_there_for_screen_readers(sara: Client, measured: Measured) -> None:
    html = text_of(sara.get(f"/instances/{measured.instance.pk}/charts/"))
    table = re.search(r'<caption class="visually-hidden">Memory</caption>(.*?)</table>', html, re.S)
    assert table is not None
    assert "working set [" in table[1]
    assert 6 <= table[1].count("<tr>") <= 14
    assert re.search(r'role="img" aria-label="Memory: working set last [\d.]+ [MG]iB, highest', html)


def test_all_instances_of_a_place_are_on_one_page(sara: Client, measured: Measured) -> None:
    html = text_of(sara.get("/services/snow/production/charts/"))
    one = charts_of(html)["cpu"]
    assert [line["label"] for line in one["lines"]] == ["mean", "#1", "#2", "#3"]
    mean, *each = one["lines"]
    for place, value in enumerate(mean["values"]):
        known = [line["values"][place] for line in each if line["values"][place] is not None]
        if known:
            assert value == pytest.approx(sum(known) / len(known), rel=1e-2)
            assert mean["low"][place] == pytest.approx(min(known), rel=1e-2)
            assert mean["high"][place] == pytest.approx(max(known), rel=1e-2)


def test_many_instances_are_a_band(sara: Client, measured: Measured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("containers.charts.MOST_EACH", 1)
    html = text_of(sara.get("/services/snow/production/charts/"))
    assert "The first 1 are also drawn one by one" in html
    mean, *each = charts_of(html)["cpu"]["lines"]
    assert len(each) == 1
    assert any(
        high is not None and high > low for low, high in zip(mean["low"], mean["high"], strict=True) if low is not None
    )


def test_who_changes_the_range_gets_the_charts_without_the_frame(sara: Client, measured: Measured) -> None:
    answer = sara.get(f"/instances/{measured.instance.pk}/charts/?range=6h", headers={"HX-Request": "true"})
    html = text_of(answer)
    assert html.lstrip().startswith('<div id="charts"')
    assert "<html" not in html
    assert {"cpu", "memory", "tcp"} <= charts_of(html).keys()
    assert "HX-Request" in answer["Vary"]


def test_a_part_of_the_frame_that_is_made_anew_is_there(sara: Client, measured: Measured) -> None:
    """Else a card that hears of a change would be replaced by nothing."""
    url = f"/services/{measured.instance.place.service.slug}/production/scaling/"
    html = text_of(sara.get(url, headers={"HX-Request": "true", "HX-Target": "now"}))
    assert 'id="now"' in html
    assert 'id="decisions"' in html
    assert not charts_of(html)


def test_the_frame_and_the_first_chart_come_before_the_others(sara: Client, measured: Measured) -> None:
    pieces = list(sara.get(f"/instances/{measured.instance.pk}/charts/?range=6h").streaming_content)
    assert b"<html" in pieces[0]
    assert b"<figure" not in pieces[0]
    assert pieces[1].count(b"</figure>") == 1
    assert b'id="xqc-begun"' in pieces[1]  # until there the browser waits with its first frame
    assert len(pieces) > 8


def test_many_hosts_are_healthy_on_another_page(sara: Client, measured: Measured, monkeypatch: Any) -> None:
    monkeypatch.setattr("containers.views.monitoring.SHOWN", 1)
    html = text_of(sara.get("/monitoring/"))
    assert "2 more hosts" in html
    assert html.count('<tr id="h-') == 1
    assert text_of(sara.get("/monitoring/?all=1")).count('<tr id="h-') == 3


def test_csv_has_plain_values_and_empty_cells_for_gaps(sara: Client, measured: Measured) -> None:
    answer = sara.get(f"/instances/{measured.instance.pk}/charts/?range=1h&format=csv&chart=net-packets")
    assert answer["Content-Disposition"] == 'attachment; filename="snow-production-1-net-packets.csv"'
    rows = list(csv.reader(io.StringIO(text_of(answer).lstrip("\ufeff"))))
    assert rows[0] == ["time", "unix", "Network: packets: in [packets/s]", "Network: packets: out [packets/s]"]
    first, last = measured.gap
    within = [row for row in rows[1:] if first + 15 < float(row[1]) < last - 15]
    assert within
    assert all(row[2:] == ["", ""] for row in within)
    assert all(float(row[2]) > 0 for row in rows[-20:-2])


def test_newer_samples_come_by_since(sara: Client, measured: Measured) -> None:
    url = f"/instances/{measured.instance.pk}/charts/?range=15m&format=json"
    whole = sara.get(url).json()
    assert whole["stale"] == ""
    one = whole["charts"][0]
    later = sara.get(f"{url}&since={one['start'] + (one['count'] - 4) * one['step']:.0f}").json()["charts"][0]
    assert 3 <= later["count"] <= 7
    assert ((later["start"] - one["start"]) / one["step"]) % 1 == pytest.approx(0, abs=1e-6)


def test_a_page_says_that_samples_stopped(sara: Client, measured: Measured) -> None:
    old = Host.objects.exclude(pk=measured.host.pk).first()
    assert old is not None
    metrics.write([Sample("host:999999", time.time(), {"cpu.cores": 1.0})])
    spare = Host.objects.create(name="quiet", address="10.9.0.9:2376")
    metrics.write([Sample(f"host:{spare.pk}", time.time() - 600 + 10 * n, {"cpu.cores": 1.0}) for n in range(20)])
    html = text_of(sara.get("/hosts/quiet/charts/"))
    assert "No samples have arrived lately" in html


def test_a_host_without_samples_says_where_to_look(sara: Client, db: None) -> None:
    Host.objects.create(name="new-one", address="10.9.0.8:2376")
    html = text_of(sara.get("/hosts/new-one/charts/"))
    assert "No samples in this range" in html
    assert "/monitoring/#health" in html


@pytest.mark.parametrize(
    ("query", "code", "field"),
    [
        ("range=5h", 400, "range"),
        ("from=x", 400, "from"),
        ("since=x", 400, "since"),
        ("points=5", 400, "points"),
        ("points=99999", 400, "points"),
        ("chart=nothing", 404, "chart"),
    ],
)
def test_nonsense_is_answered_with_its_reason(
    sara: Client, measured: Measured, query: str, code: int, field: str
) -> None:
    answer = sara.get(f"/instances/{measured.instance.pk}/charts/?format=json&{query}")
    assert answer.status_code == code
    assert answer.json()["field"] == field
    assert answer.json()["error"]


def test_an_unknown_format_is_refused(sara: Client, instance: Any) -> None:
    assert sara.get(f"/instances/{instance.pk}/charts/?format=xml").status_code == 400
    assert sara.get("/monitoring/?format=xml").status_code == 400


def test_a_page_with_a_wrong_range_shows_the_last_hour_and_says_so(sara: Client, instance: Any) -> None:
    answer = sara.get(f"/hosts/{instance.host.name}/charts/?from=soon")
    assert answer.status_code == 400
    assert "«soon» is no date and time." in text_of(answer)


def test_strangers_get_no_series(client: Client, instance: Any) -> None:
    for url in (f"/instances/{instance.pk}/charts/", f"/hosts/{instance.host.name}/charts/", "/monitoring/"):
        assert client.get(f"{url}?format=json").status_code == 302


def test_the_run_page_and_the_fleet_have_sparklines(sara: Client, measured: Measured) -> None:
    run = text_of(sara.get("/services/snow/production/"))
    assert len(re.findall(r'aria-label="CPU: [\d.]+ cores now', run)) == 3
    assert len(re.findall(r'aria-label="memory: [\d.]+ [MG]iB now', run)) == 3
    fleet = text_of(sara.get("/hosts/"))
    assert "c-cpu" in fleet
    assert "c-memory" in fleet


def test_monitoring_ranks_and_warms(sara: Client, measured: Measured) -> None:
    html = text_of(sara.get("/monitoring/?metric=memory.working_set&by=max&heat=memory&range=6h"))
    names = re.findall(r"snow-production-\d", html[html.index('id="top"') : html.index('id="heat"')])
    assert names[0] == "snow-production-1"  # the one that was killed for it
    assert len(set(names)) == 3
    heat = html[html.index('id="heat"') : html.index('id="health"')]
    assert all(name in heat for name in ("run-a1", "run-a2", "run-b1"))
    rows = list(csv.reader(io.StringIO(text_of(sara.get("/monitoring/?format=csv&range=6h")).lstrip("\ufeff"))))
    assert rows[0][2] == "cpu.cores [cores]"
    assert float(rows[1][2]) >= float(rows[2][2])


def test_monitoring_of_hosts(sara: Client, measured: Measured) -> None:
    html = text_of(sara.get("/monitoring/?kind=host&metric=load.1"))
    top = html[html.index('id="top"') : html.index('id="heat"')]
    assert "run-a1" in top
    assert "snow-production" not in top


@pytest.mark.parametrize("query", ["kind=cat", "metric=nothing", "by=luck", "heat=sun", "range=9y"])
def test_monitoring_refuses_what_there_is_not(sara: Client, db: None, query: str) -> None:
    assert sara.get(f"/monitoring/?{query}").status_code == 400


def test_the_health_of_the_monitoring_counts_what_is_lost(sara: Client, measured: Measured) -> None:
    Host.objects.create(name="silent", address="10.9.0.7:2376")
    html = text_of(sara.get("/monitoring/"))
    health = html[html.index('id="health"') :]
    assert health.index("silent") < health.index("run-a1")  # what needs somebody comes first
    assert "3 hosts send samples, 0 are late, 1 send none" in health
    assert "0.0026 cores" in health


def test_an_instance_that_is_gone_keeps_its_charts(sara: Client, measured: Measured) -> None:
    from django.utils import timezone

    Instance.objects.filter(pk=measured.instance.pk).update(removed=timezone.now())
    assert "cpu" in charts_of(text_of(sara.get(f"/instances/{measured.instance.pk}/charts/")))


def test_a_download_is_named_without_what_a_header_cannot_have(sara: Client, db: None) -> None:
    answer = sara.get("/monitoring/", {"format": "csv", "metric": 'app.a"\nb'})
    assert answer["Content-Disposition"] == 'attachment; filename="top-app.a__b.csv"'
