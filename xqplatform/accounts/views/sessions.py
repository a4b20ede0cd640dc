"""Where somebody is signed in: one's own sessions, and those of a person for who manages people."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from xqplatform.accounts.http import ActorRequest
from xqplatform.accounts.models import User
from xqplatform.accounts.rights import require
from xqplatform.accounts.sessions import agents, verbs
from xqplatform.accounts.sessions.models import Session
from xqplatform.web.tables import Table


def _page(request: ActorRequest, person: User) -> HttpResponse:
    here = verbs.key_of(request)
    table = Table(request, verbs.of(person))
    limits = verbs.limits()
    context: dict[str, Any] = {
        "person": person,
        "rows": [{"row": row, "browser": agents.words(row.agent), "here": row.pk == here} for row in table],
        "table": table,
        "own": person.pk == request.user.pk,
        "others": verbs.of(person).exclude(pk=here).count(),
        "idle_hours": round(limits.idle / 3600),
        "total_days": round(limits.total / 86400),
    }
    return render(request, "accounts/sessions.html", context)


@require_GET
def sessions(request: ActorRequest) -> HttpResponse:
    return _page(request, request.user)


@require_GET
def person_sessions(request: ActorRequest, pk: int) -> HttpResponse:
    user = get_object_or_404(User, pk=pk)
    if user.pk != request.user.pk:
        require(request.actor, "people.manage", obj=user)
    return _page(request, user)


@require_POST
def session_end(request: ActorRequest, key: str) -> HttpResponse:
    """One of one's own, or of another. It may have ended meanwhile: that is what was wanted."""
    row = Session.objects.select_related("user").filter(pk=key).exclude(user=None).first()
    if row is None:
        return redirect("accounts:sessions")
    verbs.end(request.actor, row)
    messages.success(request, _("The session has ended, and what was open by it."))
    own = row.user_id == request.user.pk
    return redirect("accounts:sessions") if own else redirect("accounts:person_sessions", pk=row.user_id)


def _ended(request: ActorRequest, count: int) -> None:
    messages.success(request, ngettext("%(n)d session ended.", "%(n)d sessions ended.", count) % {"n": count})


@require_POST
def sessions_end(request: ActorRequest) -> HttpResponse:
    """All of one's own but this one."""
    _ended(request, verbs.end_all(request.actor, request.user, keep=verbs.key_of(request)))
    return redirect("accounts:sessions")


@require_POST
def person_sessions_end(request: ActorRequest, pk: int) -> HttpResponse:
    user = get_object_or_404(User, pk=pk)
    _ended(request, verbs.end_all(request.actor, user, keep=verbs.key_of(request)))
    return redirect("accounts:person_sessions", pk=user.pk)
