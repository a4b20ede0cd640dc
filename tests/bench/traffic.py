"""Requests that fail while twelve instances behind nginx are replaced, by strategy, with and without traffic handling; and the time.

nginx has its own defaults here: it tries another server where that is safe (never a POST that was sent). Without traffic
handling its upstream has all instances all the time, as somebody would write it by hand.
"""

from __future__ import annotations

import contextlib
from typing import Any

from tests.bench.platform import bench_place, connect, ended, image_row, platform
from tests.bench.results import Results
from tests.engines.fleet import Fleet
from tests.engines.nginx import FleetNginx, app_image
from tests.load import Load, load

COUNT, BATCH = 12, 3
CONFIG: dict[str, Any] = {"cpus": 1, "memory": 64 * 2**20, "stop_timeout": 5}
NGINX = {"way": "nginx", "front": "edge", "port": 80, "drain": 10}
GETS, POSTS = {"/": 4, "/cgi-bin/work?slow": 2}, {"/cgi-bin/work": 2}
# Name, whether traffic is handled, policy.
RUNS: list[tuple[str, bool, dict[str, Any]]] = [
    ("rolling, no traffic handling", False, {}),
    ("rolling", True, {}),
    ("blue/green", True, {"strategy": "blue-green", "switch": "auto", "keep": 0}),
]


def run(results: Results) -> None:
    with Fleet.up(3) as fleet, platform() as site:
        push(fleet)
        site.use_rows()
        connect(fleet)
        place, nginx = fronted(fleet)
        images = [image_row(fleet, place, "bench", tag) for tag in ("a", "b")]
        release(place, images[0], NGINX, {"batch": COUNT})
        nginx.start()
        for number, (name, handled, policy) in enumerate(RUNS):
            with load(nginx.host.address, nginx.port, GETS, POSTS) as made:
                took = release(
                    place, images[(number + 1) % 2], NGINX if handled else {"way": "none"}, {"batch": BATCH, **policy}
                )
            told(results, name, handled=handled, made=made, took=took)
        nginx.stop()


def told(results: Results, name: str, *, handled: bool, made: Load, took: float) -> None:
    print(f"{name}: {made.total} requests, {made.stale} kept connections closed; {made.failed[:2]}", flush=True)
    results.add(f"{name}: failed requests of {made.total}", len(made.failed), "", 0 if handled else None)
    results.add(f"{name}: release of {COUNT} under load", took, "s")
    results.add(f"{name}: slowest request", made.slowest, "s")


def push(fleet: Fleet) -> None:
    with contextlib.closing(fleet.hosts[0].client()) as client:
        for tag in ("a", "b"):
            app_image(client, f"{fleet.registry.address}/bench:{tag}", tag)
            for line in client.push(f"{fleet.registry.address}/bench", tag=tag, stream=True, decode=True):
                if "error" in line:
                    raise RuntimeError(line["error"])


def fronted(fleet: Fleet) -> tuple[Any, FleetNginx]:
    """A place, and nginx on the first host that knows its upstream."""
    from containers.services.fronts import save_front
    from containers.traffic import render
    from hosts.models import Host
    from xqplatform.accounts.actor import Actor

    nginx = FleetNginx(fleet.hosts[0])
    host = Host.objects.get(name=fleet.hosts[0].name)
    fleet.hosts[0].ssh.access(host)
    save_front(Actor.system("bench"), {"slug": "edge", "hosts": [host.name], **nginx.rows()})
    place = bench_place(fleet, "bench", COUNT, CONFIG)
    nginx.prepare(render.name_of("bench", place.environment.slug), tries_others=True)
    return place, nginx


def release(place: Any, image: Any, traffic: dict[str, Any], policy: dict[str, Any]) -> float:
    """The seconds of a release with that handling of traffic."""
    from containers.services import releases
    from containers.services.hooks import save
    from xqplatform.accounts.actor import Actor

    actor = Actor.system("bench")
    place.refresh_from_db()
    save(actor, place, traffic=traffic, reason="bench")
    place.refresh_from_db()
    return ended(releases.deploy(actor, place, image, policy={"deadline": 120, **policy}, reason="bench"))
