"""Kinds of proof in people's words."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

FACTORS = {
    "totp": _("authenticator app"),
    "webauthn": _("passkey"),
    "recovery_codes": _("recovery codes"),
}


def factor_words(kind: str) -> str:
    return str(FACTORS.get(kind, kind))
