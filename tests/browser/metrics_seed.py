"""Fills the store with made-up samples of a day: a trading day's load, a release, a kill for lack of memory, gaps.

    DJANGO_SETTINGS_MODULE=xqplatform.settings XQ_DATA_DIR=/somewhere python -m tests.browser.metrics_seed

Run tests.browser.seed before, for the rows.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterable, Iterator
from typing import Any

MIB, GIB = 1 << 20, 1 << 30
TICK = 10


def busy(at: float) -> float:
    """How much is going on, 0 to 1: quiet at night, two humps of trading."""
    hour = (at / 3600 + 8) % 24
    return 0.15 + 0.55 * math.exp(-((hour - 10.5) ** 2) / 2.2) + 0.45 * math.exp(-((hour - 14.2) ** 2) / 1.6)


def instance_values(number: int, at: float, *, released: float, killed: float, rng: random.Random) -> dict[str, float]:
    """One sample of an instance; after the release it needs more memory, and once it is killed for it."""
    load = busy(at) * (1 + 0.12 * math.sin(number)) * rng.uniform(0.85, 1.15)
    new = at >= released
    cores = min(2.0, 1.7 * load * (1.2 if new else 1.0))
    since = at - (killed if at >= killed else released if new else released - 86400)
    grown = (at - released) / max(1.0, killed - released) if released <= at < killed else 0.0
    working = 620 * MIB + 240 * MIB * load + min(180 * MIB, since * 4000)
    if number == 1:
        working += 1.1 * GIB * grown
    cache = 260 * MIB + 90 * MIB * math.sin(at / 4000)
    packets = 900 * load + 40
    return {
        "cpu.cores": cores, "cpu.percent": cores * 50, "cpu.throttled_periods": max(0.0, cores - 1.4) * 8,
        "cpu.throttled_time": max(0.0, cores - 1.4) * 0.5, "memory.usage": working + cache, "memory.cache": cache,
        "memory.working_set": min(2 * GIB, working), "memory.limit": 2 * GIB, "memory.percent": min(100, 100 * working / (2 * GIB)),
        "memory.failcnt": 6.0 if grown > 0.93 and number == 1 else 0.0,
        "memory.oom_kills": 1.0 if number == 1 and 0 <= at - killed < TICK else 0.0,
        "net.rx_bytes": packets * 410, "net.tx_bytes": packets * 1320, "net.rx_packets": packets,
        "net.tx_packets": packets * 1.35, "net.rx_dropped": 0.0 if rng.random() > 0.004 else 3.0, "net.tx_dropped": 0.0,
        "net.rx_errors": 0.0, "net.tx_errors": 0.0,
        "blkio.read_bytes": 40e3 * load, "blkio.write_bytes": 900e3 * load, "blkio.read_ops": 4 * load, "blkio.write_ops": 60 * load,
        "blkio.read_bytes[sda]": 25e3 * load, "blkio.write_bytes[sda]": 600e3 * load,
        "blkio.read_ops[sda]": 3 * load, "blkio.write_ops[sda]": 40 * load,
        "blkio.read_bytes[nvme0n1]": 15e3 * load, "blkio.write_bytes[nvme0n1]": 300e3 * load,
        "blkio.read_ops[nvme0n1]": load, "blkio.write_ops[nvme0n1]": 20 * load,
        "processes": 34 + round(6 * load), "tcp.established": 60 + round(220 * load), "tcp.listen": 3.0,
        "tcp.time_wait": round(40 * load), "tcp.close_wait": 2.0, "tcp.other": 1.0, "restarts": float(number == 1 and 0 <= at - killed < TICK),
        "health": 1.0, "up": 1.0, "app.qps": 310 * load, "app.latency_p99_ms": 12 + 30 * load**2,
    }  # fmt: skip


def host_values(number: int, at: float, rng: random.Random, cpus: int = 16) -> dict[str, float]:
    """One sample of a host."""
    load = busy(at) * (1 + 0.3 * math.sin(number * 2.1)) * rng.uniform(0.9, 1.1)
    used = (0.3 + 0.35 * load) * 64 * GIB
    packets = 14_000 * load
    found = {
        "cpu.cores": cpus * min(1.0, 0.8 * load), "cpu.percent": 100 * min(1.0, 0.8 * load), "load.1": cpus * load * 0.8,
        "load.5": cpus * load * 0.75, "load.15": cpus * load * 0.7, "memory.total": 64.0 * GIB, "memory.used": used,
        "memory.available": 64 * GIB - used, "memory.cache": 9.0 * GIB, "swap.used": 0.0, "disk.read_bytes": 2e6 * load,
        "disk.write_bytes": 9e6 * load, "disk.read_ops": 60 * load, "disk.write_ops": 300 * load, "net.rx_bytes": packets * 500,
        "net.tx_bytes": packets * 900, "net.rx_packets": packets, "net.tx_packets": packets * 1.2, "net.rx_dropped": 0.0,
        "net.tx_dropped": 0.0, "net.rx_errors": 0.0, "net.tx_errors": 0.0,
        "tcp.retransmissions": 3 + 8 * load, "tcp.retransmit_ratio": 0.0008 + 0.002 * load, "conntrack.count": 800 * load,
        "conntrack.percent": 1.5 * load, "pressure.cpu": 6 * load, "pressure.memory": 0.1, "pressure.io": 3 * load,
        "processes": 310.0, "collector.cpu": 0.0026, "collector.memory": 6.1 * MIB,
    }  # fmt: skip
    for disk, share in (("sda", 0.7), ("nvme0n1", 0.3)):
        found |= {
            f"disk.{n}[{disk}]": share * found[f"disk.{n}"]
            for n in ("read_bytes", "write_bytes", "read_ops", "write_ops")
        }
        found[f"disk.busy[{disk}]"] = 30 * load * share
    for mount, size in (("/", 100 * GIB), ("/data", 900 * GIB)):
        share = 0.42 + 0.02 * math.sin(at / 9000)
        found |= {f"fs.used[{mount}]": share * size, f"fs.size[{mount}]": float(size), f"fs.percent[{mount}]": 100 * share,
                  f"fs.inodes_percent[{mount}]": 6.0}  # fmt: skip
    names = ("rx_bytes", "tx_bytes", "rx_packets", "tx_packets", "rx_dropped", "tx_dropped", "rx_errors", "tx_errors")
    return found | {f"net.{n}[eth0]": found[f"net.{n}"] for n in names}


def samples(
    instances: Iterable[Any],
    hosts: Iterable[Any],
    start: float,
    end: float,
    tick: int = TICK,
    gap: tuple[float, float] = (0, 0),
) -> Iterator[list[Any]]:
    """A batch of ten minutes at a time; nothing within the gap, as when a collector was down."""
    from xqplatform.metrics import Sample

    rng = random.Random(7)
    instances, hosts = list(instances), list(hosts)
    released, killed = end - 0.4 * (end - start), end - 0.2 * (end - start)
    batch: list[Any] = []
    at = start // tick * tick
    while at <= end:
        if not gap[0] <= at < gap[1]:
            for row in instances:
                values = instance_values(row.number, at, released=released, killed=killed, rng=rng)
                batch.append(Sample(f"instance:{row.pk}", at, values, "life"))
            batch += [Sample(f"host:{row.pk}", at, host_values(n, at, rng)) for n, row in enumerate(hosts)]
        at += tick
        if len(batch) >= 2000:
            yield batch
            batch = []
    yield batch


def fill(
    instances: Iterable[Any], hosts: Iterable[Any], hours: float = 24, now: float | None = None, tick: int = TICK
) -> int:
    """Writes them; an hour's gap in the middle of a day. How many were written."""
    from xqplatform import metrics

    end = time.time() if now is None else now
    start = end - hours * 3600
    gap = (end - 0.55 * hours * 3600, end - 0.51 * hours * 3600)
    return sum(metrics.write(batch) for batch in samples(instances, hosts, start, end, tick, gap))


def happened(instance: Any, hours: float = 24) -> None:
    """What the samples show, as rows: the container before the release, the release, the kill."""
    from datetime import timedelta

    from django.utils import timezone

    from containers.models import Container, InstanceEvent
    from tests import factories as f

    now = timezone.now()
    released, killed = now - timedelta(hours=0.4 * hours), now - timedelta(hours=0.2 * hours)
    Container.objects.filter(instance=instance, ended=None).update(started=released + timedelta(seconds=4))
    Container.objects.filter(instance=instance).exclude(ended=None).update(ended=released)
    if not instance.containers.exclude(ended=None).exists():
        f.make_container(instance, started=now - timedelta(days=2), ended=released)
    deployment = f.make_deployment(
        instance.place, "succeeded", started=released, finished=released + timedelta(minutes=3)
    )
    type(deployment).objects.filter(pk=deployment.pk).update(created=released)
    begin = released.timestamp()
    f.make_step(deployment, instance, "done", times={"stop": [begin, begin + 1], "create": [begin + 1, begin + 2],
                                                     "start": [begin + 2, begin + 4], "healthy": [begin + 4, begin + 9]})  # fmt: skip
    InstanceEvent.objects.create(
        instance=instance, container=instance.current, kind="oom", time=killed, last=killed,
        text="The kernel killed a process at the memory limit of 2048.0 MiB. Raise the limit or lower its use.",
    )  # fmt: skip
    type(instance).objects.filter(place=instance.place).update(created=now - timedelta(days=3))


def main() -> None:
    from containers.models import Instance
    from hosts.models import Host

    rows = list(
        Instance.objects.filter(place__service__slug="snow", place__environment__slug="production").order_by("number")
    )
    happened(rows[0])
    hosts = list(Host.objects.order_by("name"))
    Host.objects.filter(pk__in=[h.pk for h in hosts]).update(cpus=16)
    began = time.time()
    print(fill(rows[:8], hosts), "samples in", round(time.time() - began), "s; instance", rows[0].pk)


if __name__ == "__main__":
    import django

    django.setup()
    main()
