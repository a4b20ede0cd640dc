"""What a service releases by itself: a rule an environment, and what came of pushes."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from builds.models import Forge
from containers.automatic import services
from containers.automatic.forms import RuleForm
from containers.models import AutomaticRelease, Service, ServiceEnvironment
from containers.views.access import get_place, get_service
from xqplatform.accounts.http import actor_of, put_refusal
from xqplatform.accounts.rights import can
from xqplatform.accounts.visibility import visible
from xqplatform.errors import Refused

SHOWN = 50


@require_GET
def show(request: HttpRequest, slug: str) -> HttpResponse:
    return _page(request, get_service(actor_of(request), slug))


@require_POST
def save(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    place = get_place(actor_of(request), slug, environment)
    actor = actor_of(request)
    services.may(actor, place)
    form = RuleForm(request.POST, prefix=environment)
    if form.is_valid():
        try:
            services.save(actor, place, form.cleaned_data)
            messages.success(request, _("Saved."))
            return redirect("containers:automatic", slug)
        except Refused as refusal:
            put_refusal(form, refusal)
    return _page(request, place.service, (place, form))


def _page(
    request: HttpRequest, service: Service, wrong: tuple[ServiceEnvironment, RuleForm] | None = None
) -> HttpResponse:
    rows = []
    places = service.places.select_related("environment", "service").order_by("environment__position")
    for place in places:
        rule, slug = services.rule_of(place), place.environment.slug
        form = RuleForm(initial=services.shown(rule), prefix=slug)
        if wrong is not None and wrong[0].pk == place.pk:
            form = wrong[1]
        may = can(actor_of(request), services.RIGHT, **service.at_in(slug))
        rows.append({"place": place, "rule": rule, "form": form, "may": may})
    came = (
        visible(actor_of(request), AutomaticRelease)
        .filter(place__service=service)
        .select_related("place__environment", "deployment", "delivery")
    )
    context = {
        "service": service,
        "rows": rows,
        "came": came[:SHOWN],
        "forge": visible(actor_of(request), Forge).filter(project=service.project_id).first(),
    }
    return render(request, "containers/automatic.html", context, status=400 if wrong is not None else 200)
