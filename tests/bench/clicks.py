"""From a click to the engine, and from a log line to the browser."""

from __future__ import annotations

import json
import statistics
import time
import urllib.request
from typing import TYPE_CHECKING

from tests.bench.platform import Platform, bench_place, connect, ended, image_row, platform
from tests.bench.releases import CONFIG, push_images
from tests.bench.results import Results
from tests.engines.fleet import Fleet
from tests.engines.images import tiny_image

if TYPE_CHECKING:
    from containers.models import ServiceEnvironment

CLICKS = 12


def post(site: Platform, token: str, path: str, body: dict[str, object]) -> dict[str, object]:
    request = urllib.request.Request(
        f"{site.url}/api/v1/{path}",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        found: dict[str, object] = json.load(answer)
        return found


def run(results: Results) -> None:
    with Fleet.up(1) as fleet, platform() as site:
        images = push_images(fleet)
        tag = f"{fleet.registry.address}/bench:talk"
        client = fleet.hosts[0].client()
        talk = 'while true; do echo "tick"; usleep 200000; done'
        tiny_image(client, tag, "talk", command=["/bin/sh", "-c", talk], healthcheck=False)
        for line in client.push(f"{fleet.registry.address}/bench", tag="talk", stream=True, decode=True):
            if "error" in line:
                raise RuntimeError(line["error"])
        site.use_rows()
        from containers.models import Deployment
        from containers.services import releases
        from xqplatform.accounts.actor import Actor
        from xqplatform.accounts.models import Token, User

        connect(fleet)
        _row, token = Token.make(User.objects.get(username="admin"), "bench")
        place = bench_place(fleet, "click", 1, CONFIG)
        rows = {name: image_row(fleet, place, "bench", name) for name in images}
        took, created = [], []
        for number in range(CLICKS):
            image = rows["ab"[number % 2]]
            began = time.time()
            answer = post(site, token, f"services/click/{place.environment.slug}/deployments", {"image": image.pk})
            deployment = Deployment.objects.get(pk=int(str(answer["number"] if "number" in answer else answer["id"])))
            ended(deployment)
            took.append((min(pull["began"] for pull in deployment.pulls.values()) - began) * 1000)
            created.append((deployment.steps.get().times["create"][0] - began) * 1000)
        results.add("click to first engine call, median", statistics.median(took[1:]), "ms", 150)
        results.add("click to first engine call, worst", max(took[1:]), "ms")
        results.add("click to the container's create call, median", statistics.median(created[1:]), "ms")

        talking = bench_place(fleet, "talk", 1, CONFIG)
        ended(
            releases.deploy(Actor.system("bench"), talking, image_row(fleet, talking, "bench", "talk"), reason="bench")
        )
        delays = log_delays(site, talking)
        results.add("log line to browser, median", statistics.median(delays), "ms", 200)


def log_delays(site: Platform, place: ServiceEnvironment) -> list[float]:
    """Milliseconds from the engine's own time stamp of a line to its arrival at the other end of the page's stream."""
    from django.conf import settings
    from django.test import Client

    from xqplatform.accounts.models import User

    session = Client()
    session.force_login(User.objects.get(username="admin"))
    cookie = session.cookies[settings.SESSION_COOKIE_NAME].value
    request = urllib.request.Request(
        f"{site.url}/services/{place.service.slug}/{place.environment.slug}/logs/stream/?tail=1",
        headers={"Cookie": f"{settings.SESSION_COOKIE_NAME}={cookie}"},
    )
    from containers.logs.text import nanos

    delays: list[float] = []
    with urllib.request.urlopen(request, timeout=60) as answer:
        for raw in answer:
            line = raw.decode()
            if not line.startswith("data: ["):
                continue
            now = time.time()
            for entry in json.loads(line.removeprefix("data: ")):
                if isinstance(entry, list) and len(entry) == 6:
                    delays.append((now - nanos(entry[1]) / 1e9) * 1000)
            if len(delays) > 30:
                break
    return delays[2:]
