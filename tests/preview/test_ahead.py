"""Workers ask hosts and registry what a release would fetch; the page shows what is known and waits for nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from builds.models import Registry
from builds.registry import Client as RegistryClient
from builds.registry import RegistryError
from containers.models import ImageContents
from containers.preview import ahead, pulls
from hosts import images as host_images
from hosts.engine import EngineError
from hosts.models import HostImages
from tests import factories

A, B, C = (f"sha256:{letter * 64}" for letter in "abc")
DPKG = "Package: libc6\nStatus: install ok installed\nVersion: {}\n"


class FakeEngine:
    """Has some images; counts what it is asked."""

    def __init__(self) -> None:
        self.images: dict[str, tuple[list[str], list[str]]] = {}  # id → names, layers
        self.asked: list[str] = []
        self.away = False
        self.files: dict[str, str] = {}
        self.made: dict[str, str] = {}
        self.removed: list[str] = []

    def list_images(self) -> list[dict[str, Any]]:
        self.asked.append("list")
        if self.away:
            raise EngineError("unreachable", "x", "no route to host")
        return [{"Id": name, "RepoDigests": names, "RepoTags": None} for name, (names, _l) in self.images.items()]

    def inspect_image(self, name: str) -> dict[str, Any]:
        self.asked.append(name)
        if name not in self.images:
            raise EngineError("not_found", "x", "no such image")
        return {"RootFS": {"Layers": self.images[name][1]}}

    def create(self, spec: Any) -> str:
        self.made[spec.name] = spec.image
        return str(spec.name)

    def stat_file(self, made: str, path: str) -> dict[str, Any] | None:
        return {} if path == "/var/lib/dpkg/status" and self.made[made] in self.files else None

    def read_file(self, made: str, _path: str, most: int) -> bytes:
        return self.files[self.made[made]].encode()[:most]

    def remove(self, made: str, *, force: bool) -> None:
        self.removed.append(made)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeEngine:
    engine = FakeEngine()
    monkeypatch.setattr(host_images, "connect", lambda _host: engine)
    monkeypatch.setattr(ahead, "connect", lambda _host: engine)
    return engine


class Pages(BaseHTTPRequestHandler):
    """A registry with one image for two machines."""

    answers: dict[str, Any] = {}

    def do_GET(self) -> None:
        body = json.dumps(self.answers.get(self.path.rpartition("/")[2], {"errors": []})).encode()
        self.send_response(200 if self.path.rpartition("/")[2] in self.answers else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        """Nobody reads it."""


@pytest.fixture
def registry(db: None) -> Iterator[Registry]:
    manifest = {"config": {"digest": C, "size": 5}, "layers": [{"digest": A, "size": 100}, {"digest": B, "size": 7}]}
    Pages.answers = {
        "sha256:list": {
            "manifests": [
                {"digest": "sha256:none", "platform": {"os": "unknown", "architecture": "unknown"}},
                {"digest": "sha256:arm", "platform": {"os": "linux", "architecture": "arm64"}},
                {"digest": "sha256:one", "platform": {"os": "linux", "architecture": "amd64"}},
            ]
        },
        "sha256:one": manifest,
        C: {"rootfs": {"type": "layers", "diff_ids": ["sha256:low", "sha256:high"]}},
    }
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Registry.objects.create(name="main", address=f"127.0.0.1:{server.server_port}", insecure=True)
    server.shutdown()
    server.server_close()


@pytest.fixture
def place(team: Any) -> Any:
    return factories.make_running_place("snow", "production", 1, team=team)


@pytest.fixture
def image(place: Any, registry: Registry) -> Any:
    return factories.make_image(place.service.project, registry=registry, digest="sha256:list", image_id="sha256:new")


def row_of(image: Any, host: Any) -> dict[str, Any]:
    return pulls.of(image, [host.pk])["rows"][0]


def again(seconds: int = 61) -> None:
    """Time passes."""
    then = timezone.now() - timedelta(seconds=seconds)
    HostImages.objects.update(asked=then)
    ImageContents.objects.update(asked=then)


def test_layers_of_an_image_for_several_machines(registry: Registry) -> None:
    found = RegistryClient(registry).contents("snow", "sha256:list", "amd64")
    assert [(one.size, one.diff) for one in found.layers] == [(100, "sha256:low"), (7, "sha256:high")]
    with pytest.raises(RegistryError) as error:
        RegistryClient(registry).contents("snow", "sha256:list", "s390x")
    assert error.value.kind == "not_found"
    Pages.answers[C] = {"rootfs": {"diff_ids": ["sha256:low"]}}
    with pytest.raises(RegistryError, match="cannot be read"):
        RegistryClient(registry).contents("snow", "sha256:list", "amd64")


def test_only_what_is_missing_is_pulled(place: Any, image: Any, engine: FakeEngine) -> None:
    host = place.instances.get().host
    assert row_of(image, host)["state"] == "unknown"
    engine.images = {"sha256:old": (["other@sha256:x"], ["sha256:low", "sha256:else"])}
    ahead.look(image.pk, None, [host.pk])
    found = row_of(image, host)
    assert (found["state"], found["bytes"], found["here"], found["layers"]) == ("pulls", 7, 1, 2)
    engine.images["sha256:new"] = ([image.reference], ["sha256:low", "sha256:high"])
    again()
    ahead.look(image.pk, None, [host.pk])
    assert (row_of(image, host)["state"], row_of(image, host)["bytes"]) == ("there", 0)
    assert engine.asked == ["list", "sha256:old", "list", "sha256:new"], "an image is looked into once"


def test_many_that_ask_are_one_look(place: Any, image: Any, engine: FakeEngine) -> None:
    host = place.instances.get().host
    for _n in range(3):
        ahead.look(image.pk, None, [host.pk])
    assert engine.asked == ["list"]


def test_a_host_that_is_away_says_so_and_keeps_what_was_known(place: Any, image: Any, engine: FakeEngine) -> None:
    host = place.instances.get().host
    engine.images = {"sha256:old": ([], ["sha256:low"])}
    ahead.look(image.pk, None, [host.pk])
    again()
    engine.away = True
    ahead.look(image.pk, None, [host.pk])
    found = row_of(image, host)
    assert (found["bytes"], found["words"]) == (7, "no route to host")


def test_a_registry_that_is_away_is_said(place: Any, image: Any, engine: FakeEngine) -> None:
    Pages.answers = {}
    host = place.instances.get().host
    ahead.look(image.pk, None, [host.pk])
    found = row_of(image, host)
    assert (found["state"], found["bytes"]) == ("pulls", None)
    assert "does not have it" in found["words"]
    assert ahead.ask(image, None, [host.pk]) is False, "not again at once"


def test_packages_are_read_where_the_image_lies(place: Any, image: Any, engine: FakeEngine) -> None:
    from containers.preview import contents

    old, host = place.current_image, place.instances.get().host
    old.image_id, old.digest = "sha256:before", ""
    old.save()
    assert "nobody has looked" in contents.between(old, image)["words"]
    engine.images = {"sha256:before": ([], []), "sha256:new": ([image.reference], [])}
    engine.files = {old.reference: DPKG.format("2.36"), image.reference: DPKG.format("2.41")}
    ahead.look(image.pk, old.pk, [host.pk])
    found = contents.between(old, image)
    assert (found["known"], found["changed"]) == (True, {"libc6": ["2.36", "2.41"]})
    assert sorted(engine.removed) == sorted(engine.made)


def test_the_page_asks_once_and_shows_what_came(
    place: Any, image: Any, engine: FakeEngine, sre: Any, enqueued: Any, django_capture_on_commit_callbacks: Any
) -> None:
    client = Client()
    client.force_login(sre)
    with django_capture_on_commit_callbacks(execute=True):
        page = unescape(client.get(f"/services/snow/production/deploy/?step=3&image={image.pk}").content.decode())
    assert engine.asked == [], "no page waits for an engine"
    assert "the host has not been asked yet" in page
    assert "containers.tasks.look_ahead" in enqueued.names
    enqueued.drain()
    host = place.instances.get().host
    part = client.get(f"/services/snow/production/deploy/ahead/?image={image.pk}&hosts={host.pk}")
    assert "are being asked" not in part.content.decode()
    assert "0 / 2" in part.content.decode()
    api = client.post(
        "/api/v1/services/snow/production/deployments/preview", {"image": image.pk}, "application/json"
    ).json()
    assert api["pulls"]["total"] == 107
    assert api["packages"]["known"] is False


@pytest.mark.parametrize("hosts", ["", "x", "1,x", "9" * 4300, "\x00", "-1", ",".join(["1"] * 3000)])
def test_nonsense_of_hosts_is_no_error(place: Any, image: Any, sre: Any, hosts: str) -> None:
    client = Client()
    client.force_login(sre)
    answer = client.get("/services/snow/production/deploy/ahead/", {"image": image.pk, "hosts": hosts})
    assert answer.status_code in {200, 400, 404}
