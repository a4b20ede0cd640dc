"""A release in words and numbers: how far, what goes on now, how long it may still take. Pure: rows in, words out."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from containers.guardrails import holding
from containers.models import Deployment, Step

PHASES = ("pull", "ahead", "out", "stop", "create", "data", "snapshot", "start", "healthy", "in", "limits")
OVER = {Step.State.DONE, Step.State.FAILED, Step.State.SKIPPED, Step.State.UNDONE}
MOVING = {*Step.HALTS, Step.State.STOPPING, Step.State.CREATING, Step.State.STARTING, Step.State.UNDOING}


@dataclass
class Bar:
    """A phase of a step on the release's time line; `left` and `width` are thousandths of it."""

    phase: str
    word: str
    seconds: float
    left: float
    width: float
    open: bool = False


@dataclass
class Progress:
    total: int = 0
    done: int = 0
    failed: int = 0
    undone: int = 0
    to_undo: int = 0  # on the way back: those that had been begun; 0 otherwise
    moving: int = 0
    waiting: int = 0
    batches: int = 0
    batch: int = 0  # the batch at work, counted from 1; 0: none yet
    percent: int = 0
    rest: float | None = None  # seconds, an estimate; None: not known
    words: list[str] = field(default_factory=list)


def phase_words() -> dict[str, str]:
    return {
        "pull": _("pull"),
        "ahead": _("copy data ahead"),
        "out": _("out of traffic"),
        "stop": _("stop"),
        "create": _("create"),
        "data": _("copy data"),
        "snapshot": _("take a snapshot"),
        "start": _("start"),
        "healthy": _("get healthy"),
        "in": _("into traffic"),
        "limits": _("change limits"),
    }


def span(value: Any) -> tuple[float, float | None] | None:
    """[from, to] as two numbers of epoch seconds; `to` is None while it goes on; None for anything else."""
    if not isinstance(value, list | tuple) or not value or not isinstance(value[0], int | float):
        return None
    end = value[1] if len(value) > 1 and isinstance(value[1], int | float) else None
    return float(value[0]), end


def duration_of(step: Step) -> float | None:
    """Seconds from a step's first phase to the end of its last; None while one is open or none has begun."""
    spans = [s for s in (span(v) for v in step.times.values()) if s]
    if not spans or any(end is None for _begin, end in spans):
        return None
    return max(end for _begin, end in spans if end is not None) - min(begin for begin, _end in spans)


def progress(deployment: Deployment, steps: list[Step], now: float | None = None) -> Progress:
    """Where the release stands; `now` in epoch seconds."""
    now = time.time() if now is None else now
    p = Progress(total=len(steps), batches=len({s.batch for s in steps}))
    states = Counter(s.state for s in steps)
    p.done, p.failed, p.undone = states["done"] + states["skipped"], states["failed"], states["undone"]
    p.moving = sum(states[s] for s in MOVING)
    p.waiting = states["waiting"]
    back = deployment.state in {Deployment.State.ROLLING_BACK, Deployment.State.ROLLED_BACK}
    reached = p.undone if back else p.done + p.failed
    p.to_undo = (p.undone + states["undoing"] + states["done"] + states["failed"]) if back else 0
    to_do = p.to_undo if back else p.total
    # A step under way counts half, so that the bar never stands still for a whole batch.
    p.percent = round(100 * (reached + p.moving / 2) / to_do) if to_do else 0
    if deployment.state == Deployment.State.SUCCEEDED:
        p.percent = 100
    order = sorted({s.batch for s in steps})
    at_work = [order.index(s.batch) + 1 for s in steps if s.state in MOVING]
    begun = [order.index(s.batch) + 1 for s in steps if s.state in OVER]
    p.batch = max(at_work or begun or [0])
    p.words = _words(deployment, steps, p, now) if deployment.is_active else []
    if deployment.is_active and not back:
        p.rest = _rest(deployment, steps, now)
    return p


def _words(deployment: Deployment, steps: list[Step], p: Progress, now: float) -> list[str]:
    words = []
    if pulling := _pulls(deployment):
        words.append(pulling)
    if p.batch:
        order = sorted({s.batch for s in steps})
        here = [s for s in steps if order.index(s.batch) + 1 == p.batch]
        parts = []
        if done := sum(s.state == "done" for s in here):
            parts.append(_("%(n)d done") % {"n": done})
        for state, word in _moving_words().items():
            if n := sum(s.state == state for s in here):
                parts.append(f"{n} {word}")
        if starting := [s for s in here if s.state == "starting"]:
            parts.append(_starting(starting, deployment, now))
        if failed := sum(s.state == "failed" for s in here):
            parts.append(_("%(n)d failed") % {"n": failed})
        if waiting := sum(s.state == "waiting" for s in here):
            parts.append(_("%(n)d waiting") % {"n": waiting})
        words.append(
            _("batch %(a)d of %(b)d: %(what)s")
            % {"a": p.batch, "b": p.batches, "what": _(", ").join(parts) or _("done")}
        )
    if deployment.hold:
        words.append(str(deployment.get_hold_display()))
    if deployment.is_active and deployment.batch_pause_until:
        left = deployment.batch_pause_until.timestamp() - now
        if left > 0:
            words.append(_("next batch in %(n)d s") % {"n": round(left)})
    if held := holding.words(deployment):
        words.append(held)
    return words


def _moving_words() -> dict[str, str]:
    return {
        "halting": _("stopping"),
        "stopping": _("stopping"),
        "stopped": _("stopped"),
        "creating": _("creating"),
        "undoing": _("rolling back"),
    }


def _starting(steps: list[Step], deployment: Deployment, now: float) -> str:
    """«1 starting (12 s of 60)»: the oldest of them against the deadline."""
    begun = [s[0] for s in (span(step.times.get("healthy") or step.times.get("start")) for step in steps) if s]
    deadline = deployment.policy.get("deadline")
    if begun and isinstance(deadline, int | float):
        return _("%(n)d starting (%(a)d s of %(b)d)") % {"n": len(steps), "a": max(0, now - min(begun)), "b": deadline}
    return _("%(n)d starting") % {"n": len(steps)}


def _pulls(deployment: Deployment) -> str:
    """«pulling on 3 of 5 hosts, 61 MiB of 140», while a pull is open."""
    rows = [r for r in deployment.pulls.values() if isinstance(r, dict)]
    at_work = [r for r in rows if r.get("state") in {"pulling", "queued", "waiting"}]
    if not at_work or not deployment.is_active:
        return ""
    done = sum(r.get("done") or 0 for r in at_work) >> 20
    total = sum(r.get("total") or 0 for r in at_work) >> 20
    text = ngettext("pulling on %(a)d of %(b)d host", "pulling on %(a)d of %(b)d hosts", len(rows)) % {
        "a": len(at_work),
        "b": len(rows),
    }
    return text + (", " + _("%(a)d MiB of %(b)d") % {"a": done, "b": total} if total else "")


def _rest(deployment: Deployment, steps: list[Step], now: float) -> float | None:
    """Mean of a finished step × batches to go, plus the pauses between them; None while it waits for a person."""
    until = deployment.hold_until
    if deployment.hold and until is None:
        return None
    took = [d for d in (duration_of(s) for s in steps if s.state == "done") if d is not None]
    if not took:
        return None
    mean = sum(took) / len(took)
    left = {s.batch for s in steps if s.state == "waiting"}
    pause = deployment.policy.get("pause")
    rest = len(left) * (mean + (pause if isinstance(pause, int | float) else 0))
    moving = [s for s in steps if s.state in MOVING]
    begun = [b[0] for s in moving for b in (span(v) for v in s.times.values()) if b]
    if moving:
        rest += max(0.0, mean - (now - min(begun))) if begun else mean
    return rest + (max(0.0, until.timestamp() - now) if deployment.hold and until else 0)


def timeline(deployment: Deployment, steps: list[Step], now: float | None = None) -> dict[int, list[Bar]]:
    """The bars of each step by its primary key, on one scale from the release's start to its end (or now)."""
    now = time.time() if now is None else now
    begin = (deployment.started or deployment.created).timestamp()
    end = deployment.finished.timestamp() if deployment.finished else now
    spans = {step.pk: [(p, s) for p in (*PHASES, "undo") if (s := span(step.times.get(p)))] for step in steps}
    everything = [s for found in spans.values() for _p, s in found]
    begin = min([begin, *(s[0] for s in everything)])
    end = max([end, begin + 1, *(s[1] for s in everything if s[1])])
    scale = 1000 / (end - begin)
    words = phase_words() | {"undo": _("roll back")}
    bars: dict[int, list[Bar]] = {}
    for pk, found in spans.items():
        bars[pk] = []
        for phase, (start, stop) in found:
            until = stop if stop is not None else end
            seconds = max(0.0, until - start)
            bars[pk].append(
                Bar(
                    phase,
                    words[phase],
                    seconds,
                    round((start - begin) * scale, 1),
                    max(2.0, round(seconds * scale, 1)),
                    stop is None,
                )
            )
    return bars
