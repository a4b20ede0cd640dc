"""What I want to hear of, and my own channel."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from xqplatform.accounts.http import ActorRequest, put_refusal
from xqplatform.errors import Refused
from xqplatform.notices.forms import OwnForm, WishesForm
from xqplatform.notices.services import own
from xqplatform.notices.services import preferences as verbs


def _page(request: ActorRequest, form: WishesForm | None = None, own_form: OwnForm | None = None) -> HttpResponse:
    channel = own.of(request.actor)
    context: dict[str, Any] = {
        "form": form or WishesForm(None, verbs.of(request.user)),
        "own_form": own_form or OwnForm(mail=request.user.email),
        "channel": channel,
        "deliveries": channel.deliveries.select_related("notification")[:10] if channel else [],
    }
    return render(request, "notices/preferences.html", context, status=400 if form or own_form else 200)


@require_http_methods(["GET", "POST"])
def preferences(request: ActorRequest) -> HttpResponse:
    if request.method == "GET":
        return _page(request)
    form = WishesForm(request.POST, verbs.of(request.user))
    if not form.is_valid():
        return _page(request, form)
    verbs.save(request.actor, form.of("inbox"), form.of("own"))
    messages.success(request, _("Saved."))
    return redirect("notices:preferences")


@require_POST
def own_set(request: ActorRequest) -> HttpResponse:
    form = OwnForm(request.POST)
    if form.is_valid():
        try:
            own.set_own(request.actor, form.cleaned_data["kind"], form.cleaned_data["address"])
            messages.success(request, _("Saved. Test it, so that the first message is no surprise."))
            return redirect("notices:preferences")
        except Refused as refusal:
            put_refusal(form, refusal)
    return _page(request, own_form=form)


@require_POST
def own_act(request: ActorRequest, verb: str) -> HttpResponse:
    try:
        if verb == "test":
            own.test_own(request.actor)
            messages.success(request, _("A message is on its way; below stands what comes of it."))
        else:
            own.remove_own(request.actor)
            messages.success(request, _("Your channel is removed."))
    except Refused as refusal:
        messages.error(request, refusal.message)
    return redirect("notices:preferences")
