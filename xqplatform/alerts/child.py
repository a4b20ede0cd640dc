"""Runs the sender as a child with a limit: at most so many side by side a worker, and none outlives its time."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from xqplatform.outgoing import rules

LIMIT = 30.0  # seconds, with the loading of apprise
LOOK = 1.0
AT_ONCE = 6
_slots = threading.BoundedSemaphore(AT_ONCE)
_turns = threading.BoundedSemaphore(AT_ONCE)  # of deliveries, which do not wait for one
_turned_away = threading.Event()


@contextmanager
def turn() -> Iterator[bool]:
    """Whether the caller is one of the few that may deliver now; never waits."""
    mine = _turns.acquire(blocking=False)
    if not mine:
        _turned_away.set()
    try:
        yield mine
    finally:
        if mine:
            _turns.release()


def somebody_waits() -> bool:
    """Whether somebody was turned away since this was asked last."""
    waits = _turned_away.is_set()
    _turned_away.clear()
    return waits


def ask(asked: dict[str, Any], *, alive: Callable[[], bool] = lambda: True, limit: float = LIMIT) -> dict[str, Any]:
    """The sender's answer: {"ok", "words", …}. `alive` is asked every second; when it says no, the child is ended."""
    now = rules.rules()
    asked = asked | {"forbidden": [str(network) for network in now.forbidden], "own": sorted(now.own)}
    with _slots:
        child = subprocess.Popen(
            [sys.executable, "-m", "xqplatform.alerts.sender"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=settings.BASE_DIR,
        )
        try:
            return _answer(child, json.dumps(asked).encode(), alive, limit)
        finally:
            child.kill()
            child.wait()


def _answer(child: subprocess.Popen[bytes], text: bytes, alive: Callable[[], bool], limit: float) -> dict[str, Any]:
    end = time.monotonic() + limit
    given: bytes | None = text
    while True:
        try:
            out, _err = child.communicate(given, timeout=LOOK)
            break
        except subprocess.TimeoutExpired:
            given = None
            if not alive():
                return {"ok": False, "words": _("Another worker took over.")}
            if time.monotonic() > end:
                return {"ok": False, "words": _("No answer within %(n)d seconds.") % {"n": limit}}
    try:
        answer: dict[str, Any] = json.loads(out)
    except ValueError:
        return {
            "ok": False,
            "words": _("The sender ended without an answer (exit code %(n)s).") % {"n": child.returncode},
        }
    return answer
