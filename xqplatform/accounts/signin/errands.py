"""What somebody who is signed in goes to a provider for, besides signing in: to show again who they are.

The state that waits for their return names the errand and its person; the provider is told to ask anew, and its token has to say so.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from xqplatform.accounts import sudo
from xqplatform.accounts.signin.idtoken import Unverified, require_anew
from xqplatform.accounts.signin.models import Provider
from xqplatform.accounts.signin.provider import OidcAdapter

Errand = Callable[[HttpRequest, Provider, Any], None]
AGAIN = "again"


def leave(request: HttpRequest, slug: str, errand: str, back: str) -> HttpResponse:
    """To the provider; `back`: the path where it ends. Raises what `provider.TROUBLE` names."""
    provider = OidcAdapter(request, slug).get_provider()
    return provider.redirect(request, "login", back, errand=errand, person=request.user.pk)  # type: ignore[no-any-return]


def arrive(request: HttpRequest, row: Provider, sociallogin: Any) -> None:
    """Ends an errand, if it is one that they come back from. Raises ImmediateHttpResponse then."""
    state = sociallogin.state
    if not state.get("errand"):
        return
    back = redirect(str(state.get("next") or "/"))
    if not request.user.is_authenticated or request.user.pk != state.get("person"):
        messages.error(request, _("Somebody else signed in meanwhile, or you were signed out. Begin again."))
        raise ImmediateHttpResponse(back)
    try:
        require_anew(sociallogin.account.extra_data["id_token"], float(state["begun"]), time.time())
    except Unverified as error:
        sudo.note(request, "", tried=row.slug, why=str(error))
        words = _("%(provider)s did not ask you anew who you are, so it proves nothing. Sign out there and try again.")
        messages.error(request, words % {"provider": row.name})
        raise ImmediateHttpResponse(back) from None
    ERRANDS[state["errand"]](request, row, sociallogin)
    raise ImmediateHttpResponse(back)


def _again(request: HttpRequest, row: Provider, sociallogin: Any) -> None:
    """The proof, if it is the same person."""
    if sociallogin.is_existing and sociallogin.user.pk == request.user.pk:
        sudo.note(request, row.slug)
        return
    sudo.note(request, "", tried=row.slug, why="another subject")
    words = _("At %(provider)s somebody else is signed in: that account is not linked with yours.")
    messages.error(request, words % {"provider": row.name})


ERRANDS: dict[str, Errand] = {AGAIN: _again}
