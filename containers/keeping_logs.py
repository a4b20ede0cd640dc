"""Keeps what a container said last, before it goes: one row a container, written before the engine is asked to remove it,
so that a death in between loses nothing and the next run writes the same row again.

A release waits for it at most SECONDS, and never fails by it: what could not be read is said in the row.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from containers import known
from containers.kept_lines import LINES, Last, packed, texts, unpacked
from containers.models import Container, Instance, KeptLog
from hosts.engine import Engine, EngineError, LogLine
from xqplatform.audit.tidying import tidied
from xqplatform.secrets.masking import Masker

log = logging.getLogger(__name__)
SECONDS = 5.0  # that reading may take
FEW, FEW_CHARACTERS = 40, 16_000  # what a step's own record shows
FRACTION = re.compile(r"\.([0-9]{1,6})")
AT_ONCE = 200  # rows removed in one go


@dataclass(frozen=True)
class Said:
    """What could be read of a container's last lines. `gone`: the engine does not have it (any more)."""

    lines: list[LogLine]
    size: int = 0
    cut: bool = False
    problem: str = ""
    gone: bool = False


def read(engine: Engine, engine_id: str, seconds: float = SECONDS) -> Said:
    """The last lines that the engine has of it, within the limits of `kept_lines` and of time. Raises nothing."""
    last = Last()
    problem, gone, more = "", False, 0
    try:
        stream = engine.logs(engine_id, tail=LINES + 1, timeout=seconds)
        alarm = threading.Timer(seconds, stream.stop)
        alarm.start()
        try:
            with stream:
                for line in stream:
                    more += 1
                    last.add(line)
                if stream.stopped:
                    problem = _("Reading took longer than %(n)d s; what came until then is kept.") % {"n": seconds}
        finally:
            alarm.cancel()
    except EngineError as error:
        problem, gone = error.words or error.message, error.kind == "not_found"
    return Said(list(last.lines), last.size, last.cut or more > LINES, problem.replace("\x00", ""), gone)


def keep(
    engine: Engine, engine_id: str, instance: int, why: str, *, host: str = "", deployment: int | None = None
) -> str:
    """Reads the container's last lines and keeps them; returns the last few as text (empty: there are none).

    Safe to repeat: later lines take the place of earlier ones, but what failed stays noted as failed, and lines that were
    kept are not lost when they cannot be read again.
    """
    if not engine_id or not Instance.objects.filter(pk=instance).exists():
        return ""
    said = read(engine, engine_id)
    hide = known.of_instance(instance)
    said = replace(said, lines=[hidden(line, hide) for line in said.lines])
    row = KeptLog.objects.filter(engine_id=engine_id).first()
    if row is not None and not said.lines:
        return texts(unpacked(row.data), FEW, FEW_CHARACTERS)
    if said.gone:
        return ""
    if said.problem:
        log.info("Of %s on %s not all is kept: %s", engine_id[:12], host, said.problem)
    if row is not None and row.why == KeptLog.Why.FAILED:
        why, deployment = row.why, row.deployment_id
    KeptLog.objects.update_or_create(
        engine_id=engine_id,
        defaults={
            "instance_id": instance,
            "container": Container.objects.filter(engine_id=engine_id, instance=instance).first(),
            "host": host[:100],
            "deployment_id": deployment,
            "why": why,
            "taken": timezone.now(),
            **columns(said),
        },
    )
    return texts(said.lines, FEW, FEW_CHARACTERS)


def columns(said: Said) -> dict[str, Any]:
    """The columns of the row that say what was read."""
    data = packed(said.lines)
    stamps = [moment for line in said.lines if (moment := moment_of(line.timestamp))]
    return {
        "lines": len(said.lines),
        "size": said.size,
        "cut": said.cut,
        "first": min(stamps, default=None),
        "last": max(stamps, default=None),
        "problem": said.problem,
        "stored": len(data),
        "data": data,
    }


def moment_of(stamp: str) -> datetime | None:
    """An engine's time as a moment; None where there is none."""
    try:
        moment = datetime.fromisoformat(f"{stamp[:19]}+00:00")
    except ValueError:
        return None
    fraction = FRACTION.match(stamp, 19)
    return moment + timedelta(microseconds=int(fraction[1].ljust(6, "0"))) if fraction else moment


def lines_of(row: KeptLog) -> list[LogLine]:
    """What is kept, the oldest first; without the values of secrets that are known by now."""
    hide = known.of_instance(row.instance_id)
    return [hidden(line, hide) for line in unpacked(row.data)]


def hidden(line: LogLine, hide: Masker) -> LogLine:
    """The line without these values."""
    text = hide(line.text)
    return line if text == line.text else line._replace(text=text)


def tidy(now: datetime | None = None) -> int:
    """Removes what is older than the platform keeps it, and the oldest of what is more than it keeps; returns how many."""
    now = now or timezone.now()
    with transaction.atomic():
        return tidied("kept logs", *_removed(now))


def _removed(now: datetime) -> Iterator[dict[str, int]]:
    yield KeptLog.objects.filter(taken__lt=now - timedelta(days=settings.KEPT_LOG_DAYS)).delete()[1]
    over = (KeptLog.objects.aggregate(n=Sum("stored"))["n"] or 0) - settings.KEPT_LOG_BYTES
    while over > 0:
        oldest = list(KeptLog.objects.order_by("taken", "id").values_list("pk", "stored")[:AT_ONCE])
        if not oldest:
            break
        chosen = []
        for pk, stored in oldest:
            if over <= 0:
                break
            chosen.append(pk)
            over -= stored
        yield KeptLog.objects.filter(pk__in=chosen).delete()[1]
