"""Worker processes that kill themselves with SIGKILL at a named point, and that the next one follows.

One process loads the platform once; each life is a fork of it, so that a dozen deaths cost a second or two. Whatever the
dead one held (connections to engines and database, threads in the middle of a call) is gone as with any `kill -9`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection

PROGRAM = """
import json, os, signal, sys
sys.path.insert(0, sys.argv[1])
os.environ["DJANGO_SETTINGS_MODULE"] = "xqplatform.settings"
import django
django.setup()
from builds import runner as builds
from containers.advancing import runner as releases
from containers.steps import points
from containers.models import Step
from tests.faults import workers
workers.lives(releases, points.PROBE, builds, Step)
"""


def database_url() -> str:
    """The tests' database, as a process of its own is told it."""
    if "sqlite" in settings.DATABASES["default"]["ENGINE"]:
        return f"sqlite:///{connection.settings_dict['NAME']}"
    # The test database has another name than the one that it was made from, and each process beside this one its own.
    return urlsplit(os.environ["XQ_DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}").geturl()


def environment() -> dict[str, str]:
    """Of a process that works on the tests' rows; XQ_DATA_DIR is set by the tests' settings."""
    return {**os.environ, "XQ_DATABASE_URL": database_url(), "XQ_LOG_LEVEL": "WARNING"}


class Workers:
    """`advance(pk, points)` is one worker's life: the point at which it died, or "" when it came to its end."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(settings.BASE_DIR)],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def _life(self, **order: Any) -> str:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, f"the worker process ended: {self.process.wait(30)}"
        point, status = json.loads(answer)
        assert os.WIFSIGNALED(status) == bool(point), (point, status)
        assert not point or os.WTERMSIG(status) == signal.SIGKILL
        assert point or os.WEXITSTATUS(status) == 0
        return str(point)

    def advance(self, pk: int, points: Iterable[str] = ()) -> str:
        return self._life(what="release", pk=pk, points=list(points))

    def drain(self, pk: int, points: Iterable[str] = ()) -> str:
        """Runs the drain and its moves, as the beat and the workers do, until it ends or says what it cannot do."""
        return self._life(what="drain", pk=pk, points=list(points))

    def build(self, pk: int, line: str = "") -> str:
        """Works on a build; dies as soon as a line of its log that begins so is saved."""
        return self._life(what="build", pk=pk, points=[line] if line else [])

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def lives(releases: Any, probe: list[Any], builds: Any, step_model: Any) -> None:
    """In the worker process: a life for each order that comes, and how it ended."""
    for line in sys.stdin:
        order = json.loads(line)
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            os.close(reading)
            _live(order, writing, releases, probe, builds, step_model)
        os.close(writing)
        with os.fdopen(reading) as said:
            point = said.read()
        _pid, status = os.waitpid(child, 0)
        sys.stdout.write(json.dumps([point, status]) + "\n")
        sys.stdout.flush()


def _live(order: dict[str, Any], writing: int, releases: Any, probe: list[Any], builds: Any, step_model: Any) -> None:
    points = set(order["points"])

    once = threading.Lock()

    def die(point: str) -> None:
        once.acquire()  # two threads may come to one point at the same moment
        os.write(writing, point.encode())
        os.kill(os.getpid(), signal.SIGKILL)

    def at(point: str, step: int) -> None:
        if step and step_model.objects.filter(pk=step, state="undoing").exists():
            point = f"back {point}"
        if point in points:
            die(point)

    code = 1
    try:
        if order["what"] == "release":
            probe.append(at)
            releases.advance(order["pk"])
        elif order["what"] == "drain":
            probe.append(at)
            _drain(order["pk"], releases, at)
        else:
            from builds.lease import Holder

            flush = Holder.flush

            def saved(holder: Holder, **options: Any) -> None:
                flush(holder, **options)
                for point in points:
                    if holder.build.lines.filter(text__startswith=point).exists():
                        die(point)

            Holder.flush = saved  # type: ignore[method-assign]
            builds.run(order["pk"])
        code = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(code)


def _drain(pk: int, releases: Any, at: Callable[[str, int], None]) -> None:
    """As beat and workers do; the points of the drain itself are «drain …»."""
    from containers.models import Deployment, Drain
    from containers.services import drains

    move, end = drains.moves.move, drains.machines.end_drain

    def moved(*args: Any, **options: Any) -> Any:
        at("drain before move", 0)
        row = move(*args, **options)
        at("drain after move", 0)
        return row

    def ended(*args: Any, **options: Any) -> Any:
        at("drain in its end", 0)  # inside the transaction: nothing of it may stay
        return end(*args, **options)

    drains.moves.move, drains.machines.end_drain = moved, ended
    while Drain.objects.filter(pk=pk, state="active", blocked=[]).exists():
        drains.advance(pk)
        for release in Deployment.objects.filter(drain=pk, state__in=Deployment.ACTIVE):
            releases.advance(release.pk)
