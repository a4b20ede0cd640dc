"""The company's stateful side: two LXD servers, a real Valkey in a system container, its data written, snapshot, backed up, tried out."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from tests.bench.platform import wait_for
from tests.engines.stateful import valkey_image

if TYPE_CHECKING:
    from tests.browser.company import Company

HOST, SPARE = "room-a-04", "room-a-05"
SERVICE = "watchlist-store"
ROWS = 20_000
SETTINGS = {
    "memory": 128 << 20, "cpus": 1, "stop_timeout": 5, "command": [],
    "volumes": [{"source": "data", "target": "/data", "read_only": False}],
}  # fmt: skip


def before(company: Company) -> None:
    """The server joins by a token, the service is made and first released, the watch lists are filled."""
    from builds.models import Project, Registry
    from containers.models import ServiceEnvironment
    from containers.services.catalog import create_service
    from containers.services.settings import save_config
    from hosts.models import Host, Segment
    from hosts.services.machines import create_host

    sre = company.actors["gaolei"]
    segment = Segment.objects.get(slug="room-a")
    for name, server in zip((HOST, SPARE), company.fleet.lxd(2), strict=True):
        data = {
            "name": name,
            "runtime": "lxd",
            "connection": "tcp",
            "address": server.endpoint,
            "trust": server.token(),
        }
        segment.hosts.add(create_host(sre, data | {"group": "room-a", "role_run": name == HOST}))
    wait_for(lambda: Host.objects.filter(runtime="lxd", state__in=Host.ANSWERING).count() == 2)
    Host.objects.filter(name=SPARE).update(role_run=True)
    data = {"slug": SERVICE, "title": "Watch lists of all users", "team": company.teams["quotes"].pk, "instances": 1}
    service = create_service(company.admin, data | {"kind": "stateful", "environments": ["production"]})
    if service.project is None:
        service.project = Project.objects.create(name=SERVICE)
        service.save(update_fields=["project"])
    place = ServiceEnvironment.objects.get(service=service)
    save_config(company.developer("quotes"), place, SETTINGS, "a tenth of what the old machine had")
    registry = Registry.objects.get(name="main")
    company.release(SERVICE, "production", _image(company, registry, service.project, "7.2.4"), "first release")
    _fill(company, place, "watch")


def after(company: Company) -> None:
    """A day's work: a snapshot before the close, a new version, which is preceded by one of its own."""
    from builds.models import Registry
    from containers.keeping.backup_policies import save_rules
    from containers.keeping.models import Backup, Drill, Snapshot
    from containers.keeping.policies import save_policy
    from containers.keeping.services import backups, drills, snapshots, targets
    from containers.models import ServiceEnvironment

    place = ServiceEnvironment.objects.get(service__slug=SERVICE)
    sre = company.actors["gaolei"]
    save_policy(sre, place, {"every": 6, "at": "03:00", "keep_last": 4, "keep_daily": 14, "keep_weekly": 8})
    targets.create(sre, {"name": "room-b", "kind": "folder"})
    save_rules(sre, place, "room-b", {})
    first = snapshots.take(sre, place, None, "before the index is rebuilt")[0]
    wait_for(lambda: Snapshot.objects.get(pk=first.pk).state != Snapshot.State.TAKING)
    snapshots.pin(sre, first, True)
    backup = backups.take(sre, place, "room-b", reason="before the new version")[0]
    wait_for(lambda: Backup.objects.get(pk=backup.pk).state not in {Backup.State.TAKING})
    backup.refresh_from_db()
    drill = drills.drill(sre, backup, SPARE)
    wait_for(lambda: Drill.objects.get(pk=drill.pk).state != Drill.State.RUNNING)
    _fill(company, place, "alert")
    registry = Registry.objects.get(name="main")
    image = _image(company, registry, place.service.project, "7.2.5")
    company.release(SERVICE, "production", image, "CVE-2024-31449: scripts may overflow a stack")
    company.store = place


def _image(company: Company, registry: Any, project: Any, version: str) -> Any:
    """An image of the database, pushed as a build would."""
    from builds.models import Image

    tag = f"{registry.address}/{SERVICE}:{version}"
    with contextlib.closing(company.fleet.hosts[0].client()) as client:
        image_id = valkey_image(client, tag, version)
        for line in client.push(tag, stream=True, decode=True):
            if "error" in line:
                raise RuntimeError(line["error"])
        digest = client.inspect_image(tag)["RepoDigests"][0].partition("@")[2]
    return Image.objects.create(
        project=project, registry=registry, repository=SERVICE, tag=version, digest=digest, image_id=image_id
    )


def _fill(company: Company, place: Any, word: str) -> None:
    """Rows in the database, over the segment, as the services write them."""
    import redis

    address = place.instances.get(removed=None).address
    with contextlib.closing(redis.Redis(address.ip, socket_timeout=30)) as store, store.pipeline() as pipe:
        for number in range(ROWS):
            pipe.set(f"{word}:{number}", f"SH{600000 + number % 2000} SZ{number % 3000:06} " * 8)
        pipe.execute()
