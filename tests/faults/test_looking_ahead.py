"""What would be pulled, asked of real engines and a real registry, before a release and after it."""

from __future__ import annotations

import pytest

from builds.registry import Client
from containers.models import ImageContents
from containers.preview import ahead, pulls
from containers.services import releases
from hosts.engine import connect
from hosts.models import HostImages
from tests.faults.conftest import Site

pytestmark = pytest.mark.engine


def test_what_is_said_to_be_pulled_is_what_is_missing(site: Site) -> None:
    site.registry.ca = site.fleet.registry.ca
    site.registry.save()
    image = site.image("v1")
    for host in site.hosts[1:]:
        connect(host).remove_image(image.reference, force=True)
    hosts = pulls.hosts_of(releases.preview(site.actor, site.place, image))
    assert len(hosts) == 3
    ahead.look(image.pk, None, hosts)
    found = {row["host"]: row for row in pulls.of(image, hosts)["rows"]}
    whole = sum(layer.size for layer in Client(site.registry).manifest("snow", image.digest).layers)
    assert found[site.hosts[0].name]["state"] == "there", "it was built there"
    for host in site.hosts[1:]:
        row = found[host.name]
        assert (row["state"], row["words"]) == ("pulls", "")
        assert row["bytes"] == whole if row["here"] == 0 else row["bytes"] < whole
    assert ImageContents.objects.get(key=image.digest).kind == "none", "a look into it works, it has no packages"
    site.release("v1")
    HostImages.objects.update(asked=None)
    ahead.look(image.pk, None, hosts)
    after = pulls.of(image, hosts)
    assert {row["state"] for row in after["rows"]} == {"there"}
    assert (after["total"], after["unknown"]) == (0, 0)
    site.check(3, "v1")
