"""Celery's queue in tests: records what is enqueued; runs it when told to."""

from __future__ import annotations

import logging
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connections

log = logging.getLogger(__name__)


class Queue:
    def __init__(self) -> None:
        self.waiting: deque[tuple[Any, tuple[Any, ...], dict[str, Any]]] = deque()
        self.names: list[str] = []
        self.errors: list[BaseException] = []
        self._pool: ThreadPoolExecutor | None = None
        self._timers: list[threading.Timer] = []
        self._stopped = False

    def __iter__(self) -> Any:
        """The waiting calls as (task name, arguments)."""
        return iter([(task.name, args) for task, args, _ in self.waiting])

    def __len__(self) -> int:
        return len(self.waiting)

    @property
    def apply_async(self) -> Any:
        """What stands in for `Task.apply_async`."""
        queue = self

        def apply_async(task: Any, args: Any = None, kwargs: Any = None, *, countdown: float = 0, **_: Any) -> None:
            queue.put(task, tuple(args or ()), dict(kwargs or {}), countdown)

        return apply_async

    def put(self, task: Any, args: tuple[Any, ...], kwargs: dict[str, Any], countdown: float = 0) -> None:
        self.names.append(task.name)
        if self._pool is None:
            self.waiting.append((task, args, kwargs))
        elif countdown:
            timer = threading.Timer(countdown, self._submit, (task, args, kwargs))
            timer.daemon = True
            self._timers.append(timer)
            timer.start()
        else:
            self._submit(task, args, kwargs)

    def drain(self, limit: int = 200) -> int:
        """Runs what waits, and what that enqueues, in this thread; returns how many tasks ran. Their errors are raised."""
        ran = 0
        while self.waiting and ran < limit:
            task, args, kwargs = self.waiting.popleft()
            task(*args, **kwargs)
            ran += 1
        return ran

    def start(self, threads: int) -> None:
        """From now on tasks run at once, in threads."""
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="task")
        while self.waiting:
            self._submit(*self.waiting.popleft())

    def stop(self) -> None:
        self._stopped = True
        for timer in self._timers:
            timer.cancel()
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def _submit(self, task: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not self._stopped and self._pool is not None:
            self._pool.submit(self._run, task, args, kwargs)

    def _run(self, task: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        try:
            task(*args, **kwargs)
        except Exception as error:  # as a worker does: logged, and the next task runs
            log.exception("Task %s failed", task.name)
            self.errors.append(error)
        finally:
            connections.close_all()
