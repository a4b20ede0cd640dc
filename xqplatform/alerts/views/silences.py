"""Silences: those that hold, those that ended, and a form."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from xqplatform.accounts.http import ActorRequest, put_refusal
from xqplatform.accounts.rights import somewhere
from xqplatform.accounts.visibility import get_visible, sees_team, visible
from xqplatform.alerts import subjects
from xqplatform.alerts.forms import SilenceForm
from xqplatform.alerts.models import Silence
from xqplatform.alerts.services import silences as verbs
from xqplatform.errors import Refused

PREFILLED = ("rule", "service", "environment", "group", "host", "subject")


def _may_any(request: ActorRequest) -> bool:
    """Whether a button makes sense: for who may silence something."""
    return somewhere(request.actor, verbs.RIGHT)


@require_GET
def silences(request: ActorRequest) -> HttpResponse:
    now = timezone.now()
    teams = {one.slug: one.team for one in subjects.services()}
    holding = list(visible(request.actor, Silence).filter(until__gt=now).select_related("rule").order_by("until"))
    context = {
        "holding": [
            (row, verbs.may_silence(request.actor, row.service, row.environment, teams.get(row.service)))
            for row in holding
        ],
        "ended": visible(request.actor, Silence).filter(until__lte=now).select_related("rule").order_by("-until")[:20],
        "may": _may_any(request),
    }
    return render(request, "alerts/silences.html", context)


@require_http_methods(["GET", "POST"])
def new(request: ActorRequest) -> HttpResponse:
    """Prefilled by the alert that somebody came from; the verb asks for the right."""
    initial = {name: request.GET[name] for name in PREFILLED if request.GET.get(name)}
    form = SilenceForm(request.actor, request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            row = verbs.create_silence(request.actor, **form.values())
            until = timezone.localtime(row.until)
            text = _("Nobody is told of %(what)s until %(until)s.")
            messages.success(request, text % {"what": row, "until": f"{until:%Y-%m-%d %H:%M}"})
            return redirect("alerts:silences")
        except Refused as refusal:
            put_refusal(form, refusal)
    subject = str(form["subject"].value() or "").replace("\x00", "")
    about = subjects.find(subject) if subject else None
    about = about if about is not None and sees_team(request.actor, about.team) else None
    context = {"form": form, "about": about, "may": _may_any(request)}
    return render(request, "alerts/silence_form.html", context, status=400 if form.errors else 200)


@require_POST
def end(request: ActorRequest, pk: int) -> HttpResponse:
    row = get_visible(request.actor, Silence, pk=pk)
    try:
        verbs.end_silence(request.actor, row)
        messages.success(request, _("The silence has ended. What fires is told of within some seconds."))
    except Refused as refusal:
        messages.error(request, refusal.message)
    return redirect("alerts:silences")
