"""The site with a real nginx in front of it, and requests that must not be lost."""

from __future__ import annotations

import contextlib
from collections import Counter
from pathlib import Path
from typing import Any

from builds.models import Image
from containers.models import Front, Serving
from containers.services import releases
from containers.services.settings import save_config
from containers.traffic import render
from hosts.models import Segment
from tests.engines.nginx import FleetNginx, app_image
from tests.faults.conftest import CONFIG, Site

GETS = {"/": 4, "/cgi-bin/work": 2, "/cgi-bin/work?slow": 2}
POSTS = {"/cgi-bin/work": 2, "/cgi-bin/work?slow": 1}
_made: dict[tuple[int, str], tuple[str, str]] = {}


class Fronted:
    """The site with nginx in front of it."""

    def __init__(self, site: Site, persist: Path, count: int) -> None:
        self.site, self.persist = site, persist
        self.nginx = FleetNginx(site.fleet.hosts[0])
        site.fleet.hosts[0].ssh.access(site.hosts[0])
        self.front = Front.objects.create(slug="edge", **self.nginx.rows())
        self.front.hosts.set(site.hosts[:1])
        self.nginx.prepare(render.name_of("snow", "isolated"))
        site.place.wanted = count
        site.place.save()
        Segment.objects.update(probe=False)
        self.settings(traffic={"way": "nginx", "front": "edge", "port": 80, "drain": 10})

    def settings(self, **more: Any) -> None:
        data = {**CONFIG, "persist": True, "persist_in": "folder", "stop_timeout": 10, **more}
        save_config(self.site.actor, self.site.place, data)
        self.site.place.refresh_from_db()

    def image(self, tag: str) -> Image:
        key = (self.site.fleet.number, tag)
        if key not in _made:
            with contextlib.closing(self.site.fleet.hosts[0].client()) as client:
                name = f"{self.site.registry.address}/snow:{tag}"
                image_id = app_image(client, name, tag, sick=tag == "sick")
                for line in client.push(name, stream=True, decode=True):
                    assert "error" not in line, line
                _made[key] = image_id, client.inspect_image(name)["RepoDigests"][0].partition("@")[2]
        image_id, digest = _made[key]
        found = Image.objects.filter(tag=tag).first()
        return found or Image.objects.create(
            project=self.site.project, registry=self.site.registry, repository="snow", tag=tag, digest=digest,
            image_id=image_id,
        )  # fmt: skip

    def release(self, tag: str, **policy: Any) -> Any:
        row = releases.deploy(
            self.site.actor, self.site.place, self.image(tag), policy={"batch": 3, "deadline": 60, **policy}
        )
        return self.site.advance(row)

    def posts(self) -> Counter[str]:
        """How often each POST was really carried out, by any container there ever was."""
        return Counter(line for path in self.persist.rglob("posts") for line in path.read_text().splitlines())


def check(fronted: Fronted, made: Any, least: int = 100) -> None:
    print(f"{made.total} requests {dict(made.sent)}, stale {made.stale}, slowest {made.slowest:.2f} s")
    assert made.failed == [], (fronted.nginx.folder / "error.log").read_text()[-3000:]
    assert made.total > least
    done = fronted.posts()
    assert Counter(made.posted) == done, "a POST was lost or carried out twice"
    assert set(Serving.objects.values_list("state", flat=True)) == {"in"}
    assert " down" not in fronted.nginx.upstreams()
