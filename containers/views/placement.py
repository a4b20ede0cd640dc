"""Pages of placement's rules: of a service in an environment, and of an environment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from containers.forms.placement import PlacementForm
from containers.models import Environment
from containers.reading import history
from containers.services import catalog
from containers.views.access import get_place
from containers.views.run import frame
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.rights import can, require
from xqplatform.errors import Refused


@require_http_methods(["GET", "POST"])
def of_place(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    actor = actor_of(request)
    place = get_place(actor, slug, environment)
    general = place.environment.placement
    form = PlacementForm(
        request.POST if request.method == "POST" else None, initial=PlacementForm.of(place.placement), general=general
    )
    url = reverse("containers:place_placement", args=[slug, environment])
    if request.method == "POST":
        require(actor, "service.change", **place.at, obj=place)
        if _saved(request, form, lambda rules: catalog.change_place(actor, place, {"placement": rules})):
            return redirect(url)
    context = frame(request, place, "settings") | {"form": form, "may_change": can(actor, "service.change", **place.at)}
    return render(request, "containers/placement_of_place.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def of_environment(request: HttpRequest, slug: str) -> HttpResponse:
    actor = actor_of(request)
    row = get_object_or_404(Environment, slug=slug)
    form = PlacementForm(request.POST if request.method == "POST" else None, initial=PlacementForm.of(row.placement))
    if request.method == "POST":
        require(actor, "environment.manage", obj=row)
        if _saved(request, form, lambda rules: catalog.save_environment(actor, row, {"placement": rules})):
            return redirect("containers:environment_placement", slug)
    context = {
        "environment": row,
        "form": form,
        "events": history([row], 20),
        "may_change": can(actor, "environment.manage"),
    }
    return render(request, "containers/placement_of_environment.html", context, status=400 if form.errors else 200)


def _saved(request: HttpRequest, form: PlacementForm, verb: Callable[[dict[str, Any]], object]) -> bool:
    if not form.is_valid():
        return False
    try:
        verb(form.rules())
    except Refused as refused:
        form.add_refusal(refused)
        return False
    messages.success(request, _("Saved. It holds for instances that come or move from now on."))
    return True
