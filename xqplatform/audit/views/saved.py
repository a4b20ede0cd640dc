"""Saved views: kept, renamed, shared and removed from the log's page."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from xqplatform.accounts.http import ActorRequest
from xqplatform.accounts.rights import can
from xqplatform.audit import services
from xqplatform.audit.models import SavedView
from xqplatform.errors import Refused


def _page(request: ActorRequest, problem: Refused | None = None, tried: int = 0) -> HttpResponse:
    """All views with their forms; what was typed stays beside what is wrong with it."""
    context = {
        "views": list(services.views_of(request.actor)),
        "may_share": can(request.actor, "audit.read"),
        "query": request.POST.get("query", request.GET.get("query", "")),
        "problem": problem.message if problem else "",
        "tried": tried,
        "typed": request.POST.get("name", ""),
    }
    return render(request, "audit/views.html", context, status=problem.code if problem else 200)


@require_GET
def views(request: ActorRequest) -> HttpResponse:
    return _page(request)


@require_POST
def create(request: ActorRequest) -> HttpResponse:
    query = request.POST.get("query", "").lstrip("?")
    try:
        view = services.save_view(
            request.actor, request.POST.get("name", ""), query, shared=request.POST.get("shared") == "1"
        )
    except Refused as problem:
        return _page(request, problem)
    messages.success(request, _("The view «%(name)s» is kept.") % {"name": view.name})
    return redirect(f"/audit/?{view.query}")


def _view(request: ActorRequest, pk: int) -> SavedView:
    return get_object_or_404(services.views_of(request.actor), pk=min(pk, 2**62))


@require_POST
def change(request: ActorRequest, pk: int) -> HttpResponse:
    view = _view(request, pk)
    try:
        services.change_view(
            request.actor, view, name=request.POST.get("name", ""), shared=request.POST.get("shared") == "1"
        )
    except Refused as problem:
        return _page(request, problem, pk)
    messages.success(request, _("The view «%(name)s» is changed.") % {"name": view.name})
    return redirect("audit:views")


@require_POST
def remove(request: ActorRequest, pk: int) -> HttpResponse:
    view = _view(request, pk)
    services.remove_view(request.actor, view)
    messages.success(request, _("The view «%(name)s» is removed.") % {"name": view.name})
    return redirect("audit:views")
