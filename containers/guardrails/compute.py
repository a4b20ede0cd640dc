"""Computes calendars ahead: a short-lived child does it, the rows keep it. Nothing here is loaded by an idle process."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from containers.guardrails import sessions, windows
from containers.models import Calendar
from xqplatform import live

BEHIND, AHEAD = timedelta(days=62), timedelta(days=400)
AGAIN = timedelta(days=7)  # so old may what is stored be; a year lies ahead of it anyway
RETRY = timedelta(hours=6)  # after what did not succeed
LIMIT = 120.0  # seconds
FILE_LIMIT = 20.0  # for a file, for which somebody waits
_one = threading.Lock()  # one at a time a process: each takes some 80 MB


def ask(asked: dict[str, Any], limit: float = LIMIT) -> dict[str, Any]:
    """The child's answer: {"ok", …}; of one that took too long or died, why."""
    with _one:
        try:
            done = subprocess.run(
                [sys.executable, "-m", "containers.guardrails.child"],
                input=json.dumps(asked).encode(),
                capture_output=True,
                cwd=settings.BASE_DIR,
                timeout=limit,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return {"ok": False, "words": _("It took longer than %(n)d seconds.") % {"n": limit}}
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return {"ok": False, "words": _("It could not be read (exit code %(n)s).") % {"n": done.returncode}}
    return answer


def spread(today: date) -> dict[str, str]:
    return {"since": (today - BEHIND).isoformat(), "until": (today + AHEAD).isoformat()}


def read_ics(text: str, zone: str) -> dict[str, Any]:
    """What an ICS file says: {"ok": True, "spans"} or {"ok": False, "words"}."""
    return ask({"do": "ics", "text": text, "zone": zone, **spread(timezone.localdate())}, FILE_LIMIT)


def compute(pk: int) -> bool:
    """Computes a calendar anew and stores it; what did not succeed leaves what was stored, and says why."""
    row = Calendar.objects.filter(pk=pk).first()
    if row is None:
        return False
    fields, trouble = found(row)
    now = timezone.now()
    fields |= {"trouble": trouble, "asked": now if trouble else None} | ({} if trouble else {"computed": now})
    with transaction.atomic():
        Calendar.objects.filter(pk=pk).update(**fields)
        live.bump("calendars")
    return not trouble


def found(row: Calendar) -> tuple[dict[str, Any], str]:
    """New columns of the calendar, and what went wrong."""
    fields: dict[str, Any] = {}
    if row.market:
        answer = ask({"do": "market", "code": row.market, **spread(timezone.localdate())})
        if not answer.get("ok"):
            return fields, str(answer.get("words", ""))
        fields = _market(answer)
    if row.ics:
        answer = read_ics(row.ics, row.zone)
        if not answer.get("ok"):
            return fields, str(answer.get("words", ""))
        fields["ics_spans"] = answer["spans"]
    return fields, ""


def _market(answer: dict[str, Any]) -> dict[str, Any]:
    rows, zone = answer["sessions"], str(answer["zone"])
    ordinary = sessions.pattern_of([windows.session(one) for one in rows], zone)
    hours = [[a.isoformat("minutes"), b.isoformat("minutes")] for a, b in ordinary.hours]
    return {
        "sessions": rows,
        "zone": zone,
        "known_from": date.fromisoformat(answer["since"]),
        "known_until": date.fromisoformat(answer["until"]),
        "hours": {"days": sorted(ordinary.days), "hours": hours},
    }


def due() -> list[int]:
    """Calendars that have to be computed: asked for, or old. Those that failed rest for some hours."""
    now = timezone.now()
    old = Q(computed=None) | Q(computed__lt=now - AGAIN)
    rows = Calendar.objects.filter(old).exclude(market="", ics="")
    rows = rows.exclude(~Q(trouble=""), asked__gt=now - RETRY)
    return list(rows.values_list("pk", flat=True))


def compute_due() -> int:
    """Computes what is due, one after the other; how many."""
    with translation.override(settings.LANGUAGE_CODE):
        return sum(compute(pk) for pk in due())
