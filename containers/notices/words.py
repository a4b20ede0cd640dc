"""What a release's notice says: what, where, who and why; in the language that is active when it is read."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from containers.models import Deployment
from xqplatform.notices.kinds import Kind
from xqplatform.notices.models import Notice
from xqplatform.notices.sources import Words


def words(notice: Notice) -> Words:
    return Words(_title(notice), [line for line in _lines(notice) if line])


def _title(notice: Notice) -> str:
    said = {
        Kind.BEGUN: _("%(where)s: %(change)s #%(n)d has begun"),
        Kind.APPROVAL: _("%(where)s: %(change)s #%(n)d waits for an approval"),
        Kind.APPROVED: _("%(where)s: %(by)s approved %(change)s #%(n)d"),
        Kind.WITHDRAWN: _("%(where)s: %(by)s withdrew the approval of %(change)s #%(n)d"),
        Kind.HELD: _("%(where)s: %(change)s #%(n)d is held"),
        Kind.SUCCEEDED: _("%(where)s: %(change)s #%(n)d has succeeded"),
        Kind.FAILED: _("%(where)s: %(change)s #%(n)d has failed"),
        Kind.ROLLED_BACK: _("%(where)s: %(change)s #%(n)d was rolled back"),
        Kind.CANCELLED: _("%(where)s: %(change)s #%(n)d was cancelled"),
        Kind.GLASS: _("%(where)s: %(by)s went on with %(change)s #%(n)d in spite of the guardrails"),
    }[Kind(notice.kind)]
    return said % {
        "where": f"{notice.service} · {notice.environment}",
        "change": _change(notice.facts.get("change")),
        "n": notice.number,
        "by": notice.facts.get("by") or "–",
    }


def _change(kind: object) -> str:
    known = {value: str(label) for value, label in Deployment.Kind.choices}
    return known.get(str(kind), str(kind))


def _lines(notice: Notice) -> list[str]:
    facts = notice.facts
    said = [_version(notice), _why(notice)]
    if overridden := facts.get("overridden"):
        said.append(_("In spite of: %(what)s") % {"what": overridden})
    if who := facts.get("who"):
        said.append(_("Decided by %(who)s: %(why)s") % {"who": who, "why": facts.get("reason") or "–"})
    return said


def _version(notice: Notice) -> str:
    facts = notice.facts
    values = {"version": facts.get("version"), "before": facts.get("before")}
    if facts.get("change") != Deployment.Kind.DEPLOY or not values["version"]:
        return ""
    if values["before"] and values["before"] != values["version"]:
        return _("Version %(version)s, before it %(before)s") % values
    return _("Version %(version)s") % values


def _why(notice: Notice) -> str:
    facts = notice.facts
    why = str(facts.get("why") or "")
    if notice.kind != Kind.HELD:
        return why
    known = {value: str(label) for value, label in Deployment.Hold.choices}
    hold = known.get(str(facts.get("hold")), "")
    said = capfirst(f"{hold}: {why}" if hold and why else hold or why)
    return (
        _("%(why)s It goes on at %(time)s.") % {"why": f"{said.rstrip('.')}.", "time": at}
        if (at := _until(facts))
        else said
    )


def _until(facts: dict[str, object]) -> str:
    try:
        moment = datetime.fromisoformat(str(facts.get("until") or ""))
    except ValueError:
        return ""
    return date_format(timezone.localtime(moment), "Y-m-d H:i T")
