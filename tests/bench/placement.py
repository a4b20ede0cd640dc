"""Deciding where instances go: many on many hosts, of one kind, each of a kind of its own, and where nothing fits."""

from __future__ import annotations

import time

from containers.placement import Demand, Host, Rules, place
from tests.bench.results import Results

GIB = 1 << 30
N = 1000
GOAL = 1.0  # seconds


def fleet(count: int) -> list[Host]:
    return [
        Host(
            n,
            f"h{n:04}",
            cpus=64 * 16,
            memory=1024 * GIB,
            real_cpus=64,
            real_memory=256 * GIB,
            used_cpus=n % 30,
            used_memory=n % 50 * GIB,
            instances=n % 20,
            room=1 + n % 4,
            segments=frozenset({1}),
        )
        for n in range(count)
    ]


def alone(n: int, memory: int = GIB, rules: Rules | None = None) -> Demand:
    """One instance that asks for what no other asks for."""
    return Demand(n, 1, 0.5 + n / 100, memory + n, service=n, segment=1, rules=rules or Rules())


def run(results: Results) -> None:
    cases = {
        "1,000 instances of one service": [Demand(1, N, 4, 8 * GIB, segment=1)],
        "1,000 services, no two alike": [alone(n) for n in range(N)],
        "1,000 services, each with rules of its own": [
            alone(n, rules=Rules(per_host=1, avoid=frozenset({n + 1}), unlabels=frozenset({f"no-{n}"})))
            for n in range(N)
        ],
        "1,000 services, packed": [alone(n, rules=Rules(pack=True)) for n in range(N)],
        "1,000 services that fit nowhere, with why": [alone(n, memory=2048 * GIB) for n in range(N)],
    }
    for name, demands in cases.items():
        hosts = fleet(N)
        began = time.perf_counter()
        answer = place(hosts, demands, addresses={1: N})
        took = time.perf_counter() - began
        assert sum(len(one.hosts) for one in answer.assignments) + len(answer.refusals) == N
        results.add(f"Placement on 1,000 hosts: {name}", took, "s", GOAL)
    hosts, demands = fleet(N), [Demand(n, 20, 0.25, GIB // 4, service=n, segment=1) for n in range(N)]
    began = time.perf_counter()
    place(hosts, demands, addresses={1: 20 * N})
    results.add("Placement on 1,000 hosts: 20,000 instances of 1,000 services", time.perf_counter() - began, "s")
