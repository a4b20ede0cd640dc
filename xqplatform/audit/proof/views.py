"""The page that shows whether the log is as it was written, and what proves it elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta

from django.db import transaction
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from xqplatform import audit
from xqplatform.accounts.http import ActorRequest
from xqplatform.accounts.rights import require
from xqplatform.audit import queries
from xqplatform.audit.chain import checkpoints as marks
from xqplatform.audit.chain import exporting, linking, own, rows
from xqplatform.audit.chain.judge import CHANGED, INSERTED, REMOVED, REORDERED
from xqplatform.audit.models import Archive, Checkpoint, Event, Outlet, Verification
from xqplatform.audit.proof import cef, outlets, verifications
from xqplatform.errors import Refused
from xqplatform.web.streaming import in_portions, streamed


def _kinds() -> dict[str, str]:
    return {CHANGED: _("changed"), REMOVED: _("removed"), INSERTED: _("inserted"), REORDERED: _("reordered")}


@require_http_methods(["GET", "POST"])
def verify(request: ActorRequest) -> HttpResponse:
    """How the last verification ended, what runs now, and where checkpoints and events go."""
    if request.method == "POST":
        verifications.start(request.actor)
        return redirect("audit:verify")
    require(request.actor, verifications.RIGHT)
    newest = Verification.objects.first()
    ended = Verification.objects.exclude(state=Verification.State.RUNNING).first()
    kinds, head = _kinds(), linking.head()
    there = (
        set(Event.objects.filter(pk__in=[f[2] for f in ended.faults if f[2]]).values_list("pk", flat=True))
        if ended
        else set()
    )
    sent = Outlet.objects.in_bulk()
    ends = {"events": head.position}
    mark = Checkpoint.objects.first()
    context = {
        "running": newest if newest is not None and newest.state == Verification.State.RUNNING else None,
        "ended": ended,
        "faults": [(kinds.get(f[0], f[0]), f[1], f[2], f[3], f[2] in there) for f in ended.faults] if ended else [],
        "head": head,
        "tail": linking.tail(),
        "waiting": linking.unlinked(),
        "checkpoint": mark,
        "keys": own.keys().values(),
        "outlets": [
            (sent.get(name), name, max(0, ends.get(name, mark.position if mark else 0) - (sent[name].position if name in sent else 0)))
            for name in outlets.configured()
        ],
        "archives": Archive.objects.filter(state=Archive.State.SEALED).order_by("-first")[:50],
        "troubles": verifications.troubles(),
    }  # fmt: skip
    return render(request, "audit/verify.html", context)


def _moment(request: ActorRequest, name: str, days: int = 0) -> datetime | None:
    """The beginning of a day in the viewer's zone. Raises Refused for what is no day."""
    text = queries.clean(request.GET.get(name))
    if not text:
        return None
    found = queries.day(text)
    try:
        if found is not None:
            zone = timezone.get_current_timezone()
            return datetime.combine(found + timedelta(days=days), time.min, zone).astimezone(UTC)
    except OverflowError:
        pass
    raise Refused(_("This is not a day: give it as 2026-01-31."), name, 400)


def _export(
    request: ActorRequest, suffix: str, kind: str, lines: Callable[[int, int], Iterator[str]]
) -> HttpResponseBase:
    """The stretch of the chain of these days, the whole of it without; taking it along is an event."""
    queries.require_everything(request.actor)  # a stretch with gaps would prove nothing
    since, until = _moment(request, "since"), _moment(request, "until", days=1)
    linking.link()
    found = exporting.stretch(since, until)
    if found is None:
        raise Refused(_("Nothing was recorded in this time."), None, 404)
    with transaction.atomic():
        after = {"form": suffix, "first": found[0], "last": found[1]}
        audit.record(request.actor, "audit.export", None, after=after)
    response = streamed(request, in_portions(lines(*found)), kind)
    response["Content-Disposition"] = f'attachment; filename="audit-{found[0]}-{found[1]}.{suffix}"'
    return response


@require_GET
def export_lines(request: ActorRequest) -> HttpResponseBase:
    """JSON lines that prove themselves: `manage.py audit verify --file`."""
    return _export(request, "jsonl", "application/jsonl", lambda first, last: exporting.lines("export", first, last))


@require_GET
def export_cef(request: ActorRequest) -> HttpResponseBase:
    """Common Event Format, a line an event."""

    def lines(first: int, last: int) -> Iterator[str]:
        for row in rows.linked(first - 1, last):
            if row.body is not None:
                yield f"{cef.line(row)}\n"

    return _export(request, "cef", "text/plain; charset=utf-8", lines)


@require_GET
def checkpoints(request: ActorRequest) -> HttpResponseBase:
    """All signed checkpoints, to be kept elsewhere."""
    require(request.actor, verifications.RIGHT)
    response = streamed(request, in_portions(f"{line}\n" for line in marks.all_lines()), "application/jsonl")
    response["Content-Disposition"] = 'attachment; filename="audit-checkpoints.jsonl"'
    return response
