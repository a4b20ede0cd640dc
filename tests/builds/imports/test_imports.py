"""Imports from the upload to the registry, a real one: pieces, pages, the API, the command line, and bad days."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from builds import registry as registries
from builds import versions
from builds.imports import holding, place, sweep, work
from builds.models import Blueprint, Image, ImageImport, Project, Registry
from builds.services import imports
from builds.services.blueprints import newest_image, save_blueprint
from builds.services.images import discard_image
from tests.builds.imports.conftest import Running
from tests.builds.imports.making import ARM, TINY, elf, lxd, tar
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Token
from xqplatform.audit.models import Event
from xqplatform.errors import Denied, Refused

pytestmark = pytest.mark.django_db
SYSTEM = Actor.system()
UPLOAD = gzip.compress(tar(TINY), mtime=0)


@pytest.fixture
def project(make_project: Callable[..., Project], registry: Registry) -> Project:
    return make_project()


def sent(project: Project | Blueprint, data: bytes = UPLOAD, name: str = "tiny.tar.gz", **more: Any) -> ImageImport:
    row = imports.announce(SYSTEM, project, name, len(data), **more)
    return imports.receive(SYSTEM, row, 0, data)


def worked(row: ImageImport) -> ImageImport:
    work.run(row.pk)
    row.refresh_from_db()
    return row


def test_an_upload_becomes_an_image_that_the_registry_has(project: Project, registry: Registry) -> None:
    row = worked(sent(project, sha256=hashlib.sha256(UPLOAD).hexdigest(), note="from the old house"))
    image = row.image
    assert image is not None, row.reason
    assert (row.state, image.project, image.config) == ("succeeded", project, {"Entrypoint": ["/sbin/init"]})
    client = registries.Client(registry)
    found = client.contents(image.repository, image.digest, "amd64", verify=True)
    assert [one.digest for one in found.layers] == [one["digest"] for one in image.layers]
    assert image.size == sum(one.size for one in found.layers) + len(client.verified(image.repository, found.config))
    assert found.config == image.image_id
    assert client.manifest(image.repository, image.tag).digest == image.digest
    assert json.loads(client.verified(image.repository, found.config))["config"] == image.config
    path = place.root() / "fetched"
    client.download(image.repository, found.layers[0], path, lambda done: None)
    with tarfile.open(path) as one:
        assert set(one.getnames()) == set(TINY)
    assert not (place.root() / str(row.pk)).exists()
    assert [one.image for one in versions.versions(project, unbuilt=False)] == [image]
    assert versions.versions(project, unbuilt=False)[0].message == "from the old house"
    actions = Event.objects.filter(action__startswith="image.import").order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["image.import", "image.import.upload", "image.import.finish"]

    again = worked(sent(project)).image
    assert again is not None
    assert again.layers == image.layers, "the same file is the same layer"
    discard_image(SYSTEM, image)
    with pytest.raises(registries.RegistryError):
        client.manifest(image.repository, image.digest)
    assert client.manifest(again.repository, again.digest).layers


def test_a_base_image_is_imported_and_built_on(registry: Registry, data: Path) -> None:
    base = save_blueprint(SYSTEM, None, {"name": "tinyV1", "base": True, "parent_reference": "scratch"})
    image = worked(sent(base, lxd(TINY), "tiny.tar")).image
    assert image is not None
    assert (image.repository, newest_image(base)) == ("base/tinyv1", image)
    other = save_blueprint(SYSTEM, None, {"name": "own", "base": False, "parent": "tinyV1"})
    with pytest.raises(Refused, match="makes the images of projects"):
        sent(other)


def test_a_registry_that_is_away_is_waited_for_and_nothing_is_read_twice(project: Project, running: Running) -> None:
    row = sent(project)
    running.stop()
    assert worked(row).state == "queued"
    assert row.made["init"]
    assert row.retry_at is not None
    assert "cannot be reached" in row.reason
    assert row.pk in sweep.due() or row.retry_at > timezone.now()
    running.start()
    assert worked(row).state == "queued", "not before its time"
    ImageImport.objects.update(retry_at=None)
    with patch.object(work, "_layer", side_effect=AssertionError("read twice")):
        assert worked(row).state == "succeeded"
    assert row.reason == ""


class Died(BaseException):
    """A worker that is killed: nothing of it runs any more."""


@pytest.mark.parametrize("at", ["reading", "packing", "pushing"])
def test_a_worker_that_dies_is_followed_by_one_that_ends_it(project: Project, at: str) -> None:
    row, real = sent(project), holding.Holder.step

    def step(holder: holding.Holder, name: str, total: int = 0) -> None:
        real(holder, name, total)
        if name == at:
            raise Died

    with patch.object(holding.Holder, "step", step), pytest.raises(Died):
        work.run(row.pk)
    assert not work.run(row.pk), "the lease is held"
    ImageImport.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert sweep.due() == [row.pk]
    assert worked(row).state == "succeeded"
    assert Image.objects.count() == 1


def test_bad_uploads_end_in_words_and_leave_nothing(project: Project, settings: Any) -> None:
    settings.IMPORT_MOST = 1 << 20
    for data, words in [
        (tar({**TINY, "bin/busybox": elf(ARM)}), "another kind of machine"),
        (gzip.compress(tar({**TINY, "zeros": bytes(8 << 20)})), "unpacks to more"),
        (tar({**TINY, "../x": b""}), "leads out"),
    ]:
        row = worked(sent(project, data))
        assert row.state == "failed"
        assert words in row.reason
    row = worked(sent(project, sha256="0" * 64))
    assert "not what was sent" in row.reason
    with patch.object(work.layer, "pack", side_effect=OSError(28, "No space left on device")):
        assert "disk is full" in worked(sent(project)).reason
    assert not Image.objects.exists()
    assert place.there() == []


def test_pieces_follow_one_another_and_whoever_gives_up_is_forgotten(project: Project) -> None:
    row = imports.announce(SYSTEM, project, r"C:\images\tiny.tar.gz", len(UPLOAD))
    assert row.name == "tiny.tar.gz"
    half = len(UPLOAD) // 2
    imports.receive(SYSTEM, row, 0, UPLOAD[:half])
    for offset in (0, half - 1, half + 1, 2**60):
        with pytest.raises(Refused, match=f"begins at byte {half}"):
            imports.receive(SYSTEM, row, offset, UPLOAD[:5])
    with pytest.raises(Refused, match="more than"):
        imports.receive(SYSTEM, row, half, UPLOAD)
    assert place.received(row) == half
    assert not work.run(row.pk)
    imports.receive(SYSTEM, row, half, UPLOAD[half:])
    assert worked(row).state == "succeeded"

    late = imports.announce(SYSTEM, project, "late", 10)
    imports.receive(SYSTEM, late, 0, b"12345")
    sweep.tidy()
    assert place.there() == [late.pk]
    ImageImport.objects.update(changed=timezone.now() - sweep.RECEIVES_FOR * 2)
    sweep.tidy()
    late.refresh_from_db()
    assert (late.state, place.there()) == ("failed", [])
    with pytest.raises(Refused, match="over already"):
        imports.receive(SYSTEM, late, 5, b"67890")


def test_limits_and_rights(project: Project, actor_dev: Actor, actor_manager: Actor, settings: Any) -> None:
    with pytest.raises(Denied):
        imports.announce(actor_manager, project, "a", 5)
    for name, size, more, field in [
        ("a", 0, {}, "file"),
        ("a", settings.IMPORT_MOST + 1, {}, "file"),
        ("", 5, {}, "name"),
        ("a\0b", 5, {}, "name"),
        ("a" * 201, 5, {}, "name"),
        ("a", 5, {"sha256": "xyz"}, "sha256"),
        ("a", 5, {"note": "x" * 501}, "note"),
    ]:
        with pytest.raises(Refused) as refused:
            imports.announce(actor_dev, project, name, size, **more)
        assert refused.value.field == field, refused.value.message
    with patch.object(place, "room", return_value=10), pytest.raises(Refused, match="no room"):
        imports.announce(actor_dev, project, "a", 5)
    rows = [imports.announce(actor_dev, project, "a", 5) for _ in range(imports.MOST_OPEN)]
    with pytest.raises(Refused, match="under way"):
        imports.announce(actor_dev, project, "a", 5)
    imports.cancel_import(actor_dev, rows[0])
    with pytest.raises(Refused, match="over already"):
        imports.cancel_import(actor_dev, rows[0])
    Registry.objects.all().delete()
    with pytest.raises(Refused, match="No registry"):
        imports.announce(actor_dev, project, "a", 5)


def test_a_cancel_stops_the_work(project: Project) -> None:
    row, real = sent(project), holding.Holder.step

    def step(holder: holding.Holder, name: str, total: int = 0) -> None:
        if name == "packing":
            imports.cancel_import(SYSTEM, row)
            holder._looked = 0.0
        real(holder, name, total)

    with patch.object(holding.Holder, "step", step):
        assert worked(row).state == "cancelled"
    assert not Image.objects.exists()
    assert place.there() == []


def test_the_page_takes_a_file_and_keeps_what_was_typed(
    project: Project, client: Client, sre: Any, manager: Any
) -> None:
    client.force_login(sre)
    page = client.get("/images/imports/?project=snow")
    assert 'value="project:snow" selected' in page.content.decode()
    answer = client.post("/images/imports/", {"target": "project:snow", "note": "kept <words>"})
    assert answer.status_code == 400
    assert "kept &lt;words&gt;" in answer.content.decode()
    answer = client.post("/images/imports/", {"target": "project:snow", "file": SimpleUploadedFile("a.tar", b"")})
    assert "The file is empty" in answer.content.decode()
    answer = client.post(
        "/images/imports/", {"target": "project:snow", "file": SimpleUploadedFile("a.tar.gz", UPLOAD)}, follow=True
    )
    row = ImageImport.objects.get()
    assert answer.redirect_chain == [(f"/images/imports/{row.pk}/", 302)]
    assert "waits for a worker" in answer.content.decode()
    worked(row)
    assert row.image is not None
    for url, words in {
        f"/images/imports/{row.pk}/": "in init mode on Docker hosts",
        "/images/imports/?q=a.tar&state=succeeded": "a.tar.gz",
        f"/images/{row.image.pk}/": "a.tar.gz",
    }.items():
        assert words in client.get(url).content.decode(), url
    client.force_login(manager)
    assert "Import an image" not in client.get("/images/imports/").content.decode()


def test_the_api_takes_pieces(project: Project, sre: Any, client: Client) -> None:
    headers = {"Authorization": f"Bearer {Token.make(sre, 'test')[1]}"}
    path = "/api/v1/images/imports"

    def ask(method: str, way: str = "", body: Any = b"", kind: str = "application/octet-stream") -> Any:
        return client.generic(method, path + way, body, content_type=kind, headers=headers)

    said = {"project": "snow", "name": "a.tar", "size": len(UPLOAD)}
    row = ask("POST", "", json.dumps(said), "application/json").json()
    assert (row["state"], row["received"]) == ("receiving", 0)
    for offset, status in (("5", 409), ("-1", 422), ("9" * 4300, 422), ("x", 422)):
        assert ask("PUT", f"/{row['id']}/content?offset={offset}", b"x").status_code == status, offset
    assert ask("PUT", f"/{row['id']}/content?offset=0", UPLOAD[:100]).json()["received"] == 100
    assert ask("PUT", f"/{row['id']}/content?offset=100", UPLOAD[100:]).json()["state"] == "queued"
    worked(ImageImport.objects.get())
    assert ask("GET", f"/{row['id']}").json()["image"] == Image.objects.get().pk
    assert ask("POST", f"/{row['id']}/cancel").status_code == 409
    for bad in ({"project": "none"}, {"project": "snow", "base_image": "x"}, {}):
        answer = ask("POST", "", json.dumps({"name": "a", "size": 5, **bad}), "application/json")
        assert answer.status_code == 400
    assert ask("POST", "", json.dumps({**said, "size": 10**30}), "application/json").status_code in {400, 422}


def test_the_command_line_imports(project: Project, tmp_path: Path) -> None:
    (tmp_path / "tiny.tar.gz").write_bytes(UPLOAD)
    out = io.StringIO()
    call_command("import_image", str(tmp_path / "tiny.tar.gz"), "--project", "snow", stdout=out)
    assert out.getvalue().strip() == Image.objects.get().reference
    (tmp_path / "bad").write_bytes(b"bad")
    with pytest.raises(CommandError, match="no tarball"):
        call_command("import_image", str(tmp_path / "bad"), "--project", "snow")
    with pytest.raises(CommandError, match="no «nothing»"):
        call_command("import_image", str(tmp_path / "bad"), "--base-image", "nothing")
    with pytest.raises(CommandError, match="No such file"):
        call_command("import_image", str(tmp_path / "none"), "--project", "snow")
