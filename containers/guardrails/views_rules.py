"""Settings → guardrails: what each environment asks of a release, and when it is frozen."""

from __future__ import annotations

import time
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from containers.guardrails import month, services, windows
from containers.guardrails.forms import FreezeForm, RulesForm
from containers.guardrails.rules import rules_of
from containers.models import Environment, Freeze
from containers.reading import history
from containers.views.access import actor_of
from xqplatform.accounts.forms import zones
from xqplatform.accounts.rights import can, require
from xqplatform.errors import Refused


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    rows = []
    for environment in Environment.objects.all():
        rules = rules_of(environment)
        freezes = list(environment.freezes.filter(on=True).select_related("calendar"))
        rows.append(
            {
                "environment": environment,
                "rules": rules,
                "proof": proof_words(rules),
                "freezes": [windows.why_of(one) for one in freezes],
                "now": windows.now(environment, time.time()),
            }
        )
    return render(request, "containers/guardrails.html", {"rows": rows})


def proof_words(rules: Any) -> str:
    from containers.guardrails.evidence import titles, wants

    if rules.proof is None:
        return ""
    return wants(rules.proof, titles(rules.proof.environments)).partition(":")[0]


def _show(
    request: HttpRequest,
    environment: Environment,
    form: RulesForm | None = None,
    freeze: FreezeForm | None = None,
) -> HttpResponse:
    rules = services.shown(environment)
    forms = {kind: FreezeForm(kind=kind) for kind in Freeze.Kind.values}
    if freeze is not None:
        forms[freeze.kind] = freeze
    wrong = (form is not None and form.errors) or (freeze is not None and freeze.errors)
    freezes = list(environment.freezes.select_related("calendar"))
    context = {
        "environment": environment,
        "form": form or RulesForm(initial=rules, environment=environment),
        "is_default": not rules_of(environment).row,
        "freeze_forms": [(kind, label, forms[kind]) for kind, label in Freeze.Kind.choices],
        "freezes": [(one, windows.why_of(one), freeze_words(one), _blind(one)) for one in freezes],
        "now": windows.now(environment, time.time()),
        "month": month.of_environment(environment, request.GET.get("month", "")),
        "events": history([environment], 20),
        "may_manage": can(actor_of(request), services.RIGHT),
        "zones": zones(),
    }
    return render(request, "containers/guardrails_of.html", context, status=400 if wrong else 200)


def _blind(row: Freeze) -> str:
    return windows.blindness(row.calendar) if row.calendar is not None else ""


def freeze_words(row: Freeze) -> str:
    """A window's times in words."""
    if row.kind == Freeze.Kind.MARKET:
        values = {"before": row.before, "after": row.after}
        words = _("from %(before)s min before it opens to %(after)s min after it closes") % values
        return words + " " + (_("(over its break, too)") if row.lunch else _("(not in its break)"))
    if row.kind == Freeze.Kind.WEEKLY and row.start is not None and row.end is not None:
        names = [_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun")]
        days = ", ".join(names[day] for day in row.days if 0 <= day <= 6)
        values_ = {"days": days, "start": f"{row.start:%H:%M}", "end": f"{row.end:%H:%M}", "zone": row.zone}
        return _("%(days)s, %(start)s to %(end)s (%(zone)s)") % values_
    if row.starts is None or row.ends is None:
        return ""
    start, end = (windows.moment_words(at.timestamp()) for at in (row.starts, row.ends))
    return _("%(start)s to %(end)s") % {"start": start, "end": end}


@require_http_methods(["GET", "POST"])
def show(request: HttpRequest, slug: str) -> HttpResponse:
    environment = get_object_or_404(Environment, slug=slug)
    if request.method == "GET":
        return _show(request, environment)
    actor = actor_of(request)
    require(actor, services.RIGHT, obj=environment)
    form = RulesForm(request.POST, environment=environment)
    if form.is_valid():
        try:
            services.save_rules(actor, environment, form.cleaned_data)
        except Refused as refused:
            form.add_refusal(refused)
        else:
            messages.success(request, _("The guardrails of %(name)s are saved.") % {"name": environment.local_title})
            return redirect("containers:guardrails_of", slug)
    return _show(request, environment, form)


@require_POST
def freeze_add(request: HttpRequest, slug: str, kind: str) -> HttpResponse:
    environment = get_object_or_404(Environment, slug=slug)
    actor = actor_of(request)
    require(actor, services.RIGHT, obj=environment)
    form = FreezeForm(request.POST, kind=kind)
    if form.is_valid():
        try:
            services.add_freeze(actor, environment, form.data_of_verb())
        except Refused as refused:
            form.add_refusal(refused)
        else:
            messages.success(request, _("The freeze window is set."))
            return redirect("containers:guardrails_of", slug)
    return _show(request, environment, freeze=form)


@require_POST
def freeze_end(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    row = get_object_or_404(Freeze.objects.select_related("environment"), environment__slug=slug, pk=number)
    services.remove_freeze(actor_of(request), row)
    messages.success(request, _("The freeze window is gone."))
    return redirect("containers:guardrails_of", slug)
