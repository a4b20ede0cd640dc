"""Signing in, confirming it, and signing out. allauth's flows; what fails is in the log."""

from __future__ import annotations

from typing import Any

from allauth.account.views import LoginView, ReauthenticateView
from allauth.mfa.base.views import AuthenticateView, IndexView
from allauth.mfa.base.views import ReauthenticateView as ReauthenticateCodeView
from allauth.mfa.webauthn.views import LoginWebAuthnView, ReauthenticateWebAuthnView, RemoveWebAuthnView
from django.contrib import auth
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST

from xqplatform.accounts.actor import Actor
from xqplatform.accounts.signin import again, errands, providers, services, ways


def _failed(request: HttpRequest, name: str, step: str) -> None:
    services.sign_in_failed(Actor.of_request(request), name, step)


class SignIn(LoginView):
    template_name = "accounts/login.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {"providers": providers.enabled()}

    def form_invalid(self, form: Any) -> HttpResponse:
        _failed(self.request, str(form.data.get("username", "")), "password")
        return super().form_invalid(form)  # type: ignore[no-any-return]


class SecondStep(AuthenticateView):
    template_name = "accounts/signin/second.html"

    def form_invalid(self, form: Any) -> HttpResponse:
        _failed(self.request, self.stage.login.user.get_username(), "second factor")
        return super().form_invalid(form)  # type: ignore[no-any-return]


@method_decorator(login_not_required, name="dispatch")
class PasskeyStep(LoginWebAuthnView):
    def form_invalid(self, form: Any) -> HttpResponse:
        _failed(self.request, "", "passkey")
        return super().form_invalid(form)  # type: ignore[no-any-return]


class Confirm(ReauthenticateView):
    template_name = "accounts/signin/confirm.html"

    def form_invalid(self, form: Any) -> HttpResponse:
        _failed(self.request, self.request.user.get_username(), "password again")
        return super().form_invalid(form)  # type: ignore[no-any-return]


class ConfirmCode(ReauthenticateCodeView):
    template_name = "accounts/signin/confirm.html"

    def form_invalid(self, form: Any) -> HttpResponse:
        _failed(self.request, self.request.user.get_username(), "second factor again")
        return super().form_invalid(form)  # type: ignore[no-any-return]


class ConfirmPasskey(ReauthenticateWebAuthnView):
    template_name = "accounts/signin/confirm_passkey.html"


class SigningIn(IndexView):
    """What I sign in with."""

    template_name = "accounts/signin/index.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        found: dict[str, Any] = super().get_context_data(**kwargs)
        user = self.request.user
        found["must"] = services.must_set_up(user)  # type: ignore[arg-type]
        linked = {row.slug for row in again.linked(user)}
        found["providers"] = [
            (row, row.slug in linked, "" if row.slug in linked else errands.invitation(self.request, row.slug))
            for row in providers.enabled()
        ]
        known = ways.of(user)  # type: ignore[arg-type]
        found["only"] = next(iter(known)) if len(known) == 1 else None
        return found


class RemovePasskey(RemoveWebAuthnView):
    """Not the last way in."""

    def form_valid(self, form: Any) -> HttpResponse:
        with transaction.atomic():
            ways.keep_one(self.request.user, ("passkey", str(self.object.pk)))
            return super().form_valid(form)  # type: ignore[no-any-return]


@login_not_required
@require_POST
def logout(request: HttpRequest) -> HttpResponse:
    """Also in the middle of signing in: what was begun is forgotten."""
    with transaction.atomic():
        services.signed_out(request.actor)  # type: ignore[attr-defined]
        auth.logout(request)
    return redirect("accounts:login")
