"""«Why is it slow?»: each reason is found where its numbers say so, and nothing is said where they do not."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from containers import slow, slow_checks, slow_evidence
from containers.slow import BAD, FINE, NOTE, UNKNOWN, WARN, Change, Evidence, Growth, Neighbour, Stat
from tests.charts.conftest import Measured
from xqplatform import audit, metrics
from xqplatform.accounts.actor import Actor
from xqplatform.metrics import Point, Sample
from xqplatform.metrics.ranges import Range


def of(evidence: Evidence, code: str) -> slow.Judgement:
    return next(j for j in slow_checks.judge(evidence) if j.code == code)


def flat(value: float) -> Stat:
    return Stat(value, value)


@pytest.mark.parametrize(
    ("code", "own", "verdict"),
    [
        ("throttling", {"cpu.throttled_time": 0.02}, FINE),
        ("throttling", {"cpu.throttled_time": 0.1}, WARN),
        ("throttling", {"cpu.throttled_time": 0.4}, BAD),
        ("cpu", {"cpu.percent": 60}, FINE),
        ("cpu", {"cpu.percent": 85}, WARN),
        ("cpu", {"cpu.percent": 99}, BAD),
        ("memory", {"memory.percent": 80}, FINE),
        ("memory", {"memory.percent": 93}, WARN),
        ("memory", {"memory.percent": 99}, BAD),
        ("reclaim", {"memory.failcnt": 0}, FINE),
        ("reclaim", {"memory.failcnt": 2}, WARN),
        ("drops", {"net.rx_dropped": 0.0, "net.rx_packets": 0.0}, FINE),
        ("drops", {"net.rx_dropped": 1.0, "net.rx_packets": 500.0}, WARN),
        ("drops", {"net.rx_dropped": 50.0, "net.rx_packets": 500.0}, BAD),
        ("close-wait", {"tcp.close_wait": 4}, FINE),
        ("close-wait", {"tcp.close_wait": 400}, WARN),
    ],
)
def test_what_an_instances_own_numbers_say(code: str, own: dict[str, float], verdict: str) -> None:
    evidence = Evidence(own={name: flat(value) for name, value in own.items()}, own_url="/instances/1/charts/?range=1h")
    found = of(evidence, code)
    assert found.verdict == verdict
    assert bool(found.sentence) == (verdict != FINE)
    assert found.evidence
    assert found.url.startswith("/instances/1/charts/?range=1h#chart-")
    assert "from" in found.threshold


@pytest.mark.parametrize(
    ("code", "host", "verdict"),
    [
        ("host-cpu", {"cpu.percent": 50}, FINE),
        ("host-cpu", {"cpu.percent": 97}, BAD),
        ("pressure-cpu", {"pressure.cpu": 20}, WARN),
        ("pressure-io", {"pressure.io": 50}, BAD),
        ("host-disk", {"disk.busiest": 75}, WARN),
        ("host-memory", {"memory.used": 63.0, "memory.total": 64.0}, BAD),
        ("host-memory", {"memory.used": 32.0, "memory.total": 64.0}, FINE),
        ("retransmissions", {"tcp.retransmit_ratio": 0.002}, FINE),
        ("retransmissions", {"tcp.retransmit_ratio": 0.02}, WARN),
        ("conntrack", {"conntrack.percent": 80}, WARN),
        ("conntrack", {"cpu.percent": 5}, FINE),  # a host that tracks nothing
    ],
)
def test_what_the_hosts_numbers_say(code: str, host: dict[str, float], verdict: str) -> None:
    assert of(Evidence(host={name: flat(value) for name, value in host.items()}), code).verdict == verdict


def test_without_samples_nobody_can_tell() -> None:
    found = {j.code: j.verdict for j in slow_checks.judge(Evidence())}
    assert found["throttling"] == found["memory"] == found["host-cpu"] == found["retransmissions"] == UNKNOWN
    assert not [code for code, verdict in found.items() if verdict in {BAD, WARN, NOTE}]


def test_a_noisy_neighbour_is_named_only_on_a_full_host() -> None:
    loud, quiet = Neighbour("batch-1", "/instances/9/", 12.0, 0.75), Neighbour("web-2", "/instances/8/", 0.5, 0.03)
    full = of(Evidence(host={"cpu.percent": flat(96)}, cpu_neighbours=[loud, quiet]), "host-cpu")
    assert "batch-1 (75 %)" in full.sentence
    assert "web-2" not in full.sentence
    assert full.links == (("batch-1", "/instances/9/"),)
    calm = of(Evidence(host={"cpu.percent": flat(40)}, cpu_neighbours=[loud]), "host-cpu")
    assert (calm.verdict, calm.links) == (FINE, ())


def test_a_kill_for_lack_of_memory_comes_first() -> None:
    evidence = Evidence(own={"cpu.percent": flat(85)}, oom_kills=2, memory_limit=2 << 30)
    found = slow_checks.judge(evidence)
    assert (found[0].code, found[0].verdict, found[0].evidence) == ("oom", BAD, "2 kills")
    assert "2 GiB" in found[0].sentence
    assert found[1].code == "cpu"


def test_limits_of_processes_and_disks_count_only_where_they_are_set() -> None:
    own = {"processes": Stat(50, 99), "blkio.write_bytes": flat(0.95e6)}
    free = Evidence(own=dict(own))
    assert (of(free, "processes").verdict, of(free, "disk-limit").verdict) == (FINE, FINE)
    bound = Evidence(own=dict(own), pids_limit=100, disk_limits={"blkio.write_bytes": 1e6})
    assert (of(bound, "processes").verdict, of(bound, "disk-limit").verdict) == (BAD, WARN)


def test_a_release_that_made_it_dearer_is_named() -> None:
    growth = Growth("memory.working_set", 400 << 20, 900 << 20, "#12 release", "/releases/12/")
    found = of(Evidence(growths=[growth]), "growth")
    assert found.verdict == WARN
    assert "#12 release" in found.sentence
    assert "400 MiB before, 900 MiB after" in found.evidence
    tiny = Growth("cpu.cores", 0.001, 0.01, "#12 release", "/releases/12/")
    assert of(Evidence(growths=[tiny]), "growth").verdict == FINE


def test_changes_are_a_note() -> None:
    found = of(Evidence(changes=[Change(1.0, "settings", "dan changed the settings of snow")]), "changes")
    assert found.verdict == NOTE
    assert "dan" in found.evidence


values = st.dictionaries(
    st.sampled_from(
        ["cpu.percent", "cpu.throttled_time", "memory.percent", "memory.failcnt", "processes", "net.rx_dropped", "net.rx_packets",
         "tcp.close_wait", "pressure.cpu", "pressure.io", "memory.used", "memory.total", "tcp.retransmit_ratio", "disk.busiest"]
    ),
    st.builds(Stat, st.floats(0, 1e9), st.floats(0, 1e9)),
)  # fmt: skip


@given(values, values, st.floats(0, 1e4), st.integers(0, 5))
def test_whatever_is_measured_each_check_says_one_thing(own: Any, host: Any, limit: float, kills: int) -> None:
    found = slow_checks.judge(Evidence(own=own, host=host, pids_limit=limit, oom_kills=kills))
    assert len({j.code for j in found}) == len(slow_checks.CHECKS)
    assert [slow.ORDER.index(j.verdict) for j in found] == sorted(slow.ORDER.index(j.verdict) for j in found)
    assert all(j.sentence for j in found if j.tells)


def test_every_threshold_says_where_it_is_from() -> None:
    found = [value for value in vars(slow_checks).values() if isinstance(value, slow.Threshold)]
    assert len(found) >= 14
    assert all(one.source and (one.bad is None or one.bad > one.value) for one in found)


def test_a_mean_counts_how_many_samples_a_point_has() -> None:
    assert slow.stat([]) is None
    assert slow.stat([Point(0, 1.0, 1, 1, 1), Point(10, 4.0, 2, 9, 3)]) == Stat(3.25, 9, 10)


def test_the_page_tells_the_kill_the_release_and_who_else_is_there(sara: Client, measured: Measured) -> None:
    audit.record(Actor.system("wang"), "host.drain", measured.host, reason="new memory")
    audit.record(
        Actor.system("dan"), "service.config", measured.place, parent=measured.place.service, reason="less memory"
    )
    html = sara.get(f"/instances/{measured.instance.pk}/slow/?range=6h").content.decode()
    assert 'id="why-oom"' in html
    assert "1 kill" in html
    assert "began to drain the host" in html
    assert "less memory" in html
    assert f"/hosts/{measured.host.name}/charts/?range=6h" in html
    assert "Held back by the CPU limit" in html


def test_a_quiet_instance_has_nothing_that_stands_out(sara: Client, measured: Measured) -> None:
    from containers.models import Instance

    other = Instance.objects.exclude(pk=measured.instance.pk).first()
    assert other is not None
    now = timezone.now().timestamp()
    html = sara.get(f"/instances/{other.pk}/slow/?from={now - 600:.0f}&to={now:.0f}").content.decode()
    assert "likely reason" not in html
    assert "Also looked at" in html


def test_restarts_within_the_range_are_counted_each(instance: Any) -> None:
    now = timezone.now().timestamp()
    told = [0, 1, 0, 0, 1, 0]  # a sample says how often in its tick
    metrics.write([Sample(f"instance:{instance.pk}", now - 100 + 10 * n, {"restarts": v}) for n, v in enumerate(told)])
    assert slow_evidence.gather(instance, Range(now - 3600, now)).restarts == 2
