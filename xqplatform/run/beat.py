"""The beat: enqueues what the schedule in the settings says. It needs the names of tasks, not their code, so no Django
application is loaded: a third of the memory of `celery beat`.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError

from xqplatform import env, settings

log = logging.getLogger("beat")


def run(app: Celery, entries: Mapping[str, Mapping[str, Any]], stop: threading.Event) -> None:
    """Sends each entry's task at its period until told to stop. A missed tick is sent once, not many times.

    A message that no worker took within its period expires, so that a worker that comes back finds no pile of them.
    """
    alive = env.data_dir() / "beat-alive"  # its time of change tells health checks that the beat beats
    due = {name: time.monotonic() for name in entries}
    while not stop.is_set():
        now = time.monotonic()
        for name, entry in entries.items():
            if due[name] > now:
                continue
            period = float(entry["schedule"])
            try:
                app.send_task(entry["task"], args=entry.get("args", ()), expires=max(period, 5.0), ignore_result=True)
            except (OperationalError, OSError) as error:
                log.warning("Broker away, %s is sent at the next tick: %s", entry["task"], error)
            due[name] = now + period
        with contextlib.suppress(OSError):
            alive.touch()
        stop.wait(max(0.05, min(due.values()) - time.monotonic()))


def main() -> None:
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    app = Celery("beat", broker=env.celery_url(), set_as_current=True, fixups=[])
    app.conf.update(
        broker_transport_options={**settings.CELERY_BROKER_TRANSPORT_OPTIONS, "socket_connect_timeout": 2},
        task_publish_retry_policy={"max_retries": 1, "interval_start": 0, "interval_step": 0.1},
    )
    log.info("%d entries", len(settings.CELERY_BEAT_SCHEDULE))
    run(app, settings.CELERY_BEAT_SCHEDULE, stop)


if __name__ == "__main__":
    main()
