"""Images are fetched, and networks made, on each host before its first container."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from django.db import transaction

from containers.advancing.rows import NO_HOLD, Rows
from containers.advancing.threads import Threads
from containers.ending import StepFailed
from containers.models import Deployment, Step
from containers.steps.bench import Json
from containers.steps.context import Context
from containers.steps.patience import Patience
from containers.steps.points import point
from containers.steps.preparing import prepare
from containers.wire import FIRST
from hosts.engine import EngineError, connect
from hosts.models import Host
from xqplatform import live


class Pulls:
    """One pull a host, on a thread; how they stand is told in the deployment's row."""

    def __init__(self, context: Context, rows: Rows, threads: Threads) -> None:
        self._context, self._rows, self._threads = context, rows, threads
        self.running: dict[int, Future[None]] = {}
        self._streams: list[Any] = []  # pulls under way
        self._told: dict[str, Json] = dict(rows.row.pulls)
        self._changed = False
        self._steps: list[Step] | None = None

    def stop(self) -> None:
        """Ends what is under way."""
        for stream in self._streams:
            stream.stop()

    def states(self) -> dict[int, str]:
        """How it stands on each host where something is made."""
        hosts = {step.target_id for step in self._plan() if step.action in Step.MAKES}
        return {host: str(self._told.get(str(host), {}).get("state", "waiting")) for host in sorted(hosts)}

    def _plan(self) -> list[Step]:
        if self._steps is None:
            self._steps = list(
                Step.objects.filter(deployment=self._rows.pk).select_related(
                    "instance__host", "instance__address__segment", "image__registry"
                )
            )
        return self._steps

    def begin(self, host: int) -> None:
        if host in self.running:
            return
        mine = [s for s in self._plan() if s.target_id == host and s.action in Step.MAKES]
        images = {step.image_id: step.image for step in mine if step.image is not None}
        segments = {s.instance.address.segment_id: s.instance.address.segment for s in mine if s.instance.address}
        self._note(host, state="pulling", began=time.time())
        lease = self._rows.lease.text
        frozen = Deployment.objects.filter(pk=self._rows.pk, hold__in=["freeze", "approval"], lease=lease)
        frozen.update(**NO_HOLD)  # it is over

        def pull() -> None:
            point("before pull")
            patience = Patience(
                self._context,
                self._context.halt,
                max(10.0, self._context.deadline),
                lambda w: self._note(host, error=w),
            )
            progress = _Progress(lambda done, total: self._note(host, done=done, total=total))
            try:
                engine = connect(Host.objects.get(pk=host))
                for segment in segments.values():
                    prepare(engine, None, segment, patience)
                asked = None
                if any(segment.probe for segment in segments.values()) and any(s.action == "add" for s in mine):
                    asked = self._context.wire.ask(host)  # meanwhile: does anybody have the new addresses?
                for image in images.values():
                    prepare(engine, image, None, patience, progress=progress, on_stream=self._streams.append)
                if asked is not None:
                    asked.asking.wait(FIRST)
            except (EngineError, StepFailed) as error:
                self._note(host, state="failed", error=str(error))
            else:
                point("after pull")
                self._note(host, state="done", error="", ended=time.time())

        self.running[host] = self._threads.submit(pull)

    def _note(self, host: int, **fields: Any) -> None:
        self._told[str(host)] = {**self._told.get(str(host), {}), **fields}
        self._changed = True
        if "state" in fields:
            self._rows.wake.set()

    def save(self) -> None:
        if not self._changed:
            return
        self._changed = False
        with transaction.atomic():
            Deployment.objects.filter(pk=self._rows.pk, lease=self._rows.lease.text).update(pulls=dict(self._told))
            live.bump(*self._rows.topics)


class _Progress:
    """Adds up an engine's progress messages over layers; tells at most every 0.3 s."""

    def __init__(self, tell: Callable[[int, int], None]) -> None:
        self._tell = tell
        self._layers: dict[str, tuple[int, int]] = {}
        self._told = 0.0

    def __call__(self, message: Json) -> None:
        detail = message.get("progressDetail") or {}
        if not detail.get("total"):
            return
        self._layers[str(message.get("id"))] = (int(detail.get("current") or 0), int(detail["total"]))
        now = time.monotonic()
        if now - self._told >= 0.3:
            self._told = now
            self._tell(sum(d for d, _t in self._layers.values()), sum(t for _d, t in self._layers.values()))
