"""A lease holds as long as it was taken for, however often it is renewed."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from xqplatform import leases
from xqplatform.alerts.models import Evaluator

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("seconds", [leases.SECONDS, 120.0])
def test_renewal_neither_cuts_a_long_lease_nor_makes_a_short_one_longer(
    seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = Evaluator.objects.create(pk=1)
    rows = Evaluator.objects.filter(pk=row.pk)
    lease = leases.take(rows, rows, seconds)
    assert lease is not None
    for _again in range(2):
        left = rows.get().lease_until - timezone.now()
        assert timedelta(seconds=seconds - 5) < left <= timedelta(seconds=seconds)
        assert lease.renew(force=True)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + seconds - leases.MARGIN - 1)
    assert lease.trusted
    monkeypatch.setattr(time, "monotonic", lambda: now + seconds - leases.MARGIN + 1)
    assert not lease.trusted
