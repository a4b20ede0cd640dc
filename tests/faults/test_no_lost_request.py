"""The proof: real requests through a real nginx while everything behind it is replaced, and not one of them is lost.

nginx is told to try nothing twice. Twelve instances with fixed addresses on three hosts, so each is stopped before its
successor starts.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from containers.models import Instance
from containers.services import releases
from containers.traffic.sweep import sweep
from tests.faults.conftest import Site
from tests.faults.fronted import GETS, POSTS, Fronted, check
from tests.load import load

pytestmark = pytest.mark.engine


@pytest.fixture
def fronted(site: Site, tmp_path: Path, settings: Any) -> Iterator[Fronted]:
    settings.PERSIST_ROOT = str(tmp_path)
    made = Fronted(site, tmp_path, 12)
    yield made
    made.nginx.stop()


def test_a_release_and_its_way_back_lose_no_request(fronted: Fronted) -> None:
    row = fronted.release("one", batch=12)
    assert row.state == "succeeded", row.outcome
    assert fronted.nginx.upstreams().count("server 10.") == 12
    fronted.nginx.start()
    addresses = set(Instance.objects.values_list("address__ip", flat=True))
    with load(fronted.nginx.host.address, fronted.nginx.port, GETS, POSTS) as made:
        row = fronted.release("two")
        assert row.state == "succeeded", row.outcome
        assert all({"out", "stop", "start", "in"} <= set(step.times) for step in row.steps.all())
        row = fronted.release("sick", deadline=4)
        assert row.state == "rolled_back", row.outcome
        row = fronted.site.advance(releases.restart(fronted.site.actor, fronted.site.place, [1, 2, 3]))
        assert row.state == "succeeded", row.outcome
    check(fronted, made)
    assert sweep() == 0
    assert addresses == set(Instance.objects.values_list("address__ip", flat=True))
