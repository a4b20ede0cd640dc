"""A stranger has an address that a release is about to use; or nobody can ask whether one has."""

from __future__ import annotations

from typing import Any

import pytest

from containers.models import Deployment, Instance
from hosts import engine as edge
from hosts import helper, networks
from hosts.engine import ContainerSpec
from hosts.models import Address, Segment
from tests.engines.images import tiny_image
from tests.faults.conftest import Site

pytestmark = [pytest.mark.engine, pytest.mark.django_db(transaction=True)]
MAC = "02:00:5e:10:20:30"


def test_a_release_stops_at_an_address_that_answers_and_the_next_one_has_another(site: Site) -> None:
    segment, taken = Segment.objects.get(), site.fleet.segment.address(0)
    engine = edge.connect(site.hosts[2])
    networks.ensure_network(engine, segment)
    tiny_image(engine.api, "stranger:1", "hosts")
    spec = ContainerSpec("stranger", "stranger:1", stop_timeout=0, network=segment.network_name, ip=taken, mac=MAC)
    stranger = engine.create(spec)
    engine.start(stranger)
    row = site.advance(site.deploy("v1"))
    assert row.state == Deployment.State.ROLLED_BACK, row.outcome
    assert f"{taken} answers from MAC {MAC}." in row.outcome
    address = Address.objects.get(ip=taken)
    assert (address.state, address.holder) == ("reserved", "")
    assert MAC in address.note
    assert [one["Name"] for one in site.containers()] == ["/stranger"]
    site.release("v1")
    assert not Instance.objects.filter(removed=None, address__ip=taken).exists()
    assert engine.inspect(stranger)["State"]["Running"]
    engine.remove(stranger, force=True)
    site.check(3, "v1")


def test_where_no_helper_runs_the_release_goes_on_and_says_so(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: Any) -> str:
        raise helper.NoHelper("Install the package busybox-static.")

    monkeypatch.setattr(helper, "ensure_image", none)
    row = site.release("v1")
    for step in row.steps.all():
        assert "was not probed before its first use: Install" in step.log
    site.check(3, "v1")
