"""Persisted folders on real engines: mounted, kept, measured, and removed only when nobody has them."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest

from containers.models import Container, PersistedFolder
from containers.services import persisted, releases
from containers.services.settings import save_config
from tests.faults.conftest import CONFIG, Site
from xqplatform.errors import Refused

pytestmark = pytest.mark.engine


def inside(site: Site, command: str) -> str:
    row = Container.objects.select_related("host").get(ended=None)
    host = next(one for one in site.fleet.hosts if one.name == row.host.name)
    with contextlib.closing(host.local_client()) as client:
        made = client.exec_create(row.engine_id, ["/bin/sh", "-c", command])
        return str(client.exec_start(made["Id"]).decode())


def test_the_folder_stays_until_it_is_removed(site: Site, settings: Any, tmp_path: Path) -> None:
    settings.PERSIST_ROOT = str(tmp_path)
    site.place.wanted = 1
    site.place.save()
    more = {"persist": True, "persist_in": "folder", "logs": "/srv/app/logs", "read_only": True}
    save_config(site.actor, site.place, {**CONFIG, **more})
    site.release("v1")
    row = PersistedFolder.objects.get()
    folder = tmp_path / row.ip
    inside(site, "echo one > /srv/app/logs/app.log; echo kept > /persist/data")
    assert (folder / "logs/app.log").read_text() == "one\n"

    site.release("v2")
    assert inside(site, "cat /persist/data /persist/logs/app.log").split() == ["kept", "one"]
    persisted.measure(row.host_id)
    row.refresh_from_db()
    assert row.size
    assert row.holder == "snow/isolated/1"
    with pytest.raises(Refused, match="snow-isolated-1"):
        persisted.remove(site.actor, row, row.ip)

    site.succeeds(releases.remove_place(site.actor, site.place))
    assert (folder / "data").exists()
    with pytest.raises(Refused):
        persisted.remove(site.actor, row, "10.0.0.1")
    persisted.remove(site.actor, row, row.ip, "over")
    persisted.carry_out(row.pk)
    assert not folder.exists()
    row.refresh_from_db()
    assert row.removed
