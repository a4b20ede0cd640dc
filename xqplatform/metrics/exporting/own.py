"""The platform's own health, as far as it is known here: the database, the store of series, the queue of work."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import redis
from django.db import connection

from xqplatform import live
from xqplatform.metrics import disk, keys, store
from xqplatform.metrics.exporting.names import Family
from xqplatform.metrics.exporting.sources import Rows, Source, register
from xqplatform.metrics.models import Hot, Subject

QUEUE = "celery"
FAMILIES = (
    Family("xq_database_size_bytes", "Size of the database."),
    Family("xq_data_free_bytes", "Free space where the data folder is."),
    Family("xq_store_samples_last_minute", "Samples with a time within the last minute."),
    Family("xq_store_subjects", "Hosts and instances that ever had a sample."),
    Family("xq_store_refused_samples_total", "Samples refused for their time.", "counter"),
    Family("xq_store_kept_timestamp_seconds", "When the store last sealed and deleted all that was due."),
    Family("xq_store_disk_low", "Whether fine samples are not kept for lack of space (1)."),
    Family("xq_broker_up", "Whether the broker answers (1)."),
    Family("xq_queue_length", "Tasks that wait for a worker."),
)


def read() -> Mapping[str, Rows]:
    state = store.state()
    now = time.time()
    recent = Hot.objects.filter(id__gte=keys.key(0, now - 60), id__lt=keys.first(int(now + 60) // keys.TICK))
    found: dict[str, Rows] = {
        "xq_database_size_bytes": [({}, float(database_size()))],
        "xq_data_free_bytes": [({}, float(disk.free_bytes()))],
        "xq_store_samples_last_minute": [({}, float(recent.count()))],
        "xq_store_subjects": [({}, float(Subject.objects.count()))],
        "xq_store_refused_samples_total": [
            ({"reason": "future"}, float(state.from_future)),
            ({"reason": "past"}, float(state.from_past)),
        ],
        "xq_store_disk_low": [({}, float(state.disk_low))],
    }
    if state.kept_at:
        found["xq_store_kept_timestamp_seconds"] = [({}, state.kept_at)]
    return found | dict(_queue())


def _queue() -> Iterator[tuple[str, Rows]]:
    try:
        length = live.client().llen(QUEUE)
    except (redis.RedisError, OSError):
        yield "xq_broker_up", [({}, 0.0)]
        return
    yield "xq_broker_up", [({}, 1.0)]
    yield "xq_queue_length", [({"queue": QUEUE}, float(length))]  # type: ignore[arg-type]


def database_size() -> int:
    """Bytes; of SQLite with what is not yet in its main file."""
    if connection.vendor == "sqlite":
        name = str(connection.settings_dict["NAME"])
        return sum(path.stat().st_size for path in (Path(name), Path(f"{name}-wal")) if path.exists())
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return int(cursor.fetchone()[0])


def registered() -> None:
    register(Source("platform", FAMILIES, read))
