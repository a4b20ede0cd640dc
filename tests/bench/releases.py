"""A rolling release of 30 instances on 3 hosts, and a scale from 0 to 60, against a bare script and against Swarm.

All sides: the same daemons (without live-restore, which Swarm refuses), images, health check, limits, stop timeout, batch
size. The bare script has the platform's order: one instance first, then full batches.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterable
from typing import Any

from tests.bench.bare import STOP_TIMEOUT, Bare, Swarm
from tests.bench.platform import Platform, bench_place, connect, ended, image_row, platform
from tests.bench.results import Results
from tests.engines.fleet import Fleet
from tests.engines.images import tiny_image

COUNT = int(os.environ.get("BENCH_COUNT", "30"))
SCALE = 2 * COUNT
BATCH = 6
ROUNDS = 2
CONFIG = {"cpus": 1, "memory": 64 * 2**20, "stop_timeout": STOP_TIMEOUT}
# Seconds between two health checks of a container, for all sides. Every check is a process that the engine starts: at 1 s
# those of 60 containers keep two cores busy, and all sides would measure only that. (An engine's default is 30 s.)
INTERVAL = 3


def push_images(fleet: Fleet) -> dict[str, str]:
    client = fleet.hosts[0].client()
    made = {}
    for tag in ("a", "b"):
        made[tag] = f"{fleet.registry.address}/bench:{tag}"
        tiny_image(client, made[tag], tag, interval=INTERVAL)
        for line in client.push(f"{fleet.registry.address}/bench", tag=tag, stream=True, decode=True):
            if "error" in line:
                raise RuntimeError(line["error"])
    for host in fleet.hosts:
        for reference in made.values():
            host.client().pull(reference)  # all sides begin with the images on the hosts
    return made


def run(results: Results) -> None:
    with Fleet.up(3, swarm=True) as fleet, platform() as site:
        images = push_images(fleet)
        site.use_rows()
        connect(fleet)
        ours, cpu, bare, patient, scaled = [], [], [], [], []
        phases: list[dict[str, float]] = []
        for number in range(ROUNDS):
            row, used = release(fleet, site, images, number)
            ours.append(row[0])
            phases.append(row[1])
            cpu.append(used)
            clean(fleet)
            bare.append(scripted(fleet, images, looks=True))
            patient.append(scripted(fleet, images, looks=False))
            print(
                f"Round {number + 1}: platform {ours[-1]:.1f} s, bare {bare[-1]:.1f} s, patient {patient[-1]:.1f} s",
                flush=True,
            )
        for number in range(ROUNDS):
            scaled.append(scale(fleet, images, number))
            print(f"Round {number + 1}: scale {scaled[-1]:.1f} s", flush=True)
        site.stop()
        fleet.clean()
        updates, swarm_scaled = swarm(fleet, images)
    best = statistics.median
    print(
        f"Each container's health is checked every {INTERVAL} s on all sides; {BATCH} at a time, stop timeout {STOP_TIMEOUT} s."
    )
    print("Seconds of a step's phases: " + ", ".join(f"{n} {best([p[n] for p in phases]):.2f}" for n in phases[0]))
    results.add(f"release of {COUNT}: platform", best(ours), "s")
    results.add(f"release of {COUNT}: platform's own CPU", best(cpu), "s")
    results.add(f"release of {COUNT}: bare docker-py", best(bare), "s")
    results.add(f"release of {COUNT}: bare, engine's first check", best(patient), "s")
    results.add(f"release of {COUNT}: docker service update", best(updates), "s")
    results.add("release / bare docker-py", best(ours) / best(bare), "×", 1.1)
    results.add("release / Swarm", best(ours) / best(updates), "×", 0.5)
    results.add(f"scale 0 to {SCALE}: platform", best(scaled), "s")
    results.add(f"scale 0 to {SCALE}: docker service scale", best(swarm_scaled), "s")
    results.add("scale / Swarm", best(scaled) / best(swarm_scaled), "×", 0.8)


def release(
    fleet: Fleet, site: Platform, images: Iterable[str], number: int
) -> tuple[tuple[float, dict[str, float]], float]:
    """The seconds of a release from the first image to the second, a step's mean phases, and the CPU it took."""
    from containers.services import releases
    from xqplatform.accounts.actor import Actor

    actor = Actor.system("bench")
    place = bench_place(fleet, f"bench{number}", COUNT, CONFIG)
    rows = {tag: image_row(fleet, place, "bench", tag) for tag in images}
    policy = {"batch": BATCH, "deadline": 120}
    ended(releases.deploy(actor, place, rows["a"], policy=policy, reason="bench"))
    place.refresh_from_db()
    began = site.cpu()
    row = releases.deploy(actor, place, rows["b"], policy=policy, reason="bench")
    took = ended(row)
    used = site.cpu() - began
    spans: dict[str, list[float]] = {}
    for step in row.steps.all():
        for name, (start, end) in step.times.items():
            spans.setdefault(name, []).append(end - start)
    gone(place)
    return (took, {name: statistics.mean(values) for name, values in spans.items()}), used


def scale(fleet: Fleet, images: Iterable[str], number: int) -> float:
    """The seconds of a scale from nothing."""
    from containers.services import releases
    from xqplatform.accounts.actor import Actor

    place = bench_place(fleet, f"scaled{number}", 0, CONFIG)
    place.wanted = 0
    place.current_image, place.current_config = image_row(fleet, place, "bench", "a"), place.config
    place.save()
    deployment = releases.scale(Actor.system("bench"), place, SCALE, "bench")
    assert deployment is not None
    took = ended(deployment)
    gone(place)
    return took


def gone(place: Any) -> None:
    """Removes the service and all that it has."""
    from django.utils import timezone

    from containers.services.catalog import remove_service
    from hosts.models import Address
    from hosts.services import addresses
    from xqplatform.accounts.actor import Actor

    place.refresh_from_db()
    remove_service(Actor.system("bench"), place.service, "bench")
    for left in place.deployments.filter(state__in=["queued", "running"]):
        ended(left)
    # The next round has the same addresses: nobody waits here until their quarantine is over.
    Address.objects.filter(state="quarantine").update(until=timezone.now())
    addresses.end_quarantines()


def scripted(fleet: Fleet, images: dict[str, str], *, looks: bool) -> float:
    """The seconds of the bare script's release."""
    batches = [1, *[BATCH] * ((COUNT - 1) // BATCH)]
    batches.append(COUNT - sum(batches))
    script = Bare(fleet, COUNT, looks=looks)
    script.up(images["a"])
    took = script.release(images["b"], [size for size in batches if size])
    script.down()
    return took


def swarm(fleet: Fleet, images: dict[str, str]) -> tuple[list[float], list[float]]:
    """The seconds of each of Swarm's updates, and of its scales."""
    peer = Swarm(fleet)
    peer.create(images["a"], COUNT, BATCH)
    updates = [peer.update(images["b"], COUNT, BATCH), peer.update(images["a"], COUNT, BATCH)]
    scaled = []
    for _round in range(ROUNDS):
        peer.scale(images["a"], 0, BATCH)
        peer.nothing_left()
        scaled.append(peer.scale(images["a"], SCALE, BATCH))
    peer.down()
    return updates, scaled


def clean(fleet: Fleet) -> None:
    """The bare script makes a network of its own on br0: the platform's must be gone."""
    for host in fleet.hosts:
        client = host.client()
        for network in client.networks():
            if network["Name"] not in ("bridge", "host", "none"):
                client.remove_network(network["Id"])
