"""Settings → environments: list, make, change, remove."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from containers.forms import EnvironmentForm
from containers.models import Environment, ServiceEnvironment
from containers.reading import history
from containers.services import catalog
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.rights import can, require
from xqplatform.accounts.roles import here
from xqplatform.accounts.visibility import visible
from xqplatform.errors import Refused


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    seen = Q(places__in=visible(actor_of(request), ServiceEnvironment))
    rows = (
        Environment.objects.select_related("segment")
        .prefetch_related("groups")
        .annotate(
            services=Count("places", filter=Q(places__service__removed=None) & seen, distinct=True),
            instances=Count("places__instances", filter=Q(places__instances__removed=None) & seen, distinct=True),
        )
    )
    context = {"rows": rows, "may_manage": can(actor_of(request), "environment.manage")}
    return render(request, "containers/environments.html", context)


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, slug: str | None = None) -> HttpResponse:
    """Makes (no slug) or changes an environment."""
    environment = get_object_or_404(Environment, slug=slug) if slug else None
    actor = actor_of(request)
    fresh = {"position": Environment.objects.count()} if environment is None else {}
    form = EnvironmentForm(request.POST or None, instance=environment, initial=fresh)
    if request.method == "POST":
        require(actor, "environment.manage", obj=environment)
        if form.is_valid():
            # The verb compares with what is stored: give it a row the form has not written to.
            stored = Environment.objects.get(pk=environment.pk) if environment is not None else None
            data: dict[str, Any] = dict(form.cleaned_data)
            try:
                saved = catalog.save_environment(actor, stored, data)
            except Refused as refused:
                form.add_refusal(refused)
            else:
                messages.success(request, _("%(name)s is saved.") % {"name": saved})
                return redirect("containers:environments")
    stored = Environment.objects.filter(slug=slug).first() if slug else None
    context = {
        "form": form,
        "environment": stored,
        "services": stored.places.filter(service__removed=None).count() if stored else 0,
        "events": history([stored], 20) if stored else [],
        "may_manage": can(actor, "environment.manage"),
        "here": here.of_environment(actor, stored.slug) if stored else None,
    }
    return render(request, "containers/environment.html", context, status=400 if form.errors else 200)


@require_POST
def remove(request: HttpRequest, slug: str) -> HttpResponse:
    environment = get_object_or_404(Environment, slug=slug)
    try:
        catalog.remove_environment(actor_of(request), environment)
    except Refused as refused:
        messages.error(request, refused.message)
        return redirect("containers:environment", slug)
    messages.success(request, _("%(name)s is removed.") % {"name": environment.title})
    return redirect("containers:environments")
