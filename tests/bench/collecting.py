"""What it costs to measure: a thousand simulated hosts in one process, and one real host against `docker stats`."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.bench import churn, collector_parts
from tests.bench.platform import ROOT
from tests.bench.results import Results
from tests.bench.simulated import collector_id, container_id
from tests.engines.certs import Authority
from tests.engines.fleet import Fleet
from tests.engines.images import tiny_image

INTERVAL = 10
CONTAINERS = 10
PATIENCE, MEASURED = 180.0, 60.0  # seconds: until all are read, and then
PART = "XQ_BENCH_COLLECT"
TICK = os.sysconf("SC_CLK_TCK")


def run(results: Results) -> None:
    if os.environ.get(PART):
        print(json.dumps(_ingest(int(os.environ[PART]))))
        return
    _one_host(results)
    churn.run(results, _place)
    _thousand_hosts(results)


# --- A thousand hosts ---------------------------------------------------------------------------------------------------


def _thousand_hosts(results: Results) -> None:
    few, many = _measured(100), _measured(1000)
    results.add("collecting: 1,000 hosts × 10 containers, one process", many["cores"], "cores", 1.0)
    results.add("collecting: samples that were not stored, of 1,000 hosts", many["missing"], "samples", 0)
    results.add("collecting: from tick to stored, p99 of 1,000 hosts", many["p99"], "s", 2.0)
    results.add("collecting: from tick to stored, median", many["median"], "s")
    results.add("collecting: 100 hosts × 10 containers, one process", few["cores"], "cores")
    results.add("collecting: CPU of ten times as many, by ten", many["cores"] / few["cores"] / 10, "times", 1.25)
    results.add("collecting: memory of the process with 1,000 hosts", many["memory"], "MiB")


def _measured(hosts: int) -> dict[str, float]:
    """In a process of its own, with a database of its own."""
    with tempfile.TemporaryDirectory(prefix="xq-bench-") as folder:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("XQ_") or k == "XQ_DATABASE_URL"}
        environment = {**kept, "XQ_DATA_DIR": folder, "XQ_BENCH_PART": "1", PART: str(hosts), "XQ_LOG_LEVEL": "ERROR"}
        command = [sys.executable, "-m", "tests.bench", "collecting"]
        done = subprocess.run(
            command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=900
        )
        if done.returncode:
            raise RuntimeError(done.stderr[-3000:])
        found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return found


@contextlib.contextmanager
def simulator(hosts: int) -> Iterator[tuple[int, Any, Any]]:
    """Its port, the authority, and the platform's certificate."""
    folder = Path(tempfile.mkdtemp(prefix="xq-sim-"))
    authority = Authority()
    server = authority.server("127.0.0.1")
    for name, text in (("ca.pem", authority.cert), ("server.pem", server.cert), ("server-key.pem", server.key)):
        (folder / name).write_text(text)
    command = [sys.executable, "-m", "tests.bench.simulated", str(folder), str(hosts), str(CONTAINERS), str(INTERVAL)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline()), authority, authority.client()
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _ingest(count: int) -> dict[str, float]:
    os.environ["DJANGO_SETTINGS_MODULE"] = "xqplatform.settings"
    import django

    django.setup()
    from django.core.management import call_command

    from hosts import hooks
    from hosts.collector.readers import Readers
    from hosts.models import Collector, Host

    call_command("migrate", verbosity=0)
    numbers = {container_id(host, at): host * CONTAINERS + at for host in range(count) for at in range(CONTAINERS)}
    hooks.METRIC_SUBJECTS[:] = [lambda _host, asked: {one: f"instance:{numbers[one]}" for one in asked}]
    with simulator(count) as (port, authority, client):
        for host in range(count):
            row = Host.objects.create(
                name=f"h{host}", address=f"127.0.0.1:{port}", ca=authority.cert, certificate=client.cert, key=client.key,
                state="ready",
            )  # fmt: skip
            Collector.objects.create(host=row, state="placed", container=collector_id(host))
        readers = Readers()
        readers.start()
        until = time.monotonic() + PATIENCE
        while Collector.objects.filter(last_sample=None).exists() and time.monotonic() < until:
            time.sleep(1)
        time.sleep(2 * INTERVAL)
        lost = sum(Collector.objects.values_list("lost_ticks", flat=True))
        delays: list[float] = []
        readers.ingest.delays = delays
        written, began, before = readers.ingest.written, time.monotonic(), _own_cpu()
        time.sleep(MEASURED)
        seconds, used, stored = time.monotonic() - began, _own_cpu() - before, readers.ingest.written - written
        readers.ingest.delays = None
        lost = sum(Collector.objects.values_list("lost_ticks", flat=True)) - lost
        readers.stop()
    expected = count * (CONTAINERS + 1) * MEASURED / INTERVAL
    delays.sort()
    return {
        "cores": used / seconds,
        # (What is under way at both ends of the minute is no loss.)
        "missing": max(0.0, expected * 0.99 - stored) + lost,
        "p99": delays[int(len(delays) * 0.99)] if delays else 999.0,
        "median": delays[len(delays) // 2] if delays else 999.0,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _own_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


# --- One real host ------------------------------------------------------------------------------------------------------


def _one_host(results: Results) -> None:
    from hosts.collector.protocol import Parser

    with Fleet.up(1) as fleet:
        host = fleet.hosts[0]
        with contextlib.closing(host.local_client()) as client:
            tiny_image(client, "bench:1", healthcheck=False)
            for number in range(30):
                config = client.create_host_config(network_mode="none", mem_limit="32m")
                client.start(client.create_container("bench:1", name=f"many-{number}", host_config=config)["Id"])
        wall, cpu = _docker_stats(host)
        # What the engine computes anyway, with the same containers and nobody who asks.
        engine_idle, began = _engine_cpu(host), time.monotonic()
        time.sleep(INTERVAL * 6)
        engine_idle = (_engine_cpu(host) - engine_idle) / ((time.monotonic() - began) / INTERVAL)
        with contextlib.closing(host.local_client()) as client:
            brother = int(client.inspect_container("many-0")["State"]["Pid"])
        collector_parts.run(results, brother)
        collector = _place(host)
        # (Every name space's sockets are looked at one by one once, for a thousandth of a core.)
        time.sleep(INTERVAL * 20 + 2)
        engine_before = _engine_cpu(host)
        began = time.monotonic()
        time.sleep(INTERVAL * 6)
        engine = (_engine_cpu(host) - engine_before) / ((time.monotonic() - began) / INTERVAL)
        with contextlib.closing(host.local_client()) as client:
            lines = client.logs(collector).decode().splitlines()
        blocks = list(Parser().blocks(lines))
        first, last = blocks[-7], blocks[-1]
        ticks = last.seq - first.seq
        own = ((last.host.collector_cpu or 0) - (first.host.collector_cpu or 0)) / 1e9 / ticks
        # From the first container's reading to the last one's; the clock there has hundredths of a second.
        spans = [max(r.at for r in b.containers.values()) - b.uptime + 0.01 for b in blocks[-7:]]
        results.add("collector: CPU with 30 containers, of one core", 100 * own / INTERVAL, "%", 0.5)
        memory = max(b.host.collector_memory or 0 for b in blocks) / 2**20
        results.add("collector: memory with 30 containers", memory, "MiB", 10)
        results.add("docker stats --no-stream of 30 containers", wall, "s")
        results.add("docker stats --no-stream: CPU of it and the engine", cpu, "s")
        results.add("one sample of 30 by the collector, by docker stats", sum(spans) / len(spans) / wall, "times", 0.01)
        added = max(0.0, engine - engine_idle)
        results.add("a tick of the engine and containerd, with and without a collector", 1000 * engine, "ms")
        results.add("the same without", 1000 * engine_idle, "ms")
        results.add("its CPU with what the engine has more to do, by docker stats'", (own + added) / cpu, "times", 0.01)


def _engine_cpu(host: Any) -> float:
    """Seconds that the engine and its containerd have computed."""
    total = 0
    for program in ("dockerd", "containerd"):
        pid = host._pid(program)
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(words[11]) + int(words[12])
    return total / TICK


def _docker_stats(host: Any) -> tuple[float, float]:
    """Wall and CPU seconds of one call, the best of three."""
    found = []
    for _ in range(3):
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        engine, began = _engine_cpu(host), time.monotonic()
        command = ["docker", "-H", host.socket_url, "stats", "--no-stream"]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        own = after.ru_utime + after.ru_stime - children.ru_utime - children.ru_stime
        found.append((wall, own + _engine_cpu(host) - engine))
    return min(found)


def _place(host: Any) -> str:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "xqplatform.settings")
    import django

    django.setup()
    from hosts import engine as edge
    from hosts.collector import image, placing
    from hosts.models import Host

    engine = edge.connect_spec(edge.ConnectionSpec("local", host.socket_url))
    row = Host(name="bench", cgroup_version=str(engine.info().get("CgroupVersion") or ""), data_root="/data")
    return placing.place(engine, placing.version_for(image.wanted_version()), row)
