"""One evaluation of all rules: 10,000 instances on 1,000 hosts with 20 rules, most of them fine, some of them not."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from pathlib import Path

from tests.bench.metrics import BATCH, Simulated, prepare
from tests.bench.results import Results

HOSTS, EACH = 1000, 10
TICKS = 6
MODELS = 50  # different instances; the others repeat them


def fill() -> list[str]:
    """Hosts, and instances of 100 services on them."""
    from django.utils import timezone

    from containers.models import Instance
    from hosts.models import Host
    from tests import factories

    now = timezone.now()
    group = factories.make_group()
    hosts = Host.objects.bulk_create(
        Host(name=f"h{n}", address="10.9.0.1:2376", state="ready", state_since=now, seen=now, group=group)
        for n in range(HOSTS)
    )
    places = [factories.make_place(factories.make_service(f"service-{n}"), "production") for n in range(100)]
    made = Instance.objects.bulk_create(
        (
            Instance(place=places[n % 100], number=n // 100 + 1, host=hosts[n % HOSTS], state="healthy", seen=now)
            for n in range(HOSTS * EACH)
        ),
        1000,
    )
    return [f"instance:{row.pk}" for row in made] + [f"host:{row.pk}" for row in hosts]


def write(subjects: list[str], at: float, models: list[Simulated], bad: int) -> None:
    """A tick of all; the first `bad` instances are at their memory limit."""
    from xqplatform import metrics

    values = [model.values() for model in models]
    host = {"cpu.cores": 3.0, "fs.percent[/]": 40.0, "fs.percent[/data]": 60.0, "fs.inodes_percent[/]": 9.0,
            "conntrack.percent": 3.0, "tcp.retransmit_ratio": 0.001, "memory.used": 9e9}  # fmt: skip
    for n in range(0, len(subjects), BATCH):
        part = subjects[n : n + BATCH]
        metrics.write(
            [
                metrics.Sample(
                    s, at, host if s.startswith("host") else {**values[(n + i) % MODELS], "memory.percent": 97.0 if n + i < bad else 40.0}
                )
                for i, s in enumerate(part)
            ]
        )  # fmt: skip


def run(results: Results) -> None:
    folder = Path(tempfile.mkdtemp(prefix="xq-bench-"))
    try:
        _run(folder, results)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(folder: Path, results: Results) -> None:
    prepare(folder)
    from xqplatform.alerts import evaluate
    from xqplatform.alerts.models import Alert, Rule

    subjects = fill()
    models = [Simulated(n) for n in range(MODELS)]
    Rule.objects.filter(builtin="memory").update(hold=20, clear_hold=20)
    Rule.objects.create(name="cpu", metric="cpu.percent", threshold=1e9, hold=60)
    start = time.time() // 10 * 10
    took, cpu, worst = [], [], 0.0
    for tick in range(TICKS):
        at = start + 10 * tick
        _wait_until(at)
        # 500 come to their limit together in the third tick.
        write(subjects, at, models, 500 if tick >= 2 else 0)
        began, used = time.perf_counter(), time.process_time()
        evaluate.run()
        spent = time.perf_counter() - began
        took.append(spent)
        cpu.append(time.process_time() - used)
        worst = max(worst, spent)
    firing = Alert.objects.filter(state="firing").count()
    if firing != 500:
        raise RuntimeError(f"{firing} alerts fire instead of 500.")
    results.add(f"alerts: {Rule.objects.count()} rules over 10,000 instances, median", statistics.median(took), "s", 5)
    results.add("alerts: the same, worst (500 begin together)", worst, "s")
    results.add("alerts: CPU of an evaluation, median", statistics.median(cpu), "s", 2)
    results.add("alerts: CPU of an evaluation, worst", max(cpu), "s", 4)


def _wait_until(at: float) -> None:
    time.sleep(max(0.0, at + 1 - time.time()))
