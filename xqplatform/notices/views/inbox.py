"""One's own inbox: the list, and the bell's count in the top bar."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from xqplatform.accounts.http import ActorRequest
from xqplatform.notices import sources
from xqplatform.notices.kinds import Kind
from xqplatform.notices.models import Entry
from xqplatform.notices.services import inbox as verbs
from xqplatform.web.tables import Filter, Table


def _by_state(rows: QuerySet[Entry], value: str) -> QuerySet[Entry]:
    return rows.filter(read__isnull=value == "unread")


@require_GET
def index(request: ActorRequest) -> HttpResponse:
    table = Table(
        request,
        verbs.of(request.actor).select_related("notice"),
        search=["notice__service", "notice__environment", "notice__key"],
        sorts={"time": "pk"},
        default="-time",
        filters={
            "state": Filter(_("State"), [("unread", _("unread")), ("read", _("read"))], _by_state),
            "kind": Filter(_("Kind"), Kind.choices, "notice__kind"),
        },
    )
    entries = [(entry, sources.words(entry.notice)) for entry in table.rows]
    context = {"table": table, "entries": entries, "unread": verbs.unread(request.actor)}
    return render(request, "notices/inbox.html", context)


@require_GET
def badge(request: ActorRequest) -> HttpResponse:
    return render(request, "notices/_badge.html")


@require_POST
def open_entry(request: ActorRequest, pk: int) -> HttpResponse:
    """To what it is about; it is read then."""
    entry = get_object_or_404(verbs.of(request.actor).select_related("notice"), pk=pk)
    verbs.mark(request.actor, entry.pk)
    return redirect(entry.notice.url)


@require_POST
def mark(request: ActorRequest, pk: int) -> HttpResponse:
    entry = get_object_or_404(verbs.of(request.actor), pk=pk)
    verbs.mark(request.actor, entry.pk, read=request.POST.get("as") != "unread")
    return redirect("notices:inbox")


@require_POST
def mark_all(request: ActorRequest) -> HttpResponse:
    n = verbs.mark(request.actor, None)
    text = ngettext("%(n)d message is marked as read.", "%(n)d messages are marked as read.", n)
    messages.success(request, text % {"n": n})
    return redirect("notices:inbox")
