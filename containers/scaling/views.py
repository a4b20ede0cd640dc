"""The page of a place's elasticity."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from containers.models import Calendar, ServiceEnvironment
from containers.reading import history
from containers.scaling import services, shown, trial
from containers.scaling.forms import PolicyForm, initial_of, repairing
from containers.scaling.models import ScalingDecision, ScalingPolicy
from containers.views.access import get_place
from containers.views.run import frame
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.rights import READ, can, require
from xqplatform.accounts.visibility import visible
from xqplatform.errors import Refused
from xqplatform.metrics import catalogue, pages
from xqplatform.metrics.figure import context_of
from xqplatform.web.tables import Filter, Table

DECISIONS = 10


@require_http_methods(["GET", "POST"])
def show(request: HttpRequest, slug: str, environment: str) -> HttpResponseBase:
    """Shows and changes the policy: POST says with `do` what: save, remove, or try it on the last week, which changes nothing."""
    place = get_place(actor_of(request), slug, environment)
    if request.method == "POST":
        return _change(request, place)
    require(actor_of(request), READ, **place.at, obj=place)
    row = services.policy_of(place)
    content = services.content_of(row)
    form = _form(row, content, place.instances.filter(removed=None).count())
    return pages.respond(
        request,
        lambda span, points: shown.sheet(place, content, span, points),
        "containers/scaling.html",
        _context(request, place, form),
        name=f"{slug}-{environment}-scaling",
        about=place,
        default="24h",
    )


def _form(row: ScalingPolicy | None, content: dict[str, Any], standing: int) -> PolicyForm:
    _policy, refused = services.read(row)
    if row is not None and refused is not None:
        return repairing(row.content, refused)
    return PolicyForm(initial=initial_of(content, standing))


def _change(request: HttpRequest, place: ServiceEnvironment) -> HttpResponse:
    actor = actor_of(request)
    services.may(actor, place)
    form = PolicyForm(request.POST)
    try:
        if request.POST.get("do") == "remove":
            services.remove(actor, place)
            messages.success(request, _("The policy is gone; the place keeps its instances."))
            return redirect("containers:scaling", place.service.slug, place.environment.slug)
        if request.POST.get("do") == "try" and form.is_valid():
            return render(request, "containers/scaling.html", _context(request, place, form) | _tried(place, form))
        if form.is_valid():
            version = getattr(services.policy_of(place), "version", 0)
            same = services.save(actor, place, form.data_of_verb()).version == version
            said = (
                _("It is so already: nothing was changed.")
                if same
                else _("Saved. It is asked every ten seconds from now on.")
            )
            messages.success(request, said)
            return redirect("containers:scaling", place.service.slug, place.environment.slug)
    except Refused as refused:
        form.is_valid()
        form.add_refusal(refused)
    return render(request, "containers/scaling.html", _context(request, place, form), status=400)


def _tried(place: ServiceEnvironment, form: PolicyForm) -> dict[str, Any]:
    """What the last week would have been with what was typed."""
    present, _refused = services.read(services.policy_of(place))
    found = trial.trial(place, services.checked(form.data_of_verb()), present)
    figure = context_of(found.chart)
    return {"trial": found, "trial_rows": trial.rows(found), "figure": figure, "trial_known": round(100 * found.known)}


def _context(request: HttpRequest, place: ServiceEnvironment, form: PolicyForm) -> dict[str, Any]:
    actor = actor_of(request)
    row = services.policy_of(place)
    table = Table(
        request,
        visible(actor, ScalingDecision).filter(place=place).select_related("deployment"),
        sorts={"when": "id"},
        default="-when",
        filters={"outcome": Filter(gettext_lazy("What came of it"), ScalingDecision.Outcome.choices, "outcome")},
        per_page=DECISIONS,
    )
    return frame(request, place, "scaling") | {
        "policy": row,
        "content": services.content_of(row),
        "unreadable": services.read(row)[1],
        "says": shown.says(row),
        "form": form,
        "loads": [(form[f"metric_{n}"], form[f"target_{n}"]) for n in (1, 2, 3)],
        "table": table,
        "decisions": shown.decorate(list(table.rows)),
        "may_change": can(actor, services.RIGHT, **place.at),
        "metrics": [(one.name, one.title) for one in catalogue.of("instance")],
        "calendars": list(Calendar.objects.order_by("slug").values_list("slug", "title")[:50]),
        "events": history([place], 8),
        "standing": place.instances.filter(removed=None).count(),
    }
