"""Sends events and checkpoints away, in the chain's order, from a stored position: at least once, whoever dies in between.

events        every event, as syslog
checkpoints   every checkpoint, as syslog
webhook       every checkpoint, as JSON to a URL
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

import requests
from django.conf import settings
from django.utils import timezone

from xqplatform import leases, live, work
from xqplatform.audit.chain import canonical, files, linking, rows
from xqplatform.audit.models import Checkpoint, Outlet
from xqplatform.audit.proof import cef, syslog

AT_ONCE = 500  # events of one connection
LONGEST = 20.0  # seconds of one task
PAUSES = (5, 10, 30, 60, 120, 300)  # seconds after so many failures; the last one for good


class Failed(Exception):
    """It was not sent; in words."""


def configured() -> dict[str, str]:
    """Name → address of every outlet that is set up."""
    found: dict[str, str] = {}
    if settings.AUDIT_SYSLOG:
        found |= {"events": settings.AUDIT_SYSLOG, "checkpoints": settings.AUDIT_SYSLOG}
    if settings.AUDIT_WEBHOOK:
        found["webhook"] = settings.AUDIT_WEBHOOK
    return found


def _shown(address: str) -> str:
    """An address as it may be seen (a URL's path can be a secret), with a mark that tells two apart."""
    parts = urlsplit(address)
    mark = hashlib.sha256(address.encode()).hexdigest()[:8]
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]} ({mark})"[:300]


def slowest() -> int | None:
    """The position up to which every outlet of events is; None: there is none."""
    if "events" not in configured():
        return None
    return Outlet.objects.filter(name="events").values_list("position", flat=True).first() or 0


def resume() -> None:
    """Enqueues whoever has something to send, is due and not served. Rows of outlets that are set up no more go."""
    from xqplatform.audit.tasks import send

    wanted = configured()
    Outlet.objects.exclude(name__in=wanted).delete()
    event, mark = linking.head().position, Checkpoint.objects.values_list("position", flat=True).first() or 0
    for name, address in wanted.items():
        shown = _shown(address)
        row, _made = Outlet.objects.get_or_create(name=name, defaults={"address": shown})
        if row.address != shown:  # another receiver gets everything
            Outlet.objects.filter(pk=name).update(address=shown, position=0, due=None, failed=0)
            row.position, row.due = 0, None
        behind = row.position < (event if name == "events" else mark)
        if behind and (row.due is None or row.due <= timezone.now()) and not leases.is_held(row):
            work.enqueue(send, name)


def run(name: str) -> None:
    """Sends until there is nothing more, something fails, or it takes too long."""
    address, mine = configured().get(name), Outlet.objects.filter(pk=name)
    lease = leases.take(mine, mine) if address else None
    if lease is None or address is None:
        return
    began = time.monotonic()
    try:
        while time.monotonic() - began < LONGEST and lease.renew():
            if not _some(mine.get(), address, lease):
                break
    finally:
        lease.release()
        live.bump("audit:verify")


def _some(row: Outlet, address: str, lease: leases.Lease) -> bool:
    """One portion; whether there may be more to send. What came of it is noted."""
    try:
        position = {"events": _events, "checkpoints": _checkpoints, "webhook": _webhook}[row.name](
            row.position, address
        )
    except (Failed, syslog.SyslogError) as error:
        _note(row, lease, False, str(error))
        return False
    if position is None:
        return False
    Outlet.objects.filter(pk=row.pk, lease=lease.text).update(position=position)
    _note(row, lease, True, "")
    return True


def _note(row: Outlet, lease: leases.Lease, ok: bool, problem: str) -> None:
    now, failed = timezone.now(), 0 if ok else row.failed + 1
    pause = PAUSES[min(failed, len(PAUSES)) - 1] if failed else 0
    since = row.since if row.ok == ok else now
    Outlet.objects.filter(pk=row.pk, lease=lease.text).update(
        ok=ok, problem=problem[:1000], since=since, failed=failed, due=now + timedelta(seconds=pause)
    )


def _events(after: int, address: str) -> int | None:
    to = syslog.address(address)
    after = max(after, linking.tail().position)
    found = list(rows.linked(after, after + AT_ONCE))
    if not found:
        return None
    messages = []
    for row in found:
        if row.body is None:
            continue  # it was removed: verifying says so, and the gap in the positions
        content = canonical.from_json(row.body)
        text = cef.line(row) if settings.AUDIT_SYSLOG_FORM == "cef" else files.event_line(row)
        fields = {"position": str(row.position), "id": str(row.event_id), "hash": row.hash}
        severity = syslog.WARNING if content["denied"] else syslog.NOTICE
        messages.append(syslog.message(severity, content["time"], content["action"], fields, text))
    syslog.send(to, messages, settings.AUDIT_SYSLOG_CA)
    return found[-1].position


def _marks(after: int) -> Iterator[Checkpoint]:
    yield from Checkpoint.objects.filter(position__gt=after).order_by("position")[:AT_ONCE]


def _checkpoints(after: int, address: str) -> int | None:
    found = list(_marks(after))
    if not found:
        return None
    messages = [
        syslog.message(
            syslog.NOTICE, canonical.time_text(row.time), "checkpoint", {"position": str(row.position)}, row.line
        )
        for row in found
    ]
    syslog.send(syslog.address(address), messages, settings.AUDIT_SYSLOG_CA)
    return found[-1].position


def _webhook(after: int, address: str) -> int | None:
    row = next(_marks(after), None)
    if row is None:
        return None
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "xqplatform",
        "X-XQ-Delivery": f"checkpoint-{row.position}",
    }
    try:
        answer = requests.post(
            address, data=row.line.encode(), headers=headers, timeout=syslog.TIMEOUT, allow_redirects=False, stream=True
        )
        answer.close()
    except requests.RequestException as error:
        raise Failed(f"{type(error).__name__}") from error
    if not 200 <= answer.status_code < 300:
        raise Failed(f"{answer.status_code} {answer.reason}")
    return row.position
