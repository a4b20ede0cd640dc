"""Where allauth asks us: how a log-in begins and is logged, its words, and how factors' secrets are kept."""

from __future__ import annotations

import time
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.contrib import messages
from django.contrib.messages import SUCCESS
from django.db import transaction
from django.http import HttpRequest
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from xqplatform.accounts.actor import Actor
from xqplatform.accounts.sessions.store import FACTS
from xqplatform.accounts.signin import again, lockout, services
from xqplatform.accounts.signin.models import FactorSecret


def proofs(request: HttpRequest, user: Any) -> list[str]:
    """By what the person of this session has shown who they are, in order: «password», «totp», «webauthn», …"""
    records = get_authentication_records(request, user)
    return [str(record.get("type") or record.get("method")) for record in records]


class AccountAdapter(DefaultAccountAdapter):
    error_messages = DefaultAccountAdapter.error_messages | {
        "username_password_mismatch": _("Name or password is wrong. The password is case-sensitive."),
        "incorrect_password": _("The password is wrong."),
        "incorrect_code": _("The code is wrong, or was used already."),
        "too_many_login_attempts": _("Too many wrong codes. Wait some minutes and try again."),
        "rate_limited": _("Too many wrong codes. Wait some minutes and try again."),
    }

    def respond_user_inactive(self, request: HttpRequest, user: Any) -> Any:
        """Somebody who left, by a passkey or a provider."""
        services.sign_in_failed(Actor.of_request(request), user.get_username(), "deactivated")
        messages.error(request, _("This account is deactivated. An SRE can activate it again."))
        return redirect("accounts:login")

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, Any]]:
        """Somebody without a password and a second factor shows who they are where they always do."""
        found: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        rows = again.linked(user) if user.is_authenticated else []
        for row in rows:
            address = reverse("oidc_again", kwargs={"provider_id": row.slug})
            found.append({"id": f"oidc:{row.slug}", "description": row.name, "url": address})
        return found

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Whoever guessed too often waits. Raises ValidationError with the time that is left."""
        lockout.check(request, str(credentials.get("username") or ""))

    def login(self, request: HttpRequest, user: Any) -> None:
        """Rotates the session; who is signed in now is in the log with it."""
        by = proofs(request, user)
        with transaction.atomic():
            super().login(request, user)
            request.session[FACTS] = {**request.session[FACTS], "proof": again.last(request)}
            services.signed_in(Actor.of_request(request), by)

    def add_message(self, request: HttpRequest, level: int, *args: Any, **kwargs: Any) -> None:
        """Whoever is in sees that they are; other words stay."""
        template = args[0] if args else kwargs.get("message_template")
        if level == SUCCESS and template in {"account/messages/logged_in.txt", "account/messages/logged_out.txt"}:
            return
        super().add_message(request, level, *args, **kwargs)

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Not of somebody who has shown who they are within the last minutes, by signing in or by confirming it."""
        fresh = time.time() - again.last(context.request) < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT
        return not fresh and super().is_reauthentication_required(app=app, **kwargs)


class FactorAdapter(DefaultMFAAdapter):
    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": _("The code or passkey was not accepted: wrong, used already, or too late."),
    }

    def encrypt(self, text: str) -> str:
        return str(FactorSecret.objects.create(secret=text).key)

    def decrypt(self, encrypted_text: str) -> str:
        return FactorSecret.objects.get(key=encrypted_text).secret

    def get_totp_label(self, user: Any) -> str:
        return str(user.get_username())

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return super().get_public_key_credential_rp_entity() | {"name": "xqplatform"}

    def generate_authenticator_name(self, user: Any, type: Any) -> str:
        count = services.passkeys_of(user)
        return str(_("Passkey %(n)d") % {"n": count + 1})
