"""My account: how the platform looks to me, and my password."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from xqplatform.accounts import services
from xqplatform.accounts.forms import AccountForm, PasswordForm, zones
from xqplatform.accounts.http import ActorRequest, put_refusal
from xqplatform.accounts.sessions import verbs as sessions
from xqplatform.errors import Refused


def _page(
    request: ActorRequest, form: AccountForm | None = None, password: PasswordForm | None = None, status: int = 200
) -> HttpResponse:
    user = request.user
    initial = {key: getattr(user, key) for key in ("display_name", "language", "time_zone", "theme")}
    context: dict[str, Any] = {
        "form": form or AccountForm(initial=initial),
        "password_form": password or PasswordForm(),
    }
    context["zones"] = zones()
    context["memberships"] = user.memberships.select_related("team").order_by("team__slug")
    return render(request, "accounts/account.html", context, status=status)


@require_http_methods(["GET", "POST"])
def account(request: ActorRequest) -> HttpResponse:
    if request.method == "GET":
        return _page(request)
    form = AccountForm(request.POST)
    if form.is_valid():
        try:
            services.change_account(request.actor, **form.cleaned_data)
            messages.success(request, _("Saved."))
            return redirect("accounts:account")
        except Refused as refusal:
            put_refusal(form, refusal)
    return _page(request, form, status=400)


@require_POST
def password(request: ActorRequest) -> HttpResponse:
    form = PasswordForm(request.POST)
    if form.is_valid():
        try:
            data = form.cleaned_data
            services.set_password(
                request.actor, request.user, data["new"], old=data["old"], keep=sessions.key_of(request)
            )
            update_session_auth_hash(request, request.user)
            messages.success(request, _("The new password holds from now on. Other sessions are signed out."))
            return redirect("accounts:account")
        except Refused as refusal:
            if refusal.field == "password":
                refusal.field = "new"
            put_refusal(form, refusal)
    return _page(request, password=form, status=400)


@require_POST
def theme(request: ActorRequest) -> HttpResponse:
    """The switch in the top bar."""
    services.set_theme(request.actor, request.POST.get("theme", ""))
    return HttpResponse(status=204)
