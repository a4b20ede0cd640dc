"""Pages of gates' rules: of the platform, an environment, a service in an environment."""

from __future__ import annotations

import time
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from containers.gates import services, sets, shape, shown
from containers.gates.forms import RuleForm, SetForm
from containers.gates.sets import Scope
from containers.models import Environment
from containers.reading import history
from containers.views.access import actor_of, get_place
from containers.views.run import frame
from xqplatform.errors import Refused

METHODS = ["GET", "POST"]


@require_http_methods(METHODS)
def platform(request: HttpRequest) -> HttpResponse:
    return _page(request, Scope(), reverse("containers:gates"), {"scopes": shown.scopes()})


@require_http_methods(METHODS)
def environment(request: HttpRequest, slug: str) -> HttpResponse:
    row = get_object_or_404(Environment, slug=slug)
    context = {"environment": row, "events": history([row], 20)}
    return _page(request, Scope(environment=row), reverse("containers:gates_of", args=[slug]), context)


@require_http_methods(METHODS)
def of_place(request: HttpRequest, slug: str, environment: str) -> HttpResponse:
    place = get_place(actor_of(request), slug, environment)
    url = reverse("containers:place_gates", args=[slug, environment])
    return _page(request, Scope(place=place), url, frame(request, place, "gates"), "containers/place_gates.html")


def _page(
    request: HttpRequest, scope: Scope, url: str, context: dict[str, Any], template: str = "containers/gates.html"
) -> HttpResponse:
    """Shows and changes the rules of one scope: POST says with `do` what: save, add (or change), remove."""
    found = sets.at(scope)
    names: dict[str, Any] = {"modes": shown.modes(scope), "binds": scope.environment is not None}
    set_form = SetForm(initial=services.shown(found), **names)
    asked = request.GET.get("change", "")
    chosen = next((one for one in found.rules if asked and shape.mark_of(one) == asked), None)
    initial = {**shape.to_json([chosen])[0], "instead": asked} if chosen is not None else {}
    rule_form = RuleForm(initial=initial)
    if request.method == "POST":
        services.require_change(actor_of(request), scope)
        do = request.POST.get("do", "save")
        if do == "save":
            set_form = SetForm(request.POST, **names)
        elif do == "add":
            rule_form = RuleForm(request.POST)
        if _done(request, scope, do, set_form, rule_form):
            return redirect(url)
    counting = sets.counting(scope)
    context |= {
        "scope": scope,
        "is_platform": scope.above is None,
        "set_form": set_form,
        "rule_form": rule_form,
        "changing": bool(rule_form["instead"].value()),
        "found": found,
        "own": found.mode == "own" or (scope.above is None),
        "lines": shown.lines_of(found.rules if scope.above is None or found.mode == "own" else counting.rules),
        "counting": counting,
        "counting_words": shown.counting_words(counting),
        "metrics": shown.suggestions(scope.place, time.time()),
        "may_change": services.may_change(actor_of(request), scope) and not counting.bound,
        "url": url,
    }
    wrong = set_form.errors or rule_form.errors
    return render(request, template, context, status=400 if wrong else 200)


def _done(request: HttpRequest, scope: Scope, do: str, set_form: SetForm, rule_form: RuleForm) -> bool:
    """Carries out what was asked; a refusal stands beside the field of its form, or on top of the page."""
    actor = actor_of(request)
    form: SetForm | RuleForm | None = set_form if do == "save" else rule_form if do == "add" else None
    if form is not None and not form.is_valid():
        return False
    try:
        if do == "save":
            services.save(actor, scope, set_form.cleaned_data)
        elif do == "add":
            services.add_rule(actor, scope, rule_form.data_of_verb(), rule_form.cleaned_data["instead"])
        else:
            services.remove_rule(actor, scope, request.POST.get("mark", "")[:16])
    except Refused as refused:
        if form is None:
            messages.error(request, refused.message)
            return True
        form.add_refusal(refused)
        return False
    messages.success(request, _("The gates are saved. They judge from the next batch on."))
    return True
