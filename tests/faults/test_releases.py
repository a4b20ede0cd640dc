"""Releases on real engines, without faults: every verb once, and what it leaves."""

from __future__ import annotations

import pytest

from containers.models import Instance
from tests.faults.conftest import Site

pytestmark = pytest.mark.engine


def test_a_release_keeps_addresses_and_leaves_nothing_behind(site: Site) -> None:
    site.release("v1")
    site.check(6, "v1")
    addresses = {one.number: one.address.ip for one in Instance.objects.all() if one.address}
    row = site.release("v2")
    site.check(6, "v2")
    assert {one.number: one.address.ip for one in Instance.objects.all() if one.address} == addresses
    assert row.outcome
    assert all(step.times["healthy"][1] for step in row.steps.all())
