"""Rules: the list, one with its history, the form with its look back."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from xqplatform.accounts.http import ActorRequest, put_refusal
from xqplatform.accounts.rights import can, require
from xqplatform.accounts.visibility import visible
from xqplatform.alerts import describe, lookback
from xqplatform.alerts.forms import RuleForm
from xqplatform.alerts.models import Alert, Rule, Severity
from xqplatform.alerts.services import rules as verbs
from xqplatform.errors import Refused
from xqplatform.web.tables import Filter, Table

SHOWN = 12  # subjects of a look back
STRIP = 1000.0  # width of its drawing


@require_GET
def rules(request: ActorRequest) -> HttpResponse:
    firing = Count("alerts", filter=Q(alerts__state=Alert.State.FIRING))
    table = Table(
        request,
        Rule.objects.annotate(firing=firing).prefetch_related("channels"),
        search=["name", "metric", "source", "text", "service"],
        sorts={"name": "name", "severity": "severity", "firing": "firing"},
        default="name",
        filters={
            "severity": Filter(_("Severity"), Severity.choices, "severity"),
            "kind": Filter(_("Of"), [(k, k) for k in ("instance", "host", "place", "platform")], "kind"),
            "on": Filter(_("State"), [("1", pgettext("switched", "on")), ("0", _("off"))], "enabled"),
        },
    )
    return render(request, "alerts/rules.html", {"table": table, "may": can(request.actor, verbs.RIGHT)})


@require_GET
def rule(request: ActorRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Rule.objects.prefetch_related("channels"), pk=pk)
    context = {
        "rule": row,
        "alerts": visible(request.actor, row.alerts.all()).exclude(state=Alert.State.PENDING).order_by("-fired")[:20],
        "pending": visible(request.actor, row.alerts.all()).filter(state=Alert.State.PENDING).count(),
        "may": can(request.actor, verbs.RIGHT),
    }
    return render(request, "alerts/rule.html", context)


@require_http_methods(["GET", "POST"])
def new(request: ActorRequest) -> HttpResponse:
    require(request.actor, verbs.RIGHT)
    return _form(request, None)


@require_http_methods(["GET", "POST"])
def edit(request: ActorRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Rule, pk=pk)
    require(request.actor, verbs.RIGHT, obj=row)
    return _form(request, row)


def _form(request: ActorRequest, row: Rule | None) -> HttpResponse:
    """Saves, or with the button «look» only shows when it would have fired."""
    initial = RuleForm.initial_of(row) if row else {"hold": "5 min", "clear_hold": "1 min", "condition": "above"}
    form = RuleForm(request.POST or None, initial=initial)
    context: dict[str, Any] = {"form": form, "rule": row}
    if request.method == "POST" and form.is_valid():
        try:
            if "look" in request.POST:
                context |= _looked(form)
            else:
                saved = verbs.save_rule(request.actor, row, form.values(), list(form.cleaned_data["channels"]))
                messages.success(request, _("Saved. It holds from the next evaluation on, within some seconds."))
                return redirect("alerts:rule", saved.pk)
        except Refused as refusal:
            put_refusal(form, refusal)
    return render(request, "alerts/rule_form.html", context, status=400 if form.errors else 200)


def _looked(form: RuleForm) -> dict[str, Any]:
    rule = verbs.built(Rule(), form.values())
    found = lookback.look_back(rule)
    return {"looked": found, "strips": strips(found), "condition": describe.condition(rule), "scale": STRIP}


def strips(found: lookback.LookBack) -> list[dict[str, Any]]:
    """What the drawing needs: a bar for each time in which it would have fired."""
    length = found.end - found.start
    rows = []
    for row in found.rows[:SHOWN]:
        bars = [
            {
                "x": f"{STRIP * (span.start - found.start) / length:.2f}",
                "w": f"{max(2.0, STRIP * ((span.end or found.end) - span.start) / length):.2f}",
            }
            for span in row.spans
        ]
        rows.append({"row": row, "bars": bars, "count": len(row.spans), "seconds": row.seconds(found.end)})
    return rows


@require_POST
def look(request: ActorRequest) -> HttpResponse:
    """The look back alone, while the form is being filled in."""
    require(request.actor, verbs.RIGHT)
    form = RuleForm(request.POST)
    context: dict[str, Any] = {"form": form}
    # What has nothing to do with the question may still be missing.
    form.fields["name"].required = False
    if form.is_valid():
        try:
            form.cleaned_data["name"] = form.cleaned_data["name"] or "?"
            context |= _looked(form)
        except Refused as refusal:
            context["refusal"] = refusal.message
    else:
        context["refusal"] = " ".join(str(e) for errors in form.errors.values() for e in errors)
    return render(request, "alerts/_look.html", context)


@require_POST
def switch(request: ActorRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Rule, pk=pk)
    on = request.POST.get("on") == "1"
    verbs.switch_rule(request.actor, row, on)
    text = _("«%(name)s» is on.") if on else _("«%(name)s» is off; what it found ends.")
    messages.success(request, text % {"name": row.name})
    return redirect("alerts:rules") if request.POST.get("back") == "list" else redirect("alerts:rule", pk)


@require_POST
def remove(request: ActorRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Rule, pk=pk)
    try:
        verbs.remove_rule(request.actor, row)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("alerts:rule", pk)
    messages.success(request, _("The rule is removed; the history of its alerts stays."))
    return redirect("alerts:rules")
