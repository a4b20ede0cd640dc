"""Several processes' work at the same time, here as threads with connections of their own."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from django.db import connection

from xqplatform import metrics
from xqplatform.metrics import Sample, keeping
from xqplatform.metrics.models import Hot

pytestmark = pytest.mark.django_db(transaction=True)


def test_samples_written_twice_by_several_while_hours_are_sealed_count_once(settings: Any) -> None:
    settings.METRICS_LEAST_FREE = 0
    start = (int(time.time()) // 3600 - 6) * 3600
    times = list(range(start, start + 4 * 3600, 60))
    failed: list[BaseException] = []

    def act(body: Any) -> None:
        try:
            body()
        except BaseException as error:
            failed.append(error)
        finally:
            connection.close()

    def write(offset: int) -> None:
        for i in range(0, len(times), 20):
            part = times[offset:] + times[:offset]
            metrics.write(
                [Sample(f"instance:{n}", at, {"cpu.cores": 1.0}) for at in part[i : i + 20] for n in (1, 2, 3)]
            )

    def keep() -> None:
        for _ in range(6):
            keeping.keep()

    bodies = [lambda: write(0), lambda: write(0), lambda: write(100), keep, keep]
    threads = [threading.Thread(target=act, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(240)
    assert failed == []
    while not keeping.keep():
        pass
    assert not Hot.objects.exists()
    for one in metrics.series(
        ["instance:1", "instance:2", "instance:3"], ["cpu.cores"], start, start + 4 * 3600, points=240
    ):
        assert [(p.time, p.count) for p in one.points] == [(float(at), 1) for at in times]
