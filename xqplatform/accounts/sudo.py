"""Before a dangerous verb a person shows again who they are, unless they did so a short while ago.

The list is here, in one place, by the names of addresses. A token is no session: its own scopes hold for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _

from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.sessions.store import FACTS
from xqplatform.errors import Refused

FIELD = "xq_proof"  # the form's field with the password or the code
PASSKEY = "xq_passkey"  # and the one with a passkey's answer
FIELDS = (FIELD, PASSKEY)
MOST_WRONG = 5  # after so many wrong proofs the session ends
CHANGE = ("POST",)
READ = ("GET", "POST")

# The name of an address → by which methods it asks.
DANGEROUS: dict[str, tuple[str, ...]] = {
    # people, rights, roles
    "accounts:person": CHANGE,
    "accounts:person_new": CHANGE,
    "accounts:person_password": CHANGE,
    "accounts:person_deactivate": CHANGE,
    "accounts:person_activate": CHANGE,
    "accounts:person_sessions_end": CHANGE,
    "accounts:invitations": CHANGE,
    "accounts:invitation_renew": CHANGE,
    "accounts:role": CHANGE,
    "accounts:role_new": CHANGE,
    "accounts:role_remove": CHANGE,
    "accounts:grant_give": CHANGE,
    "accounts:grant_take": CHANGE,
    "accounts:access_decide": CHANGE,
    "accounts:access_policy": CHANGE,
    "accounts:team": CHANGE,
    "accounts:team_new": CHANGE,
    "accounts:team_remove": CHANGE,
    "signin_rules": CHANGE,
    "factors_reset": CHANGE,
    "oidc_new": CHANGE,
    "oidc_provider": CHANGE,
    "oidc_group": CHANGE,
    "oidc_remove": CHANGE,
    "oidc_link": READ,
    "oidc_unlink": CHANGE,
    # ways in for programs
    "accounts:tokens": CHANGE,
    "accounts:service_accounts": CHANGE,
    "accounts:service_account": CHANGE,
    # in spite of the guardrails
    "containers:deploy": CHANGE,
    "containers:release_go_on": CHANGE,
    # what is gone afterwards
    "containers:service_remove": CHANGE,
    "containers:place_remove": CHANGE,
    "containers:persisted_remove": CHANGE,
    # what others typed and saw
    "containers:recording": READ,
    "containers:recording_cast": READ,
    # keys
    "hosts:certificates": CHANGE,
    "hosts:authority_retire": CHANGE,
    # into production
    "containers:terminal_new": CHANGE,
    "containers:command_new": CHANGE,
}
When = Callable[[HttpRequest, Mapping[str, Any]], bool]
# Of some only some uses are dangerous: name → whether this one is. The apps that know fill it in `AppConfig.ready`.
WHEN: dict[str, When] = {}
# Other proofs than the password: (request) → by what was posted with it («totp», «webauthn»), or "". Filled by whatever knows them.
PROOFS: list[Callable[[HttpRequest], str]] = []
# What the page may offer besides: (request) → values of its template.
OFFERS: list[Callable[[HttpRequest], dict[str, Any]]] = []
# When this session last proved something elsewhere, in seconds since 1970; 0: never.
MOMENTS: list[Callable[[HttpRequest], float]] = []
# Who else wants to know that this session has proven it.
PROVEN: list[Callable[[HttpRequest], None]] = []


def fresh(request: HttpRequest) -> bool:
    """Whether this session has shown a short while ago who it is. Always where the settings do not ask (0 minutes)."""
    if not settings.SUDO:
        return True
    facts = request.session.get(FACTS)
    own = float(facts.get("proof", 0)) if isinstance(facts, dict) else 0.0
    last = max([own, *(moment(request) for moment in MOMENTS)])
    return abs(time.time() - last) < settings.SUDO  # also when the clock was set back meanwhile


def dangerous(request: HttpRequest) -> bool:
    """Whether what was asked for is on the list, and this use of it is one that counts."""
    match = request.resolver_match
    if match is None or request.method not in DANGEROUS.get(match.view_name, ()):
        return False
    when = WHEN.get(match.view_name)
    return when is None or when(request, match.kwargs)


def offered(request: HttpRequest) -> bool:
    """Whether something was posted that may be a proof."""
    return any(request.POST.get(name) for name in FIELDS)


def prove(request: HttpRequest) -> bool:
    """Whether what was posted is the person's password or another proof; it is an event either way."""
    user = request.user
    by = next((by for proof in PROOFS if (by := proof(request))), "")
    typed = request.POST.get(FIELD, "")
    if not by and typed and user.is_authenticated and user.check_password(typed):
        by = "password"
    note(request, by)
    return bool(by)


def note(request: HttpRequest, by: str, *, tried: str = "", why: str = "") -> None:
    """This session has proven just now who it is, by this; empty: it failed to (`tried` to, and `why`)."""
    facts = request.session.get(FACTS) or {}
    change = {"proof": time.time(), "wrong": 0} if by else {"wrong": int(facts.get("wrong", 0)) + 1}
    request.session[FACTS] = {**facts, **change}
    for tell in PROVEN if by else []:
        tell(request)
    after = {"by": by or tried} if by or tried else None
    audit.record(Actor.of_request(request), "session.proof", request.user, denied=not by, after=after, reason=why)  # type: ignore[arg-type]


def too_many(request: HttpRequest) -> bool:
    facts = request.session.get(FACTS) or {}
    return int(facts.get("wrong", 0)) >= MOST_WRONG


def require_fresh(request: HttpRequest) -> None:
    """For the API by a browser's session (its reference page): changes need a fresh proof. Raises Refused."""
    if request.method not in {"GET", "HEAD", "OPTIONS"} and not fresh(request):
        words = _("Show again who you are: sign in anew, or open the page of any dangerous verb; or use a token.")
        raise Refused(words, code=403)
