"""An instance that comes back with its address on another host is reached there at once, although it has said nothing yet."""

from __future__ import annotations

import socket

import pytest

from containers.models import Instance
from containers.services import releases
from hosts.models import Host
from tests.faults.conftest import Site

pytestmark = pytest.mark.engine


def test_an_address_that_comes_back_on_another_host_is_reached_there(site: Site) -> None:
    def on(host: Host) -> Instance:
        Host.objects.exclude(pk=host.pk).update(cordoned=True)
        Host.objects.filter(pk=host.pk).update(cordoned=False)
        site.succeeds(releases.scale(site.actor, site.place, 1))
        one = Instance.objects.select_related("host", "address").get(removed=None)
        assert one.host == host
        assert one.address is not None
        # Two seconds: what a neighbour remembers of it lasts longer.
        socket.create_connection((one.address.ip, 80), timeout=2).close()
        return one

    site.place.wanted = 0
    site.place.save()
    site.release("v1")
    first = on(site.hosts[1])
    assert first.address is not None
    ip = first.address.ip
    site.succeeds(releases.scale(site.actor, site.place, 0))
    again = on(site.hosts[0])
    assert again.address is not None
    assert again.address.ip == ip
