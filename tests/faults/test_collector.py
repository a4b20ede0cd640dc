"""Collectors on real engines, against what is known independently of them."""

from __future__ import annotations

import time

from containers.models import Instance
from tests.faults.collecting import Collecting, client_of, collecting  # noqa: F401
from tests.faults.conftest import Site
from xqplatform import metrics


def test_every_instance_and_host_is_measured_once_a_tick(site: Site, collecting: Collecting) -> None:  # noqa: F811
    site.release("v1")
    began = time.time()
    collecting.begin()
    for instance in Instance.objects.filter(removed=None):
        _at, values = collecting.sample_after(f"instance:{instance.pk}", began, has="cpu.cores")
        assert (values["up"], values["health"], values["processes"]) == (1, 1, 1)
        assert values["memory.limit"] == 32 << 20
        assert 0 < values["memory.working_set"] < 5 << 20
        assert 0 <= values["cpu.percent"] < 50
        life = metrics.lives(f"instance:{instance.pk}", began, time.time())
        assert [one.life for one in life] == [instance.containers.get(ended=None).engine_id[:12]]
    for host in site.hosts:
        _at, values = collecting.sample_after(f"host:{host.pk}", began, has="cpu.cores")
        assert values["memory.total"] > values["memory.used"] > 0
        assert values["fs.size[/]"] > values["fs.used[/]"] > 0
        assert "net.rx_bytes[br0]" in values, "of the engine's network, not of the collector's"
        row = collecting.row(host)
        assert (row.state, row.reason, row.lines_bad) == ("placed", "", 0)
        assert row.containers == 1, "only its own engine's containers, on one kernel with two others"
        with client_of(site, host) as client:
            assert [one["Names"] for one in client.containers() if "xq.helper" in one["Labels"]] != []
    assert not site.hosts[0].seen_containers.filter(name__contains="collector").exists()
