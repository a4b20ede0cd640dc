"""The verbs of monthly reports: have one made, take it along. A worker counts; words and paper are made when somebody takes it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Literal

from django.db import DatabaseError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.audit import queries
from xqplatform.audit.chain import checkpoints
from xqplatform.audit.models import Event
from xqplatform.audit.reports import counting, months, paper, sheet
from xqplatform.audit.reports.models import MonthlyReport
from xqplatform.errors import Refused
from xqplatform.work import enqueue

log = logging.getLogger(__name__)
RIGHT = "audit.read"
TOPIC = "audit-reports"
AGAIN = timedelta(minutes=10)  # after which one that nobody makes is begun anew
Form = Literal["pdf", "csv"]
TYPES: dict[str, str] = {"pdf": "application/pdf", "csv": "text/csv; charset=utf-8"}
State = MonthlyReport.State
# Who is told, in the transaction in which the report of a whole month was made: fn(report).
TELLS: list[Callable[[MonthlyReport], None]] = []


def _row(actor: Actor, month: str) -> MonthlyReport:
    """Queued, unless it is so already; with the event. Raises Refused."""
    try:
        start, _end = months.bounds(month)
    except ValueError:
        raise Refused(_("Give a month such as 2026-11."), "month", 400) from None
    now = timezone.now()
    first = Event.objects.order_by("pk").values_list("time", flat=True).first()
    if start > now or first is None or month < months.name(first):
        raise Refused(_("The audit log has no events of this month."), "month", 404)
    MonthlyReport.objects.get_or_create(month=month, defaults={"state": State.FAILED, "asked": now})
    row = MonthlyReport.objects.select_for_update().get(month=month)
    if row.state == State.QUEUED and row.asked > now - AGAIN:
        return row
    row.state, row.asked, row.asked_name, row.problem = State.QUEUED, now, actor.name, ""
    row.save(update_fields=["state", "asked", "asked_name", "problem"])
    audit.record(actor, "audit.report", row)
    live.bump(TOPIC)
    return row


def ask(actor: Actor, month: str) -> MonthlyReport:
    """Has a month counted (anew) by a worker. Raises Denied, Refused."""
    from xqplatform.audit.reports.tasks import make as task

    queries.require_everything(actor)
    with transaction.atomic():
        row = _row(actor, month)
        enqueue(task, row.pk)
    return row


def make_now(actor: Actor, month: str) -> MonthlyReport:
    """The same at once, for the command line. Raises Denied; Refused, also with what went wrong."""
    queries.require_everything(actor)
    with transaction.atomic():
        row = _row(actor, month)
    make(row.pk)
    row.refresh_from_db()
    if row.state == State.FAILED:
        raise Refused(row.problem)
    return row


def make(pk: int) -> None:
    """Counts; safe to repeat and beside another. What goes wrong stands in the row, and what was counted before stays."""
    row = MonthlyReport.objects.filter(pk=pk, state=State.QUEUED).first()
    if row is None:
        return
    now = timezone.now()
    try:
        checkpoints.make()  # so that what is told of is signed
        with transaction.atomic():
            figures = counting.count(row.month)
    except DatabaseError:
        raise  # it stays queued, and the beat has it made again
    except Exception as error:  # whatever stands in an event must not have it tried for ever
        log.exception("The audit report of %s could not be made", row.month)
        MonthlyReport.objects.filter(pk=pk).update(state=State.FAILED, problem=f"{type(error).__name__}: {error}"[:500])
        live.bump(TOPIC)
        return
    with transaction.atomic():
        MonthlyReport.objects.filter(pk=pk).update(state=State.MADE, figures=figures, made=now)
        row.refresh_from_db()
        if row.made is not None and row.made >= months.bounds(row.month)[1]:
            for tell in TELLS:
                tell(row)
        live.bump(TOPIC)


def take(actor: Actor, month: str, form: Form) -> bytes:
    """The report as it was counted last, in the language that is active; taking it along is an event. Raises Denied, Refused."""
    from xqplatform.audit.reports import pdf  # what draws is loaded where it is needed

    queries.require_everything(actor)
    row = MonthlyReport.objects.filter(month=month).exclude(made=None).first()
    if row is None or row.made is None:
        raise Refused(_("The report of this month was not made yet."), "month", 404)
    report = paper.report(row.month, row.figures, row.made)
    content = pdf.made(report) if form == "pdf" else sheet.made(report).encode()
    with transaction.atomic():
        audit.record(actor, "audit.export", row, after={"form": form, "report": row.month})
    return content


def due() -> list[int]:
    """Those whose message was lost or whose worker died. Has the month before made once it is over."""
    now = timezone.now()
    last = months.before(months.name(now))
    _start, end = months.bounds(last)
    known = MonthlyReport.objects.filter(month=last).first()
    if (known is None or known.asked < end) and Event.objects.filter(time__lt=end).exists():
        ask(Actor.system(), last)
    lost = MonthlyReport.objects.filter(state=State.QUEUED, asked__lt=now - AGAIN)
    return list(lost.values_list("pk", flat=True))
