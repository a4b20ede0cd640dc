"""Made-up fleets for tests and benches: no rows, no engines."""

from __future__ import annotations

import random
from collections import Counter

from containers.capacity.whatif.model import GIB, Environment, Fleet, Group, Held, Place
from containers.placement import Demand, Host


def fleet(
    hosts: int = 6,
    places: int = 3,
    instances: int = 12,
    *,
    rooms: int = 2,
    cpus: float = 32,
    gib: float = 128,
    size: tuple[float, int] = (4.0, 8),
    seed: int | None = None,
) -> Fleet:
    """Rooms `room-1`…, hosts `h1`… in turn, services `s1`… in production, whose instances are spread evenly,
    or with a seed stand wherever they came to stand."""
    rng = None if seed is None else random.Random(seed)
    at: dict[int, Counter[int]] = {n: Counter() for n in range(1, places + 1)}
    for n in range(instances):
        at[n // hosts % places + 1][n % hosts + 1 if rng is None else rng.randint(1, hosts)] += 1
    groups = {f"room-{n}": Group(n, f"Room {n}", overcommit_cpus=4, overcommit_memory=1) for n in range(1, rooms + 1)}
    on: Counter[int] = Counter()
    for held in at.values():
        on.update(held)
    rows = []
    for n in range(1, hosts + 1):
        group = groups[f"room-{n % rooms + 1}"]
        one = group.host(cpus, gib * GIB)
        rows.append(
            Host(
                pk=n,
                name=f"h{n}",
                cpus=one.cpus,
                memory=one.memory,
                real_cpus=one.real_cpus,
                real_memory=one.real_memory,
                used_cpus=on[n] * size[0],
                used_memory=on[n] * size[1] * GIB,
                instances=on[n],
                room=group.pk,
                room_name=group.title,
                segments=frozenset({1}),
                architecture="x86_64",
            )
        )
    return Fleet(
        hosts=tuple(rows),
        places=tuple(
            Place(
                f"s{pk}/production",
                f"s{pk}",
                Demand(
                    place=pk,
                    service=pk,
                    count=0,
                    cpus=size[0],
                    memory=size[1] * GIB,
                    segment=1,
                    segment_name="seg",
                ),
                tuple(Held(host, count, 1) for host, count in sorted(held.items())),
            )
            for pk, held in at.items()
        ),
        groups=groups,
        environments={"production": Environment(segment=1, segment_name="seg")},
        addresses={1: 60_000},
    )
