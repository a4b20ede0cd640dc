"""What applications tell and Prometheus reads: /metrics of 10,000 instances, and how many endpoints one process reads."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.bench.metrics import prepare
from tests.bench.results import Results

INSTANCES, HOSTS = 10_000, 300
ENDPOINTS = 2000
SECONDS = 20
SERVER = """
import asyncio
lines = b"".join(b'# TYPE m%d counter\\nm%d{a="b",c="d"} 5\\nm%d{a="c",c="d"} 6\\n' % (n, n, n) for n in range(40))
answer = b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(lines) + lines
class Endpoint(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
    def data_received(self, data):
        self.transport.write(answer)
        self.transport.close()
async def main():
    server = await asyncio.get_running_loop().create_server(Endpoint, "127.0.0.1", 0, backlog=2048)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


def fleet() -> Callable[[], None]:
    """Rows of 10,000 instances with addresses; returns what writes the samples of their last minute."""
    from django.utils import timezone

    from containers.models import Instance
    from hosts.models import Address
    from tests.factories import make_host, make_running_place, make_segment
    from xqplatform import metrics
    from xqplatform.metrics import Sample, catalogue

    place, segment = make_running_place(instances=0), make_segment(cidr="10.0.0.0/8")
    hosts = [make_host(f"bench-{n}") for n in range(HOSTS)]
    now, mac = timezone.now(), "02:42:00:00:00:00"
    numbers = range(1, INSTANCES + 1)
    made = [Address(segment=segment, ip=f"10.9.{n >> 8}.{n & 255}", number=n, mac=mac, since=now) for n in numbers]
    addresses = Address.objects.bulk_create(made, batch_size=500)
    instances = Instance.objects.bulk_create(
        [Instance(place=place, host=hosts[n % HOSTS], number=n, address=addresses[n - 1]) for n in numbers],
        batch_size=500,
    )
    names = [metric.name for metric in catalogue.of("instance")]

    def write() -> None:
        last = time.time()
        for back in range(60, 0, -10):
            metrics.write([Sample(f"instance:{i.pk}", last - back, {n: i.pk * 1.37 for n in names}) for i in instances])
        metrics.write([Sample(f"instance:{i.pk}", last - 1, {"app.http_requests.rate": 3.5}) for i in instances])
        metrics.write([Sample(f"host:{h.pk}", last - 2, {m.name: 1.5 for m in catalogue.of("host")}) for h in hosts])

    return write


def page(results: Results) -> None:
    from xqplatform.metrics.exporting import sources

    began = time.time()
    fleet()()
    sources.WITHIN = time.time() - began + 75  # type: ignore[misc]  # however long that took
    wall, cpu, lines = [], [], 0
    for _attempt in range(5):
        start, used = time.perf_counter(), time.process_time()
        lines = sum(piece.count("\n") for piece in sources.pieces())
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - used)
    results.add("applications: /metrics of 10,000 instances", min(wall), "s", 1)
    results.add("applications: /metrics of 10,000 instances (CPU)", min(cpu), "s", 1)
    results.add("applications: lines of it", lines, "lines")


def readings(results: Results, port: int) -> None:
    from containers.told.names import Wanted
    from containers.told.scraper import Outcome, Scraper
    from containers.told.targets import Target

    outcomes: list[Outcome] = []
    wanted = tuple(Wanted(f"m{n}") for n in range(8))

    async def run() -> float:
        scraper = Scraper(outcomes.append)
        scraper.assign({n: Target(n, "127.0.0.1", port, "/metrics", wanted) for n in range(ENDPOINTS)})
        running = asyncio.ensure_future(scraper.run())
        await asyncio.sleep(12)
        outcomes.clear()
        used = time.process_time()
        await asyncio.sleep(SECONDS)
        used = time.process_time() - used
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return used

    cpu = asyncio.run(run())
    good = sum(one.sample is not None for one in outcomes)
    results.add(f"applications: share of {ENDPOINTS} endpoints' readings made", good / (ENDPOINTS * SECONDS / 10), "")
    results.add("applications: reading an endpoint of 120 lines (CPU)", cpu / max(1, good) * 1e6, "µs", 1000)


def run(results: Results) -> None:
    folder = Path(tempfile.mkdtemp(prefix="xq-bench-"))
    server: Any = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    try:
        prepare(folder)
        page(results)
        readings(results, int(server.stdout.readline()))
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)
