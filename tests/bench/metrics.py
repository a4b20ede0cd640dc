"""The store of time series: 10,000 instances of 25 metrics at ticks of 10 s, on SQLite or what `XQ_TEST_DATABASE` names (an empty one)."""

from __future__ import annotations

import os
import random
import shutil
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.bench.results import Results

INSTANCES = 10_000
DAY_INSTANCES = 40  # with every sample of a day
BATCH = 1000
MINUTES = 10  # of all instances' ticks


class Simulated:
    """One instance's metrics as they come: some stand still, some go to and fro, some are noise."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.cpu, self.set, self.cache, self.packets = 0.7, 200_000.0, 30_000.0, 3000.0

    def values(self) -> dict[str, float]:
        gauss = self.random.gauss
        self.cpu = max(0.01, self.cpu + gauss(0, 0.01))
        self.set = max(1000, self.set + gauss(0, 200))
        self.cache += max(0, gauss(0, 30))
        cpu = max(0.0, self.cpu + gauss(0, 0.08))
        used, cache = int(self.set + gauss(0, 300)) * 4096.0, int(self.cache) * 4096.0
        rx, tx = round(max(0.0, gauss(self.packets, 400))) / 10, round(max(0.0, gauss(self.packets, 400))) / 10
        wrote = round(max(0.0, gauss(40, 20))) * 409.6
        return {
            "cpu.cores": cpu,
            "cpu.percent": cpu * 25,
            "cpu.throttled_periods": self.random.choice((0.0, 0.0, 0.0, 0.1)),
            "cpu.throttled_time": 0.0,
            "memory.usage": used + cache,
            "memory.cache": cache,
            "memory.working_set": used,
            "memory.limit": float(1 << 33),
            "memory.percent": used / (1 << 33) * 100,
            "memory.failcnt": 0.0,
            "memory.oom_kills": 0.0,
            "net.rx_bytes": rx * 700,
            "net.tx_bytes": tx * round(gauss(700, 60)),
            "net.rx_packets": rx,
            "net.tx_packets": tx,
            "net.rx_dropped": 0.0,
            "net.tx_dropped": 0.0,
            "blkio.read_bytes": self.random.choice((0.0,) * 8 + (409.6, 20480.0)),
            "blkio.write_bytes": wrote,
            "blkio.read_ops": 0.0,
            "blkio.write_ops": round(wrote / 819.2) / 10,
            "processes": float(round(gauss(60, 1))),
            "tcp.established": float(round(gauss(200, 5))),
            "tcp.time_wait": float(round(gauss(80, 9))),
            "up": 1.0,
        }


def prepare(folder: Path) -> None:
    os.environ.update(XQ_DATA_DIR=str(folder), XQ_DATABASE_URL=os.environ.get("XQ_TEST_DATABASE", ""))
    os.environ["DJANGO_SETTINGS_MODULE"] = "xqplatform.settings"
    import django
    from django.conf import settings
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    settings.METRICS_LATE = 4 * 86400.0
    settings.METRICS_LEAST_FREE = 0


def timed(act: Callable[[], Any], times: int = 9) -> float:
    """Milliseconds, the median."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        act()
        found.append((time.perf_counter() - began) * 1000)
    return statistics.median(found)


def spent(act: Callable[[], Any], times: int = 5) -> float:
    """Milliseconds of CPU of this process (on SQLite that is all), the least of some tries."""
    found = []
    for _ in range(times):
        began = time.process_time()
        act()
        found.append((time.process_time() - began) * 1000)
    return min(found)


def stored_bytes() -> int:
    """What the tables of the store take, indexes included."""
    from django.db import connection

    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT SUM(pgsize) FROM dbstat WHERE name LIKE '%metrics\\_%' ESCAPE '\\'")
        else:
            cursor.execute("VACUUM FULL metrics_hot")
            cursor.execute(
                "SELECT SUM(pg_total_relation_size(c.oid)) FROM pg_class c WHERE relname LIKE 'metrics\\_%' AND relkind = 'r'"
            )
        return int(cursor.fetchone()[0])


def samples(subject: str, seed: int, start: int, end: int) -> Iterator[Any]:
    from xqplatform.metrics import Sample

    one = Simulated(seed)
    for at in range(start, end, 10):
        yield Sample(subject, at + seed % 1000 / 100 + one.random.random() / 50, one.values())


def a_day(results: Results) -> None:
    """All samples of a day of some instances: their size once sealed, and reading them."""
    from xqplatform import metrics
    from xqplatform.metrics import keeping

    start = (int(time.time()) // 86400 - 2) * 86400
    before, count = stored_bytes(), 0
    for number in range(1, DAY_INSTANCES + 1):
        rows = list(samples(f"instance:{number}", number, start, start + 86400))
        count += sum(len(row.values) for row in rows)
        for i in range(0, len(rows), BATCH):
            metrics.write(rows[i : i + BATCH])
    began = time.process_time()
    while not keeping.keep(budget=600):
        pass
    spent = time.process_time() - began
    results.add("metrics: sealing and rolling up a sample (CPU)", spent / count * 25 * 1e6, "µs")
    results.add("metrics: stored value over a day, all levels", (stored_bytes() - before) / count, "bytes", 4)
    asked = ["cpu.cores", "memory.working_set", "net.rx_bytes", "net.tx_bytes"]
    numbers = iter(range(1, 1000))

    def day(names: list[str], points: int = 400) -> float:
        subject = lambda: f"instance:{next(numbers) % DAY_INSTANCES + 1}"  # noqa: E731
        return timed(lambda: metrics.series([subject()], names, start, start + 86400, points=points))

    results.add("metrics: an instance's 24 h, one metric", day(asked[:1]), "ms", 10)
    results.add("metrics: an instance's 24 h, four metrics", day(asked), "ms", 10)
    results.add(
        "metrics: an instance's 24 h, all 25 metrics", day(metrics.names("instance:1", start, start + 86400)), "ms"
    )
    results.add("metrics: an instance's 24 h, each of 8,640 samples", day(asked[:1], 9000), "ms")
    many = [f"instance:{n}" for n in range(1, DAY_INSTANCES + 1)]
    band = timed(lambda: metrics.over(many, "cpu.cores", start, start + 86400, 400), 3)
    results.add(f"metrics: a band over {DAY_INSTANCES} instances' 24 h", band, "ms")


def the_fleet(results: Results) -> None:
    """All instances for some minutes, as collectors send them."""
    from xqplatform import metrics
    from xqplatform.metrics import Sample
    from xqplatform.metrics.models import Upkeep

    Upkeep.objects.update_or_create(id=1, defaults={"ranked_until": 0})
    made = [Simulated(seed).values() for seed in range(200)]
    now = int(time.time()) // 10 * 10
    wall, cpu, count = [], 0.0, 0
    for at in range(now - 60 * MINUTES, now, 10):
        for first in range(0, INSTANCES, BATCH):
            rows = [
                Sample(f"instance:{n + 1}", at + n % 100 / 100, made[(n + at) % 200], f"{n:012x}")
                for n in range(first, first + BATCH)
            ]
            began, began_cpu = time.perf_counter(), time.process_time()
            metrics.write(rows)
            wall.append((time.perf_counter() - began) * 1000)
            cpu += time.process_time() - began_cpu
            count += BATCH
    wall = wall[2 * INSTANCES // BATCH :]  # the first ticks make the subjects
    results.add("metrics: writing 1,000 samples of 25 metrics, median", statistics.median(wall), "ms", 60)
    results.add("metrics: writing 1,000 samples, p99", sorted(wall)[len(wall) * 99 // 100], "ms")
    results.add("metrics: writing a sample (CPU)", cpu / count * 1e6, "µs", 60)
    the_running_hour(results, now)
    results.add(
        "metrics: latest sample of all 10,000", timed(lambda: metrics.latest(within=time.time() - now + 60), 3), "ms"
    )
    one = timed(lambda: metrics.series(["instance:77"], ["cpu.cores"], now - 3600, now))
    results.add("metrics: an instance's last hour", one, "ms")


def the_running_hour(results: Results, now: int) -> None:
    """Ranking as housework does it, every 30 s for 5 minutes; then the longest that is not ranked yet is still to be read."""
    from xqplatform import metrics
    from xqplatform.metrics import running

    deque(running.rank(now - 350), 0)
    began = time.process_time()
    for at in range(now - 320, now - 49, 30):
        deque(running.rank(at), 0)
    results.add("metrics: ranking 10,000 instances, of a core", (time.process_time() - began) / 300 * 100, "%", 2)
    for words, seconds in (("15 minutes", 900), ("an hour", 3600), ("3 hours", 10800)):
        took = spent(lambda seconds=seconds: metrics.top("cpu.cores", now - seconds, now))
        results.add(f"metrics: the fleet's top 20 of {words} (CPU)", took, "ms", 200)


def ranks_of_a_day(results: Results) -> None:
    """Hours' ranks of all instances, as sealing leaves them, and the fleet's top 20 of a day."""
    from xqplatform import metrics
    from xqplatform.metrics import ranking, ranks

    pick = random.Random(1)
    now = time.time()
    for hour in range(int(now) // 3600 - 24, int(now) // 3600):
        for shard in range(INSTANCES // ranks.SHARD + 1):
            held = {place: (360, pick.random() * 720, pick.random() * 8) for place in range(ranks.SHARD)}
            ranking.replace(3600, hour * 3600, shard, {name: held for name in ("cpu.cores", "memory.percent", "up")})
    results.add(
        "metrics: the fleet's top 20 of a day", timed(lambda: metrics.top("cpu.cores", now - 86400, now)), "ms", 50
    )
    highest = timed(lambda: metrics.top("cpu.cores", now - 86400, now, by="max"))
    results.add("metrics: the fleet's top 20 of a day, by maximum", highest, "ms", 50)


def run(results: Results) -> None:
    folder = Path(tempfile.mkdtemp(prefix="xq-bench-"))
    try:
        prepare(folder)
        a_day(results)
        the_fleet(results)
        ranks_of_a_day(results)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
