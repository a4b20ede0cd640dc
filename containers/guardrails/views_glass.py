"""Where glass was broken: the list for review, and a held release that goes on in spite of a freeze."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from containers.guardrails import glass, shown
from containers.guardrails.glass import Glass
from containers.models import BrokenGlass
from containers.views.access import actor_of, get_deployment
from xqplatform.accounts.rights import can
from xqplatform.accounts.visibility import get_visible, visible
from xqplatform.errors import Refused


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    return _show(request)


def _show(request: HttpRequest, wrong: tuple[int, str, str] | None = None) -> HttpResponse:
    """`wrong`: which row's review was refused, why, and what was typed."""
    rows = visible(actor_of(request), BrokenGlass).select_related(
        "deployment__place__service", "deployment__place__environment"
    )
    actor = actor_of(request)
    context = {
        "open": list(visible(actor, glass.open_ones())[:100]),
        "page": Paginator(rows.exclude(reviewed=None), 50).get_page(request.GET.get("page")),
        "may_review": can(actor, glass.RIGHT),
        "me": actor.user.pk if actor.user is not None else 0,
        "wrong": wrong,
    }
    return render(request, "containers/glass.html", context, status=400 if wrong else 200)


@require_POST
def review(request: HttpRequest, number: int) -> HttpResponse:
    row = get_visible(actor_of(request), BrokenGlass.objects.select_related("deployment__place__service"), pk=number)
    comment = str(request.POST.get("comment", "")).replace("\x00", "")[: glass.LONGEST + 1]
    try:
        glass.review(actor_of(request), row, comment)
    except Refused as refused:
        return _show(request, (row.pk, refused.message, comment))
    messages.success(request, _("Reviewed."))
    return redirect("containers:glass")


@require_POST
def go_on(request: HttpRequest, number: int) -> HttpResponse:
    """A release that a freeze holds goes on."""
    deployment = get_deployment(actor_of(request), number)
    given = shown.glass_of(request.POST.dict() | {"break_glass": "1"}) or Glass("", "")
    try:
        glass.go_on(actor_of(request), deployment, given)
    except Refused as refused:
        messages.error(request, refused.message)
    return redirect("containers:release", deployment.pk)
