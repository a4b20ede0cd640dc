"""The audit's monthly report: told to the people who review events, and to nobody else."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext as _

from xqplatform.accounts.roles.who import holders
from xqplatform.audit.reports import services
from xqplatform.audit.reports.models import MonthlyReport
from xqplatform.notices import sources
from xqplatform.notices.kinds import Kind
from xqplatform.notices.models import Entry, Notice

SOURCE = "report"
RIGHT = "audit.review"


def tell(report: MonthlyReport) -> None:
    """Once a month, however often it is counted anew; in the transaction of the report."""
    figures = report.figures
    facts = {
        "month": report.month,
        "events": figures["n_events"],
        "open": figures["reviews"]["open"],
        "glass": figures["n_glass"],
    }
    values = {"kind": Kind.REPORT, "source": SOURCE, "number": report.pk, "url": "/audit/reports/", "facts": facts}
    notice, new = Notice.objects.get_or_create(
        key=f"{SOURCE}:{report.month}", defaults=values | {"spread": timezone.now()}
    )
    if new:
        Entry.objects.bulk_create([Entry(user=one.user, notice=notice, relation="all") for one in holders(RIGHT)])


def words(notice: Notice) -> sources.Words:
    figures = {name: notice.facts.get(name, "–") for name in ("month", "events", "open", "glass")}
    return sources.Words(
        _("The audit's report of %(month)s is there") % figures,
        [_("%(events)s events, glass broken %(glass)s times, %(open)s reviews open.") % figures],
    )


def join() -> None:
    sources.register(SOURCE, sources.Source(words))
    services.TELLS.append(tell)
