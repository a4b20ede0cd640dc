"""Snapshots and restores stand on the charts of their instance and of its place."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from containers import charts
from containers.keeping.models import Backup, BackupTarget, Restore, Snapshot
from containers.models import Instance
from xqplatform.metrics.ranges import Range

pytestmark = pytest.mark.django_db


def test_marks(stand: Callable[..., Instance]) -> None:
    first, second = stand(), stand()
    now = datetime.now(UTC)

    def taken(one: Instance, minutes: int, state: str = "ready") -> Snapshot:
        return Snapshot.objects.create(
            instance=one, host=one.host, state=state, taken=now - timedelta(minutes=minutes), who="x", still_ms=70
        )

    kept = taken(first, 30)
    gone = taken(second, 20, "gone")  # it happened, though it is there no more
    taken(first, 10, "failed")
    taken(first, 300)
    Restore.objects.create(instance=first, snapshot=kept, state="done", who="dan")
    span = Range(time.time() - 3600, time.time() + 1)
    marks = charts.marks_of(first, span)
    assert [(one.kind, one.url) for one in marks] == [
        ("snapshot", "/services/store/production/data/"),
        ("restore", "/services/store/production/data/"),
    ]
    assert marks[0].label == f"snapshot {kept.label} of store-production-1 (by hand), stood still 70 ms"
    assert marks[1].label == f"data of store-production-1 put back as at {kept.label}: put back, dan"
    target = BackupTarget.objects.create(name="disk", kind="folder", recipient="age1x")
    backup = Backup.objects.create(instance=first, host=first.host, target=target, state="ready", who="x")
    Restore.objects.update(backup=backup)  # the snapshot is what was there before
    assert f"put back as at {backup.label}" in charts.marks_of(first, span)[1].label
    everybody = charts.place_marks(first.place, span)
    assert [one.kind for one in everybody] == ["snapshot", "snapshot", "restore"]
    assert gone.label in everybody[1].label
