"""Second factors, passkeys and providers as a proof before dangerous verbs, and log-ins that were proven on allauth's own pages."""

from __future__ import annotations

from typing import Any

from allauth.account.internal.flows.login import get_authentication_records, record_authentication
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal import auth
from allauth.socialaccount.models import SocialAccount
from django.http import HttpRequest
from fido2.webauthn import UserVerificationRequirement

from xqplatform.accounts import sudo
from xqplatform.accounts.signin import onetime, providers
from xqplatform.accounts.signin.forms import PasskeyAgainForm
from xqplatform.accounts.signin.models import Provider

BY_PROVIDER = "socialaccount"  # allauth's name of a log-in by a provider
TOLD = "xq_provider_at"  # the session's: when the provider says that its person signed in there


def code(request: HttpRequest) -> str:
    """Whether what was typed is the code that the person's app shows now; each is good once."""
    typed = request.POST.get(sudo.FIELD, "").strip()
    if not (typed.isascii() and typed.isdecimal() and len(typed) == 6):
        return ""
    row = Authenticator.objects.filter(user=request.user, type=Authenticator.Type.TOTP).first()
    return "totp" if row is not None and onetime.claim(row, typed) else ""


def passkey(request: HttpRequest) -> str:
    """Whether it is a passkey's answer to the question that the page asked last."""
    raw = request.POST.get(sudo.PASSKEY, "")
    if not raw:
        return ""
    form = PasskeyAgainForm({"credential": raw}, user=request.user)
    if not form.is_valid():
        return ""
    form.save()
    return "webauthn"


def offers(request: HttpRequest) -> dict[str, Any]:
    """What of it this person has: a code, a passkey (with the question for it), providers."""
    kinds = set(Authenticator.objects.filter(user=request.user).values_list("type", flat=True))
    passkeys = Authenticator.Type.WEBAUTHN in kinds
    return {
        "has_code": Authenticator.Type.TOTP in kinds,
        "passkey": {"request_options": _question(request)} if passkeys else None,
        "providers": linked(request.user),
    }


def _question(request: HttpRequest) -> dict[str, Any]:
    """For a passkey's device, which has to ask for a finger, a face or a PIN: that somebody sits there is no proof."""
    required = UserVerificationRequirement.REQUIRED
    options, state = auth.get_server().authenticate_begin(auth.get_credentials(request.user), required)  # type: ignore[arg-type]
    auth.set_state(state)
    return dict(options)


def linked(user: Any) -> list[Provider]:
    """The providers by which this person may sign in now."""
    slugs = set(SocialAccount.objects.filter(user=user).values_list("provider", flat=True))
    return [row for row in providers.enabled() if row.slug in slugs] if slugs else []


def last(request: HttpRequest) -> float:
    """When this session last proved something there, in seconds since 1970; 0: never."""
    return max((_at(request, record) for record in get_authentication_records(request, request.user)), default=0.0)


def _at(request: HttpRequest, record: dict[str, Any]) -> float:
    """A provider may have let somebody in whose log-in there is days old: then it counts from when that was, as far as it tells."""
    at = float(record.get("at", 0))
    return min(at, float(request.session.get(TOLD, 0))) if record.get("method") == BY_PROVIDER else at


def proven(request: HttpRequest) -> None:
    """allauth's own pages, such as those of second factors, need not ask again."""
    record_authentication(request, request.user, method="password", reauthenticated=True)
