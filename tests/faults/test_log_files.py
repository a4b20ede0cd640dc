"""Log files of an instance, read on a real host: its own ones only, whatever links lie in its folder."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from containers.models import Container
from containers.services import log_files
from containers.services.settings import save_config
from tests.faults.conftest import CONFIG, Site
from xqplatform.errors import Refused

pytestmark = pytest.mark.engine


def test_files_are_listed_and_their_ends_read_and_no_link_leads_out(
    site: Site, settings: Any, tmp_path: Path, sre: Any
) -> None:
    settings.PERSIST_ROOT = str(tmp_path / "persist")
    site.place.wanted = 1
    site.place.save()
    save_config(site.actor, site.place, CONFIG | {"persist": True, "persist_in": "folder", "logs": "/srv/app/logs"})
    site.release("v1")
    instance = site.place.instances.get()
    logs = tmp_path / "persist" / instance.address.ip / "logs"
    neighbour = tmp_path / "persist" / "10.0.0.99"
    neighbour.mkdir()
    (neighbour / "secret.log").write_text("the neighbour's\n")
    (logs / "old").mkdir()
    (logs / "app.log").write_text("".join(f"line {n}\n" for n in range(3000)) + "ERROR <script>\n")
    (logs / "old" / "app 1.log").write_text("one\n")
    (logs / "-rf").write_bytes(b"\xff\x00bin\n")
    (logs / "large.log").write_text("x" * (3 << 20) + "\nend\n")
    (logs / "link.log").symlink_to("../../10.0.0.99/secret.log")
    (logs / "etc").symlink_to("/etc")
    (folder,) = log_files.folders(instance)
    found, more = log_files.files(folder)
    assert sorted(one.name for one in found) == ["-rf", "app.log", "large.log", "old/app 1.log"]
    assert not more
    end = log_files.end_of(folder, "app.log", 3)
    assert (end.lines, end.cut) == (["line 2998", "line 2999", "ERROR <script>"], True)
    assert log_files.end_of(folder, "old/app 1.log", 10).lines == ["one"]
    assert len(log_files.end_of(folder, "-rf", 10).lines) == 1
    large = log_files.end_of(folder, "large.log", 2)
    assert large.lines[-1] == "end"
    assert large.size == (3 << 20) + 5
    for name in ("link.log", "etc"):
        with pytest.raises(Refused, match="links are not followed"):
            log_files.end_of(folder, name, 5)
    with pytest.raises(Refused):
        log_files.end_of(folder, "etc/passwd", 5)
    with pytest.raises(Refused) as caught:
        log_files.end_of(folder, "gone.log", 5)
    assert caught.value.code == 404

    client = Client()
    client.force_login(sre)
    page = client.get(f"/instances/{instance.pk}/log/files/?folder={folder.key}").content.decode()
    assert "old/app 1.log" in page
    api = f"/api/v1/instances/{instance.pk}/log-files"
    assert len(client.get(api).json()) == 4
    assert client.get(f"{api}/tail?folder={folder.key}&name=app.log&lines=1").json()["lines"] == ["ERROR <script>"]
    assert client.get(f"{api}/tail?folder={folder.key}&name=../x").status_code == 400

    # The whole folder a link: nothing of where it leads is read.
    for one in (*logs.iterdir(),):
        if one.is_dir() and not one.is_symlink():
            for inner in one.iterdir():
                inner.unlink()
            one.rmdir()
        else:
            one.unlink()
    with contextlib.suppress(OSError):
        logs.rmdir()
    if not logs.exists():
        logs.symlink_to("../10.0.0.99")
        with pytest.raises(Refused, match="links are not followed"):
            log_files.files(folder)
    assert Container.objects.filter(instance=instance, ended=None).exists()
