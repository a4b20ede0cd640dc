"""Images that were not built, on real engines: a root from elsewhere runs as a system container, and so does an instance's own root."""

from __future__ import annotations

from builds.imports import work
from builds.models import ImageImport, Registry
from builds.services import imports
from containers.services import publishing
from hosts.models import SeenContainer
from hosts.observe import refresh_host
from tests.engines.lxd import tarball
from tests.faults.test_lxd import House, house  # noqa: F401  a fixture


def worked(row: ImageImport) -> ImageImport:
    assert work.run(row.pk)
    row.refresh_from_db()
    assert row.state == "succeeded", row.reason
    return row


def test_a_root_from_elsewhere_runs_is_changed_inside_and_published(house: House) -> None:  # noqa: F811
    """What was changed inside is in the new image, what lies in volumes is not; nobody else's image or instance is touched."""
    site, server = house.site, house.server
    server.image("theirs", {"/etc/theirs": "x"})
    server.lxc("init", "theirs", "elsewhere")
    server.lxc("snapshot", "elsewhere", "own")
    Registry.objects.update(default=True)
    project = house.place.service.project
    data = tarball({"/etc/version": "one\n"})
    row = imports.announce(site.actor, project, "old-house.tar.gz", len(data))
    first = worked(imports.receive(site.actor, row, 0, data)).image
    assert first is not None
    site.succeeds(house.deploy(first))
    assert house.run("cat /etc/version").strip() == "one"
    house.run("echo changed > /etc/version; echo 'row 1' > /data/rows; sync")
    before = {one["fingerprint"] for one in server.query("/1.0/images?recursion=1")}

    second = worked(publishing.publish(site.actor, house.instance, "patched by hand")).image
    assert second is not None
    assert (second.parent, second.config["Entrypoint"]) == (first, ["/sbin/init"])
    assert {one["fingerprint"] for one in server.query("/1.0/images?recursion=1")} == before
    assert server.query(f"/1.0/instances/{house.instance.name}/snapshots") == []

    site.succeeds(house.deploy(first))
    assert house.run("cat /etc/version").strip() == "one", "a release rebuilds the root"
    site.succeeds(house.deploy(second))
    assert house.run("cat /etc/version /data/rows").split("\n")[:2] == ["changed", "row 1"]
    assert house.run("hostname").strip() == house.instance.name

    assert refresh_host(house.host.pk)
    seen = SeenContainer.objects.get(host=house.host, name="elsewhere")
    assert (seen.ours, seen.state) == (False, "created")
    assert server.query("/1.0/instances/elsewhere/snapshots") == ["/1.0/instances/elsewhere/snapshots/own"]
    assert server.query("/1.0/images/aliases/theirs")
