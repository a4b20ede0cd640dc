"""What tests of signing in share: codes of an authenticator app, and a person who has one."""

from __future__ import annotations

import time
from typing import Any

import requests
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.core.cache import cache
from django.test import Client

from tests.accounts.signin.provider_process import CLIENT
from tests.accounts.signin.provider_process import SECRET as CLIENT_SECRET

LIN = {
    "sub": "subject-1",
    "preferred_username": "lin",
    "name": "Lin Wei",
    "email": "lin@corp.example",
    "email_verified": True,
}
VALUES = {
    "slug": "corp", "name": "Corp", "client_id": CLIENT, "secret": CLIENT_SECRET, "scopes": "openid profile email groups",
    "group_claim": "groups", "enabled": True, "makes_people": True, "domains": ["corp.example"], "groups": [],
    "link_by_name": False,
}  # fmt: skip
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


def go(client: Client, address: str = "/login/oidc/corp/") -> Any:
    """To the provider and back, as a browser does."""
    there = client.get(address)
    if there.status_code != 302 or "127.0.0.1" not in there["Location"]:
        return there
    back = requests.get(there["Location"], allow_redirects=False, timeout=10)
    assert back.status_code == 302, back.text
    return client.get(back.headers["Location"].removeprefix("http://testserver"))
