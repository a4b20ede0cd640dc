"""A rolling release of 30 instances on 3 hosts, and a scale from 0 to 60, against a bare script and against Swarm.

All sides: the same daemons (without live-restore, which Swarm refuses), images, health check, limits, stop timeout, batch
size. The bare script has the platform's order: one instance first, then full batches.
"""

from __future__ import annotations

import os
import statistics

from tests.bench.bare import STOP_TIMEOUT, Bare, Swarm
from tests.bench.platform import bench_place, connect, ended, image_row, platform
from tests.bench.results import Results
from tests.engines.fleet import Fleet
from tests.engines.images import tiny_image

COUNT = int(os.environ.get("BENCH_COUNT", "30"))
BATCH = 6
ROUNDS = 2
CONFIG = {"cpus": 1, "memory": 64 * 2**20, "stop_timeout": STOP_TIMEOUT}


def push_images(fleet: Fleet) -> dict[str, str]:
    client = fleet.hosts[0].client()
    made = {}
    for tag in ("a", "b"):
        made[tag] = f"{fleet.registry.address}/bench:{tag}"
        tiny_image(client, made[tag], tag)
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
        ours, bare = [], []
        from containers.services import releases
        from containers.services.catalog import remove_service
        from xqplatform.accounts.actor import Actor

        actor = Actor.system("bench")
        connect(fleet)
        batches = [1, *[BATCH] * ((COUNT - 1) // BATCH)]
        batches.append(COUNT - sum(batches))
        for number in range(ROUNDS):
            place = bench_place(fleet, f"bench{number}", COUNT, CONFIG)
            rows = {tag: image_row(fleet, place, "bench", tag) for tag in images}
            policy = {"batch": BATCH, "deadline": 120}
            ended(releases.deploy(actor, place, rows["a"], policy=policy, reason="bench"))
            place.refresh_from_db()
            ours.append(ended(releases.deploy(actor, place, rows["b"], policy=policy, reason="bench")))
            place.refresh_from_db()
            remove_service(actor, place.service, "bench")
            for row in place.deployments.filter(state__in=["queued", "running"]):
                ended(row)
            clean(fleet)
            script = Bare(fleet, COUNT)
            script.up(images["a"])
            bare.append(script.release(images["b"], [size for size in batches if size]))
            script.down()
        place = bench_place(fleet, "scaled", 0, CONFIG)
        row = image_row(fleet, place, "bench", "a")
        place.wanted = 0
        place.current_image, place.current_config = row, place.config
        place.save()
        deployment = releases.scale(actor, place, 60, "bench")
        assert deployment is not None
        scaled = ended(deployment)
        remove_service(actor, place.service, "bench")
        for left in place.deployments.filter(state__in=["queued", "running"]):
            ended(left)
        site.stop()
        fleet.clean()
        swarm = Swarm(fleet)
        swarm.create(images["a"], COUNT, BATCH)
        updates = [swarm.update(images["b"], COUNT, BATCH), swarm.update(images["a"], COUNT, BATCH)]
        swarm.scale(images["a"], 0, BATCH)
        swarm_scaled = swarm.scale(images["a"], 60, BATCH)
        swarm.down()
    best = statistics.median
    results.add("release of 30: platform", best(ours), "s")
    results.add("release of 30: bare docker-py", best(bare), "s")
    results.add("release of 30: docker service update", best(updates), "s")
    results.add("release / bare docker-py", best(ours) / best(bare), "×", 1.1)
    results.add("release / Swarm", best(ours) / best(updates), "×", 0.5)
    results.add("scale 0 to 60: platform", scaled, "s")
    results.add("scale 0 to 60: docker service scale", swarm_scaled, "s")
    results.add("scale / Swarm", scaled / swarm_scaled, "×", 0.8)


def clean(fleet: Fleet) -> None:
    """The bare script makes a network of its own on br0: the platform's must be gone."""
    for host in fleet.hosts:
        client = host.client()
        for network in client.networks():
            if network["Name"] not in ("bridge", "host", "none"):
                client.remove_network(network["Id"])
