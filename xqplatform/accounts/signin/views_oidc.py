"""To a provider and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from xqplatform.accounts.http import ActorRequest
from xqplatform.accounts.signin import errands, providers, ways
from xqplatform.accounts.signin.provider import TROUBLE, OidcAdapter
from xqplatform.accounts.signin.social import turned_away
from xqplatform.accounts.views.sudo import own_path


class Callback(OAuth2CallbackView):
    adapter: OidcAdapter

    def _get_state(self, request: HttpRequest, provider: Any) -> Any:
        """The adapter needs the nonce of this sign-in."""
        state, response = super()._get_state(request, provider)
        self.adapter.state = state or {}
        return state, response


def _go(request: HttpRequest, slug: str, way: Callable[[], HttpResponse]) -> HttpResponse:
    row = providers.find(slug)
    if row is None:
        raise Http404
    try:
        return way()
    except ImmediateHttpResponse as answer:
        return answer.response
    except TROUBLE as error:
        words = _("%(provider)s does not answer as it should. Sign in by name and password, or try again later.")
        why = f"{type(error).__name__}: {error}"[:300]
        return turned_away(request, "", words % {"provider": row.name}, why).response


@never_cache
@login_not_required
@require_GET
def begin(request: HttpRequest, provider_id: str) -> HttpResponse:
    return _go(request, provider_id, lambda: OAuth2LoginView.adapter_view(OidcAdapter(request, provider_id))(request))


@never_cache
@login_not_required
@require_GET
def back(request: HttpRequest, provider_id: str) -> HttpResponse:
    return _go(request, provider_id, lambda: Callback.adapter_view(OidcAdapter(request, provider_id))(request))


@never_cache
@require_GET
def again(request: HttpRequest, provider_id: str) -> HttpResponse:
    """To the provider, to show again who one is; then on to `next`, or to a page that says so."""
    back = own_path(request.GET.get("next", "")) or reverse("accounts:sudo_done")
    return _go(request, provider_id, lambda: errands.leave(request, provider_id, errands.AGAIN, back))


@never_cache
@require_GET
def link(request: ActorRequest, slug: str) -> HttpResponse:
    """To the provider, to link an account there with one's own here."""
    if providers.find(slug) is None:
        raise Http404
    if not errands.invited(request, slug, request.GET.get("by", "")):
        messages.error(request, _("That took too long, or came from elsewhere. Begin again."))
        return redirect("mfa_index")
    return _go(request, slug, lambda: errands.leave(request, slug, errands.LINK, reverse("mfa_index")))


@require_POST
def unlink(request: ActorRequest, slug: str) -> HttpResponse:
    ways.unlink(request.actor, request.user, slug)
    messages.success(request, _("It lets you in no more."))
    return redirect("mfa_index")
