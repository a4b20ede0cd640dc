"""Second factors as a proof before dangerous verbs, and log-ins that were proven on allauth's own pages."""

from __future__ import annotations

from allauth.account.internal.flows.login import get_authentication_records, record_authentication
from allauth.mfa.models import Authenticator
from django.http import HttpRequest


def code(request: HttpRequest, typed: str) -> bool:
    """Whether this is the code that the person's app shows now; each is good once."""
    typed = typed.strip()
    if not (typed.isascii() and typed.isdecimal() and len(typed) == 6):
        return False
    row = Authenticator.objects.filter(user=request.user, type=Authenticator.Type.TOTP).first()
    return row is not None and bool(row.wrap().validate_code(typed))


def last(request: HttpRequest) -> float:
    """When this session last proved something there, in seconds since 1970; 0: never."""
    records = get_authentication_records(request, request.user)
    return max((float(record.get("at", 0)) for record in records), default=0.0)


def proven(request: HttpRequest) -> None:
    """allauth's own pages, such as those of second factors, need not ask again."""
    record_authentication(request, request.user, method="password", reauthenticated=True)
