"""The audit log: what sealing costs an event, linking, and verifying a million events beside a plain read of the same rows."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path
from unittest import mock

from tests.bench.metrics import prepare
from tests.bench.results import Results

EVENTS = int(os.environ.get("XQ_TEST_BENCH_EVENTS", "1000000"))
AT_ONCE = 20_000
RECORDS = 2000


def run(results: Results) -> None:
    folder = Path(tempfile.mkdtemp(prefix="xq-bench-"))
    try:
        prepare(folder)
        from django.conf import settings

        settings.AUDIT_LINK_AFTER = None
        _record(results)
        _verify(results)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _record(results: Results) -> None:
    """In one transaction each, with and without seal and trigger, by turns; CPU of this process (on SQLite that is all)."""
    from django.db import connection, models

    from xqplatform import audit
    from xqplatform.accounts.actor import Actor
    from xqplatform.audit.chain import triggers
    from xqplatform.audit.models import SealField

    actor, spent = Actor.system(), {True: 0.0, False: 0.0}
    facts = {"image": "registry/snow:1445589786_fd63ea39_prod_java8V16", "wanted": 12, "batches": [4, 4, 4]}

    def some() -> float:
        began = time.process_time()
        for _n in range(RECORDS // 10):
            audit.record(actor, "service.deploy", None, before=facts, after=facts, reason="a new version")
        return time.process_time() - began

    def bare(self: SealField, instance: models.Model, add: bool) -> None:
        return None

    with mock.patch("xqplatform.live.bump"):
        some()
        for _round in range(10):
            spent[True] += some()
            triggers.remove(connection)
            with mock.patch.object(SealField, "pre_save", bare):
                spent[False] += some()
            triggers.install(connection)
    with connection.cursor() as cursor:
        triggers.remove(connection)
        cursor.execute("DELETE FROM audit_event")
        cursor.execute("DELETE FROM audit_unlinked")
        triggers.install(connection)
    results.add("audit: an event without seal, CPU", spent[False] / RECORDS * 1000, "ms")
    results.add("audit: seal and trigger of an event, CPU", (spent[True] - spent[False]) / RECORDS * 1000, "ms", 0.3)


def _verify(results: Results) -> None:
    from django.db import connection

    from xqplatform.audit.chain import linking, rows, verifying
    from xqplatform.audit.models import Event

    began = time.perf_counter()
    for start in range(0, EVENTS, AT_ONCE):
        Event.objects.bulk_create(
            Event(
                actor=f"person-{n % 50}", via="page", ip="192.0.2.7", request_id=f"{n:016x}", action="service.deploy",
                object_type="containers.service", object_id=str(n % 300), object_name=f"service-{n % 300}", reason="a new version",
                before={"image": f"snow:{n}", "wanted": 12}, after={"image": f"snow:{n + 1}", "wanted": 12, "batches": [4, 4, 4]},
            )
            for n in range(start, min(start + AT_ONCE, EVENTS))
        )  # fmt: skip
    written = time.perf_counter()
    linking.link()
    linked = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT l.position, l.hash, {rows.EVENT} FROM audit_link l JOIN audit_event e ON e.id = l.event_id ORDER BY l.position"
        )
        while cursor.fetchmany(2000):
            pass
    read = time.perf_counter()
    report = verifying.database()
    verified = time.perf_counter() - read
    if not report.good or report.count != EVENTS:
        raise SystemExit(f"{report.count} events, {report.faults[:3]}")
    results.add("audit: events written and sealed", EVENTS / (written - began), "events/s")
    results.add("audit: events linked", EVENTS / (linked - written), "events/s")
    results.add(f"audit: {EVENTS} events read plainly", read - linked, "s")
    results.add(f"audit: {EVENTS} events verified", verified, "s", 60 * EVENTS / 1_000_000)
    results.add("audit: verified ÷ read plainly", verified / (read - linked), "×")
