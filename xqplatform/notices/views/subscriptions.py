"""Which channels and teams hear of what."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from xqplatform.accounts.http import ActorRequest, put_refusal
from xqplatform.accounts.visibility import get_visible, visible
from xqplatform.errors import Refused
from xqplatform.notices.forms import SubscriptionForm
from xqplatform.notices.kinds import Kind
from xqplatform.notices.models import Subscription
from xqplatform.notices.services import subscriptions as verbs


@require_http_methods(["GET", "POST"])
def index(request: ActorRequest) -> HttpResponse:
    form = SubscriptionForm(request.actor, request.POST or None)
    if request.method == "POST":
        if form.is_valid():
            try:
                verbs.subscribe(request.actor, **form.values())
                messages.success(request, _("Saved."))
                return redirect("notices:subscriptions")
            except Refused as refusal:
                put_refusal(form, refusal)
        else:
            verbs.require_right(request.actor, form.data.get("service", ""), form.data.get("environment", ""))
    labels = dict(Kind.choices)
    rows = [
        (row, [labels.get(kind, kind) for kind in row.kinds], may_end)
        for row, may_end in verbs.ending(
            request.actor, visible(request.actor, Subscription).select_related("channel", "team")
        )
    ]
    context = {"rows": rows, "form": form, "may": bool(verbs.offered(request.actor))}
    return render(request, "notices/subscriptions.html", context, status=400 if form.errors else 200)


@require_POST
def end(request: ActorRequest, pk: int) -> HttpResponse:
    verbs.unsubscribe(request.actor, get_visible(request.actor, Subscription, pk=pk))
    messages.success(request, _("The subscription is ended."))
    return redirect("notices:subscriptions")
