"""The threads of a run: whatever may take a while is done on one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from django.db import connections
from django.db.models import F

from containers.ending import Broken
from containers.leases import Lease
from containers.models import Step
from containers.recorder.writing import Recorder

log = logging.getLogger(__name__)
THREADS = 64
ATTEMPTS = 3  # at a step that ends in an error nobody foresaw


class Threads:
    """A future that ends in an error is one that nobody foresaw."""

    def __init__(self, pk: int, lease: Lease, recorder: Recorder, wake: threading.Event) -> None:
        self._pk, self._lease, self._recorder, self._wake = pk, lease, recorder, wake
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix=f"release-{pk}")

    def stop(self) -> None:
        """No thread acts any more when this returns."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def submit(self, function: Callable[[], None], step: int = 0, failed: str = "") -> Future[None]:
        """`failed`: the state of the step when it has met too many errors that nobody foresaw."""

        def task() -> None:
            try:
                with self._recorder.hearing(step):
                    function()
            except Broken:
                pass
            except Exception as error:
                if not step or not self._gives_up(step, failed, error):
                    raise
            finally:
                connections.close_all()
                self._recorder.soon()
                self._wake.set()

        return self._pool.submit(task)

    def _gives_up(self, step: int, state: str, error: Exception) -> bool:
        """An error that nobody foresaw: another run tries again, but not for ever."""
        log.exception("Step %s of release %s met an unforeseen error", step, self._pk)
        rows = Step.objects.filter(pk=step, deployment__lease=self._lease.text)
        rows.update(attempts=F("attempts") + 1)
        return bool(rows.filter(attempts__gte=ATTEMPTS).update(state=state, reason=f"{type(error).__name__}: {error}"))
