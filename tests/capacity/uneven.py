"""A fleet whose first host has all of it."""

from __future__ import annotations

from hosts.models import Host
from tests import factories

GIB = 1 << 30


def make_uneven() -> list[Host]:
    """Six services of 4 cores on the first of three hosts, of which two keep data there."""
    hosts = [factories.make_host(name) for name in ("a", "b", "c")]
    segment = factories.make_segment("uneven", hosts, "10.99.0.0/24")
    for n in range(6):
        place = factories.make_place(factories.make_service(f"s{n}"), segment=segment)
        content = {"cpus": 4, "memory": 4 * GIB, "persist": n > 3}
        place.current_config = place.config = factories.make_config(place, content)
        place.current_image = factories.make_image(place.service.project)
        place.save()
        factories.make_container(factories.make_instance(place, hosts[0], 1, segment))
    return hosts
