"""Settings → nginx fronts: list, make, change, write anew, remove."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import Count, F, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from containers.forms.hooks import FrontForm
from containers.models import Front, Upstream
from containers.reading import history
from containers.services import fronts
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.rights import can, require
from xqplatform.accounts.visibility import sees_team, visible
from xqplatform.errors import Refused


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    seen = Q(upstreams__in=visible(actor_of(request), Upstream))
    rows = Front.objects.prefetch_related("hosts").annotate(
        files=Count("upstreams", filter=seen, distinct=True),
        behind=Count("upstreams", filter=seen & Q(upstreams__applied__lt=F("upstreams__wanted")), distinct=True),
    )
    context = {"rows": rows, "may_manage": can(actor_of(request), "host.operate")}
    return render(request, "containers/fronts.html", context)


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, slug: str | None = None) -> HttpResponse:
    """Makes (no slug) or changes a front."""
    front = get_object_or_404(Front, slug=slug) if slug else None
    actor = actor_of(request)
    form = FrontForm(request.POST or None, front=front)
    if request.method == "POST":
        require(actor, "host.operate", obj=front)
        if form.is_valid():
            data = {name: value for name, value in form.content().items() if front is None or name != "slug"}
            try:
                saved = fronts.save_front(actor, data, front)
            except Refused as refused:
                form.add_refusal(refused)
            else:
                messages.success(request, _("%(name)s is saved.") % {"name": saved})
                return redirect("containers:front", saved.slug)
    context = {
        "form": form,
        "front": front,
        "upstreams": visible(actor_of(request), Upstream)
        .filter(front=front)
        .select_related("host", "place__service", "place__environment")
        if front
        else [],
        "users": [one for one in fronts.users_of(front) if sees_team(actor, one.service.team_id)] if front else [],
        "events": history([front], 20) if front else [],
        "may_manage": can(actor, "host.operate"),
    }
    return render(request, "containers/front.html", context, status=400 if form.errors else 200)


@require_POST
def remove(request: HttpRequest, slug: str) -> HttpResponse:
    front = get_object_or_404(Front, slug=slug)
    try:
        fronts.remove_front(actor_of(request), front)
    except Refused as refused:
        messages.error(request, refused.message)
        return redirect("containers:front", slug)
    messages.success(request, _("%(name)s is removed.") % {"name": slug})
    return redirect("containers:fronts")


@require_POST
def apply(request: HttpRequest, slug: str) -> HttpResponse:
    front = get_object_or_404(Front, slug=slug)
    try:
        count = fronts.apply(actor_of(request), front)
    except Refused as refused:
        messages.error(request, refused.message)
    else:
        messages.success(request, _("%(n)s files are written anew.") % {"n": count})
    return redirect("containers:front", slug)
