"""What tests of signing in share: codes of an authenticator app, and a person who has one."""

from __future__ import annotations

import time
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.core.cache import cache
from django.test import Client

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def code(secret: str = SECRET, late: int = 0) -> str:
    """What the app shows now, or `late` half minutes ago."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 - late))


def give_app(user: Any) -> list[str]:
    """The person has an app and recovery codes, which are returned. Codes of earlier tests are forgotten."""
    cache.clear()
    TOTP.activate(user, SECRET)
    return RecoveryCodes.activate(user).generate_codes()


def sign_in(client: Client, name: str, password: str = "correct horse", **more: str) -> Any:
    return client.post("/login/", {"username": name, "password": password, **more})


def signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def kinds(user: Any) -> list[str]:
    return sorted(Authenticator.objects.filter(user=user).values_list("type", flat=True))
