"""What is said of data at risk: a sentence that stands by itself in an alert, a table and on a page. Times in UTC."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from containers.keeping.protection import Kind, Risk

LONGEST = 300


def said(risk: Risk) -> str:
    words = _words(risk)
    return _("#%(number)s: %(words)s") % {"number": risk.number, "words": words} if risk.number else words


def _words(risk: Risk) -> str:
    values = {"last": _time(risk.last), "every": _every(risk.every), "words": risk.words[:LONGEST].rstrip(". \n")}
    match risk.kind:
        case Kind.UNPROTECTED:
            return _("Nothing is backed up by schedule.")
        case Kind.NOBODY:
            return _("The rules for backups name none of the instances that stand.")
        case Kind.CANNOT:
            return _("It stands on a host that takes no snapshots and no backups of volumes.")
        case Kind.OVERDUE if risk.last is None:
            return _("There is no good backup yet; one is wanted %(every)s.") % values
        case Kind.OVERDUE:
            return _("The last good backup is of %(last)s; one is wanted %(every)s.") % values
        case Kind.FAILED if risk.words:
            return _("The last scheduled backup failed: %(words)s.") % values
        case Kind.FAILED:
            return _("The last scheduled backup failed.")
        case Kind.DRILL_FAILED if risk.words:
            return _("The last restore drill did not pass: %(words)s.") % values
        case Kind.DRILL_FAILED:
            return _("The last restore drill did not pass.")
        case Kind.DRILL_OVERDUE if risk.last is None:
            return _("No restore drill has shown yet that a backup starts; one is wanted %(every)s.") % values
        case Kind.DRILL_OVERDUE:
            return _("The last restore drill that passed was at %(last)s; one is wanted %(every)s.") % values
        case Kind.SNAPSHOTS if risk.last is None:
            return _("There is no snapshot yet; one is wanted %(every)s.") % values
        case Kind.SNAPSHOTS:
            return _("The last snapshot is of %(last)s; one is wanted %(every)s.") % values


def _time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment is not None else ""


def _every(hours: int) -> str:
    if hours and hours % 24 == 0:
        days = hours // 24
        return ngettext("every day", "every %(n)s days", days) % {"n": days}
    return ngettext("every hour", "every %(n)s hours", hours) % {"n": hours}
