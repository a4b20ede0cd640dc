"""Who needs a second factor, and where one may go without it. Pure."""

from __future__ import annotations

from collections.abc import Collection

# Pages by which somebody gets a second factor, or gives up: everything else waits.
WAY = frozenset(
    {
        "mfa_index",
        "mfa_activate_totp",
        "mfa_add_webauthn",
        "mfa_view_recovery_codes",
        "account_reauthenticate",
        "mfa_reauthenticate",
        "mfa_reauthenticate_webauthn",
        "oidc_again",
        "oidc_callback",
        "accounts:sudo_done",
        "accounts:login",
        "accounts:logout",
        "accounts:theme",
        "web:set_language",
        "web:healthz",
    }
)
# What counts as a second factor; recovery codes alone do not.
FACTORS = frozenset({"totp", "webauthn"})


def lacks_factor(role: str, required: Collection[str], factors: Collection[str]) -> bool:
    """Whether somebody of this role may do nothing before a second factor is set up."""
    return role in required and not FACTORS.intersection(factors)


def may_pass(view_name: str) -> bool:
    """Whether the page is on the way to a second factor."""
    return view_name in WAY
