"""Signing in and out; both are in the audit log, failed attempts too."""

from __future__ import annotations

from typing import Any

from django.contrib import auth
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from xqplatform.accounts import services
from xqplatform.accounts.actor import Actor


class LoginForm(AuthenticationForm):
    """Django's, with words of our own and a pause for whoever guesses passwords."""

    error_messages = {
        "invalid_login": _("Name or password is wrong. Both are case-sensitive."),
        "inactive": _("This account is deactivated. An SRE can activate it again."),
    }

    def clean(self) -> dict[str, Any]:
        username = str(self.cleaned_data.get("username") or "")
        ip = self.request.META.get("REMOTE_ADDR", "") if self.request is not None else ""
        services.check_attempts(username, ip)
        return super().clean()


class Login(LoginView):
    template_name = "accounts/login.html"
    authentication_form = LoginForm
    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_valid(form)
        services.signed_in(Actor.of_request(self.request))
        return response

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        services.sign_in_failed(Actor.of_request(self.request), str(form.data.get("username", "")))
        return super().form_invalid(form)


@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    services.signed_out(request.actor)  # type: ignore[attr-defined]
    auth.logout(request)
    return redirect("accounts:login")
