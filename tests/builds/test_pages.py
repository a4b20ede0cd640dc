"""The pages answer, for everybody who may see them, and refuse what may not be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from builds.models import Blueprint, Build, BuildLine, Image, Project, Registry
from builds.services.blueprints import save_blueprint
from builds.services.builds import start_build
from builds.views.builds import _lines
from xqplatform.accounts.actor import Actor
from xqplatform.audit.models import Event

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system()


@pytest.fixture
def things(make_project: Callable[..., Project]) -> dict[str, Any]:
    project = make_project()
    build = start_build(SYSTEM, project)
    BuildLine.objects.create(build=build, number=1, step=1, text="Step 1/2 : FROM <scratch>")
    base = save_blueprint(SYSTEM, None, {"name": "javaV8", "base": True, "parent_reference": "debian:12"})
    save_blueprint(SYSTEM, base, {"static_script": "apt-get install curl", "files": [{"path": "/a", "text": "b"}]})
    parent = Image.objects.create(blueprint=base, repository="base/javav8", tag="1_aaaaaaaa_v1_debian-12")
    image = Image.objects.create(
        project=project,
        build=Build.objects.create(project=project, state="failed", reason="bad", revision="a" * 40, branch="main"),
        parent=parent,
        repository="snow",
        tag="1_aaaaaaaa_main_javaV8",
        base="javaV8",
        layers=[{"digest": "sha256:1", "size": 5}],
    )
    return {"project": project, "build": build, "base": base, "image": image}


@pytest.fixture
def as_(client: Client) -> Callable[[Any], Client]:
    def log_in(person: Any) -> Client:
        client.force_login(person)
        return client

    return log_in


def test_every_page_answers(things: dict[str, Any], as_: Any, sre: Any) -> None:
    client = as_(sre)
    registry = Registry.objects.create(name="main", address="127.0.0.1:5000", default=True)
    for url, words in {
        "/builds/": "snow",
        "/builds/?q=snow&sort=-started&state=queued": "snow",
        f"/builds/{things['build'].pk}/": "FROM &lt;scratch&gt;",
        f"/builds/{things['image'].build.pk}/": "bad",
        "/images/": "javaV8",
        f"/images/{things['image'].pk}/": "1_aaaaaaaa_main_javaV8",
        "/images/blueprints/javaV8/": "apt-get install asks a question",
        "/images/blueprints/javaV8/edit/": "apt-get install curl",
        "/images/blueprints/new/": "Static script",
        "/settings/registries/": "127.0.0.1:5000",
        f"/settings/registries/{registry.pk}/": "Save and check",
    }.items():
        answer = client.get(url)
        assert answer.status_code == 200, url
        assert words in answer.content.decode(), url
    log = client.get(f"/builds/{things['build'].pk}/log.txt")
    assert b"".join(log.streaming_content) == b"Step 1/2 : FROM <scratch>\n"


def test_empty_pages_answer(as_: Any, manager: Any) -> None:
    for url in ("/builds/", "/images/", "/settings/registries/"):
        assert as_(manager).get(url).status_code == 200


def test_a_developer_starts_and_cancels_a_build(things: dict[str, Any], as_: Any, developer: Any) -> None:
    client = as_(developer)
    answer = client.post("/builds/", {"project": things["project"].pk, "branch": "", "revision": ""})
    assert answer["Location"] == f"/builds/{things['build'].pk}/", "the same revision is the same build"
    client.post(f"/builds/{things['build'].pk}/cancel/")
    assert Build.objects.get(pk=things["build"].pk).state == "cancelled"
    wrong = client.post("/builds/", {"project": things["project"].pk, "branch": "nowhere"})
    assert wrong.status_code == 400
    assert "no branch «nowhere»" in wrong.content.decode()


def test_a_developer_may_not_change_base_images_and_registries(
    things: dict[str, Any], as_: Any, developer: Any
) -> None:
    client = as_(developer)
    data = {"name": "x", "address": "r.example.com"}
    assert client.post("/settings/registries/", data).status_code == 403
    assert client.post("/images/blueprints/javaV8/build/").status_code == 403
    assert client.post("/images/blueprints/javaV8/remove/").status_code == 403
    assert Event.objects.filter(denied=True).count() == 3
    assert Blueprint.objects.filter(name="javaV8").exists()


def test_a_registry_that_is_away_is_kept_and_said(as_: Any, sre: Any) -> None:
    client = as_(sre)
    data = {"name": "main", "address": "127.0.0.1:9", "username": "u", "password": "geheim"}
    answer = client.post("/settings/registries/", data, follow=True)
    text = answer.content.decode()
    assert "cannot be reached" in text
    assert "geheim" not in text
    assert Registry.objects.get().password == "geheim"
    wrong = client.post("/settings/registries/", {"name": "b", "address": "https://x"})
    assert wrong.status_code == 400


@pytest.mark.django_db(transaction=True)
def test_the_stream_gives_the_lines_after_a_number(things: dict[str, Any]) -> None:
    build = things["build"]
    BuildLine.objects.create(build=build, number=2, text="two")
    Build.objects.filter(pk=build.pk).update(state="cancelled")

    async def read() -> list[str]:
        return [piece async for piece in _lines(build.pk, 1)]

    text = "".join(asyncio.run(read()))
    assert 'id: 2\ndata: [[2, 0, "two"]]' in text
    assert "FROM" not in text
    assert text.endswith("event: end\ndata: {}\n\n")


def test_an_image_is_found_by_its_tag_its_digest_and_its_commit(client: Client, sre: Any) -> None:
    from tests import factories

    image, other = (factories.make_image(factories.make_service(name).project) for name in ("snow", "rain"))
    client.force_login(sre)
    for word in (image.tag, image.digest[7:20], image.revision[:8]):
        page = client.get("/images/", {"q": word}).content.decode()
        assert image.tag in page
        assert other.tag not in page
