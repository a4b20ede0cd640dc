"""What somebody who is signed in goes to a provider for, besides signing in: to show again who they are, or to link an account.

The state that waits for their return names the errand and its person; the provider is told to ask anew, and its token has to say so.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.models import SocialAccount
from django.contrib import messages
from django.core import signing
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from xqplatform import audit
from xqplatform.accounts import sudo
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import User
from xqplatform.accounts.sessions.verbs import key_of
from xqplatform.accounts.signin import providers
from xqplatform.accounts.signin.idtoken import Unverified, require_anew
from xqplatform.accounts.signin.models import Provider
from xqplatform.accounts.signin.provider import OidcAdapter
from xqplatform.errors import Refused

Errand = Callable[[HttpRequest, Provider, Any], None]
AGAIN, LINK = "again", "link"
SALT, MINUTES = "xqplatform.accounts.signin.link", 60


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


def _link(request: HttpRequest, row: Provider, sociallogin: Any) -> None:
    """The account there lets this person in from now on, unless it is somebody else's, or they have one there."""
    user, actor = request.user, Actor.of_request(request)
    facts = {"provider": row.slug, "subject": sociallogin.account.uid}
    try:
        with transaction.atomic():
            User.objects.select_for_update().get(pk=int(user.pk))  # type: ignore[arg-type]
            if not providers.admitted(row, sociallogin.account.extra_data["id_token"]):
                raise Refused(
                    _("Accounts like that one are not let in here: its mail domain or its groups are others.")
                )
            if sociallogin.is_existing:
                raise Refused(_("That account is linked already, with you or with somebody else."))
            if SocialAccount.objects.filter(user=user, provider=row.slug).exists():
                raise Refused(_("You have an account linked there: unlink it first."))
            sociallogin.connect(request, user)
            audit.record(actor, "oidc.link", user, after=facts)  # type: ignore[arg-type]
    except (Refused, IntegrityError) as error:
        why = error.message if isinstance(error, Refused) else _("That account is linked already.")
        audit.record(actor, "oidc.link", user, denied=True, after=facts, reason=why)  # type: ignore[arg-type]
        messages.error(request, why)
        return
    messages.success(request, _("You can sign in with %(provider)s from now on.") % {"provider": row.name})


def invitation(request: HttpRequest, slug: str) -> str:
    """What the page's own way to link carries: no other site can send somebody there."""
    return str(signing.dumps([key_of(request), slug], salt=SALT))


def invited(request: HttpRequest, slug: str, text: str) -> bool:
    try:
        return bool(signing.loads(text, salt=SALT, max_age=MINUTES * 60) == [key_of(request), slug])
    except signing.BadSignature:
        return False


ERRANDS: dict[str, Errand] = {AGAIN: _again, LINK: _link}
