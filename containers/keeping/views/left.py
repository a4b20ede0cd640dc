"""Data that was left behind, of services that are gone, too: brought back, or removed before its time."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from containers.forms import RemoveForm
from containers.keeping.models import LeftData
from containers.keeping.services import left as verbs
from containers.keeping.services.snapshots import REMOVING
from containers.views.access import NUMBER_LIMIT, reason_of
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.rights import can, require
from xqplatform.accounts.visibility import get_visible, visible
from xqplatform.errors import Refused
from xqplatform.web.tables import Filter, Table

RELATED = ("place__service__team", "place__environment", "host", "image", "operation__host")


def rows_of(actor: Actor) -> QuerySet[LeftData]:
    return visible(actor, LeftData).select_related(*RELATED)


def get_left(request: HttpRequest, number: int) -> LeftData:
    actor = actor_of(request)
    return get_visible(actor, LeftData.objects.select_related(*RELATED), pk=min(max(0, number), NUMBER_LIMIT))


@require_GET
def show(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    table = Table(
        request,
        rows_of(actor),
        search=["place__service__slug", "place__environment__slug", "host__name"],
        sorts={"service": ("place__service__slug", "id"), "left": "left", "until": "until"},
        default="-left",
        filters={"state": Filter(gettext_lazy("State"), LeftData.State.choices, "state")},
    )
    for row in table.rows:
        row.may = can(actor, REMOVING, **row.place.at)
    return render(request, "keeping/left.html", {"table": table, "days": settings.DATA_GRACE_DAYS})


@require_POST
def bring_back(request: HttpRequest, number: int) -> HttpResponse:
    row = get_left(request, number)
    try:
        begun = verbs.bring_back(actor_of(request), row, reason_of(request.POST))
    except Refused as refused:
        messages.error(request, refused.message)
        return redirect("keeping:left")
    return redirect("containers:release", begun.pk)


@require_http_methods(["GET", "POST"])
def remove(request: HttpRequest, number: int) -> HttpResponse:
    row = get_left(request, number)
    require(actor_of(request), REMOVING, **row.place.at, obj=row.place)
    form = RemoveForm(request.POST or None, expected=row.place.service.slug)
    if request.method == "POST" and form.is_valid():
        try:
            verbs.remove(actor_of(request), row, form.cleaned_data["name"], form.cleaned_data["reason"])
        except Refused as refused:
            form.add_refusal(refused)
        else:
            messages.success(request, _("What %(place)s left is being removed.") % {"place": row.place})
            return redirect("keeping:left")
    context: dict[str, Any] = {"row": row, "form": form}
    return render(request, "keeping/left_remove.html", context, status=400 if form.errors else 200)
