"""2 → 20 instances on 3 hosts, healthy, against `docker service scale` and against the bare Engine API.

All sides: the same daemons (without live-restore, which Swarm refuses), image, health check, limits and stop timeout; all
that is asked for at once. Swarm calls a task «running» when its health check has succeeded; it is timed from its call,
the platform from the click's verb (with the plan) to the end of the release, when every new instance is healthy, written
down and in the audit log. `BENCH_ROUNDS` rounds, one side after the other in each,
so that they meet the same noise; while the others are measured the platform's processes are frozen.
"""

from __future__ import annotations

import os
import statistics
import time
from typing import Any

from tests.bench.bare import Bare, Swarm
from tests.bench.platform import Platform, bench_place, connect, ended, image_row, platform
from tests.bench.releases import BATCH, CONFIG, clean, gone, push_images
from tests.bench.results import Results
from tests.engines.fleet import Fleet

FEW, MANY = 2, 20
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
PAUSE = 5  # seconds in which the platform hears what it missed while the others were measured


def run(results: Results) -> None:
    ours: list[float] = []
    cpu: list[float] = []
    bare: list[float] = []
    theirs: list[float] = []
    with Fleet.up(3, swarm=True) as fleet, platform() as site:
        images = push_images(fleet)
        site.use_rows()
        connect(fleet)
        for number in range(ROUNDS):
            took, used = grown(fleet, site, number)
            ours.append(took)
            cpu.append(used)
            clean(fleet)
            with site.frozen():
                bare.append(scripted(fleet, images["a"]))
                theirs.append(swarm(fleet, images["a"]))
            time.sleep(PAUSE)
            print(
                f"Round {number + 1}: platform {took:.2f} s ({used:.2f} s of CPU), bare {bare[-1]:.2f} s, Swarm {theirs[-1]:.2f} s",
                flush=True,
            )
    middle = statistics.median
    results.add(f"{FEW} to {MANY} healthy: platform", middle(ours), "s")
    results.add(f"{FEW} to {MANY} healthy: platform's own CPU", middle(cpu), "s")
    results.add(f"{FEW} to {MANY} healthy: bare Engine API", middle(bare), "s")
    results.add(f"{FEW} to {MANY} healthy: docker service scale", middle(theirs), "s")
    results.add("growing / bare Engine API", middle(ours) / middle(bare), "×")
    results.add("growing / Swarm", middle(ours) / middle(theirs), "×", 0.8)


def grown(fleet: Fleet, site: Platform, number: int) -> tuple[float, float]:
    """The seconds from the verb to the end of the release, and the platform's CPU meanwhile."""
    from containers.services import releases
    from xqplatform.accounts.actor import Actor

    actor = Actor.system("bench")
    place = bench_place(fleet, f"grown{number}", FEW, CONFIG)
    ended(releases.deploy(actor, place, image_row(fleet, place, "bench", "a"), policy={"batch": BATCH}, reason="bench"))
    place.refresh_from_db()
    used, began = site.cpu(), time.time()
    deployment = releases.scale(actor, place, MANY, "bench")
    assert deployment is not None
    ended(deployment)
    deployment.refresh_from_db()
    took, used = deployment.finished.timestamp() - began, site.cpu() - used
    if os.environ.get("BENCH_STEPS"):
        tell(deployment, began)
    gone(place)
    return took, used


def tell(deployment: Any, began: float) -> None:
    """When each phase of the steps began and ended, in seconds since the verb."""
    print(
        f"  written {deployment.created.timestamp() - began:.2f}, started {deployment.started.timestamp() - began:.2f}"
    )
    for host, pull in deployment.pulls.items():
        print(f"  host {host}: ready {pull['began'] - began:.2f} to {pull['ended'] - began:.2f}")
    for step in deployment.steps.select_related("instance__host").order_by("instance__host", "position"):
        spans = ", ".join(f"{name} {s - began:.2f}-{e - began:.2f}" for name, (s, e) in step.times.items())
        print(f"  {step.instance.host.name} #{step.instance.number}: {spans}")
    print(f"  finished {deployment.finished.timestamp() - began:.2f}", flush=True)


def scripted(fleet: Fleet, image: str) -> float:
    """The bare script's seconds from the first few to all: create, start, the container's own check until it succeeds."""
    script = Bare(fleet, MANY)
    places = script.places
    script.places = places[:FEW]
    script.up(image)
    script.places = places[FEW:]
    took = script.up(image)
    script.places = places
    script.down()
    return took


def swarm(fleet: Fleet, image: str) -> float:
    peer = Swarm(fleet)
    peer.create(image, FEW, BATCH)
    took = peer.scale(image, MANY, BATCH)
    peer.down()
    clean(fleet)
    return took
