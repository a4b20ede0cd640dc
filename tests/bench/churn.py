"""Containers that come and go on real engines, as many as this machine can in a minute, and what their collectors make of it."""

from __future__ import annotations

import contextlib
import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.bench.results import Results
from tests.engines.fleet import Fleet
from tests.engines.images import tiny_image

SECONDS = 60.0
AT_ONCE = 4  # a host


def run(results: Results, place: Any, hosts: int = 2) -> None:
    """`place(host)` makes the host's collector and says its engine id."""
    from hosts.collector.protocol import Parser

    with Fleet.up(hosts) as fleet:
        collectors = {}
        for host in fleet.hosts:
            with contextlib.closing(host.local_client()) as client:
                tiny_image(client, "bench:1", healthcheck=False)
            collectors[host.name] = place(host)
        until = time.monotonic() + SECONDS
        with ThreadPoolExecutor(hosts * AT_ONCE) as pool:
            numbers = [pool.submit(_come_and_go, host, at, until) for host in fleet.hosts for at in range(AT_ONCE)]
            gone = sum(one.result() for one in numbers)
        time.sleep(11)  # a tick without any
        lost = bad = left = seen = 0
        for host in fleet.hosts:
            with contextlib.closing(host.local_client()) as client:
                lines = client.logs(collectors[host.name], stderr=False).decode().splitlines()
            parser = Parser()
            blocks = list(parser.blocks(lines))
            bad += parser.bad
            lost += sum(after.seq - before.seq - 1 for before, after in itertools.pairwise(blocks))
            seen += len({engine_id for block in blocks for engine_id in block.containers})
            left += len(blocks[-1].containers)
    results.add("containers that came and went in a minute on two engines", gone, "containers")
    results.add("of them, those that a tick fell upon", seen, "containers")
    results.add("lost ticks meanwhile", lost, "ticks", 0)
    results.add("lines that made no sense", bad, "lines", 0)
    results.add("containers that the last tick still tells of", left, "containers", 0)


def _come_and_go(host: Any, number: int, until: float) -> int:
    """How many this one made and removed."""
    done = 0
    with contextlib.closing(host.local_client()) as client:
        config = client.create_host_config(network_mode="none", mem_limit="32m")
        while time.monotonic() < until:
            made = client.create_container("bench:1", name=f"churn-{number}-{done}", host_config=config)["Id"]
            client.start(made)
            client.remove_container(made, force=True)
            done += 1
    return done
