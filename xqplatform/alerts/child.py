"""Runs the sender as a child with a limit: at most so many side by side a worker, and none outlives its time."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

LIMIT = 30.0  # seconds, with the loading of apprise
LOOK = 1.0
_slots = threading.BoundedSemaphore(6)


def ask(asked: dict[str, Any], *, alive: Callable[[], bool] = lambda: True, limit: float = LIMIT) -> dict[str, Any]:
    """The sender's answer: {"ok", "words", …}. `alive` is asked every second; when it says no, the child is ended."""
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
