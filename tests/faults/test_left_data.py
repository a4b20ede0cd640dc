"""A stateful service that was removed on a real LXD server: its data stays, comes back, and goes for good when its time is over."""

from __future__ import annotations

from django.utils import timezone

from containers.keeping.models import LeftData
from containers.keeping.services import left
from containers.models import Deployment, Service
from containers.services import catalog
from hosts.operation_runner import execute
from tests.faults.test_lxd import House, house  # noqa: F401  a fixture

VOLUME = "xq-vol-store.isolated.data"


def volumes(house: House) -> set[str]:  # noqa: F811
    names = {one["name"] for one in house.server.query("/1.0/storage-pools/default/volumes/custom?recursion=1")}
    return {name for name in names if "/" not in name}  # snapshots are listed beside them


def removed(house: House) -> LeftData:  # noqa: F811
    (row,) = catalog.remove_service(house.site.actor, house.place.service, "a mistake")
    assert house.site.advance(row).state == "succeeded", row.outcome
    house.place.service.refresh_from_db()
    assert house.place.service.removed is not None
    return LeftData.objects.get(state="kept")


def test_data_outlives_its_service_for_a_time(house: House) -> None:  # noqa: F811
    site, server = house.site, house.server
    server.image("theirs")
    server.lxc("storage", "volume", "create", "default", "theirs")
    server.lxc("init", "theirs", "elsewhere")
    server.lxc("storage", "volume", "attach", "default", "theirs", "elsewhere", "/data")
    site.succeeds(house.deploy(house.image("one")))
    house.run("echo 'row 1' > /data/rows; sync")
    row = removed(house)
    assert [one["name"] for one in row.volumes] == [VOLUME]
    assert [one.rpartition("/")[2] for one in server.query("/1.0/instances")] == ["elsewhere"]
    left.sweep()
    assert volumes(house) == {VOLUME, "theirs"}

    begun = left.bring_back(site.actor, row, "needed after all")
    assert site.advance(begun).state == "succeeded", begun.outcome
    house.place.refresh_from_db()
    assert Service.objects.get(slug="store").removed is None
    assert house.run("cat /data/rows").strip() == "row 1"
    assert house.instance.host == house.host
    LeftData.objects.update(until=timezone.now())
    left.sweep()
    row.refresh_from_db()
    assert (row.state, row.operation) == ("back", None)

    server.lxc("storage", "volume", "snapshot", "default", VOLUME, "of-an-operator")
    row = removed(house)
    for expected in ("kept", "gone"):
        LeftData.objects.filter(pk=row.pk).update(until=timezone.now())
        left.sweep()
        row.refresh_from_db()
        assert row.operation is not None
        assert execute(row.operation.pk)
        left.left.settle()
        row.refresh_from_db()
        assert row.state == expected, row.words
        if expected == "kept":
            assert "of-an-operator" in row.words
            assert volumes(house) == {VOLUME, "theirs"}
            server.lxc("storage", "volume", "delete", "default", f"{VOLUME}/of-an-operator")
    assert volumes(house) == {"theirs"}
    assert [one.rpartition("/")[2] for one in server.query("/1.0/instances")] == ["elsewhere"]
    assert not Deployment.objects.filter(state__in=Deployment.ACTIVE).exists()
