"""The proof: real requests through a real nginx while everything behind it is replaced, and not one of them is lost.

nginx is told to try nothing twice. Twelve instances with fixed addresses on three hosts, so each is stopped before its
successor starts.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from builds.models import Image
from containers.models import Front, Instance, Serving
from containers.services import releases
from containers.services.settings import save_config
from containers.traffic import render
from containers.traffic.sweep import sweep
from hosts.models import Segment
from tests.engines.nginx import FleetNginx, app_image
from tests.faults.conftest import CONFIG, Site
from tests.load import load

pytestmark = pytest.mark.engine
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


@pytest.fixture
def fronted(site: Site, tmp_path: Path, settings: Any) -> Iterator[Fronted]:
    settings.PERSIST_ROOT = str(tmp_path)
    made = Fronted(site, tmp_path, 12)
    yield made
    made.nginx.stop()


def check(fronted: Fronted, made: Any, least: int = 100) -> None:
    print(f"{made.total} requests {dict(made.sent)}, stale {made.stale}, slowest {made.slowest:.2f} s")
    assert made.failed == []
    assert made.total > least
    done = fronted.posts()
    assert Counter(made.posted) == done, "a POST was lost or carried out twice"
    assert set(Serving.objects.values_list("state", flat=True)) == {"in"}
    assert " down" not in fronted.nginx.upstreams()


def test_a_release_and_its_way_back_lose_no_request(fronted: Fronted) -> None:
    row = fronted.release("one", batch=12)
    assert row.state == "succeeded", row.outcome
    assert fronted.nginx.upstreams().count("server 10.") == 12
    fronted.nginx.start()
    addresses = set(Instance.objects.values_list("address__ip", flat=True))
    with load(fronted.nginx.host.address, fronted.nginx.port, GETS, POSTS) as made:
        row = fronted.release("two")
        assert row.state == "succeeded", row.outcome
        assert all({"out", "stop", "start", "in"} <= set(step.times) for step in row.steps.all())
        row = fronted.release("sick", deadline=4)
        assert row.state == "rolled_back", row.outcome
        row = fronted.site.advance(releases.restart(fronted.site.actor, fronted.site.place, [1, 2, 3]))
        assert row.state == "succeeded", row.outcome
    check(fronted, made)
    assert sweep() == 0
    assert addresses == set(Instance.objects.values_list("address__ip", flat=True))
