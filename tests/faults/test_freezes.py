"""A freeze that begins while a release runs on real engines."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from containers.models import Freeze
from hosts.models import Segment
from tests.faults.conftest import Site, wait_for

pytestmark = pytest.mark.engine


def test_the_batch_is_finished_then_it_holds_until_the_freeze_is_over(site: Site) -> None:
    Segment.objects.update(probe=False)
    site.release("v1")
    row = site.deploy("v2", batch=1)
    site.begin(row)
    wait_for("the first instance", lambda: row.steps.filter(state="done").exists())
    now = timezone.now()
    window = Freeze.objects.create(
        environment=site.environment, kind="once", reason="IPO", starts=now, ends=now + timedelta(hours=1)
    )
    wait_for("the hold", lambda: type(row).objects.filter(pk=row.pk, hold="freeze").exists())
    row.refresh_from_db()
    assert (row.state, row.held_until, row.held_why) == ("running", window.ends, "IPO")
    states = sorted(row.steps.values_list("state", flat=True))
    assert states in (["done", "done", "waiting"], ["done", "waiting", "waiting"])  # the one under way was finished
    assert site.texts().count("v1") == states.count("waiting")
    window.delete()
    site.ended(row, "succeeded")
    site.check(3, "v2")
