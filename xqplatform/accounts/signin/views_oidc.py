"""To a provider and back."""

from __future__ import annotations

from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from xqplatform.accounts.signin import providers
from xqplatform.accounts.signin.provider import TROUBLE, OidcAdapter
from xqplatform.accounts.signin.social import turned_away


class Callback(OAuth2CallbackView):
    adapter: OidcAdapter

    def _get_state(self, request: HttpRequest, provider: Any) -> Any:
        """The adapter needs the nonce of this sign-in."""
        state, response = super()._get_state(request, provider)
        self.adapter.state = state or {}
        return state, response


def _go(view: Any, request: HttpRequest, slug: str) -> HttpResponse:
    row = providers.find(slug)
    if row is None:
        raise Http404
    try:
        return view.adapter_view(OidcAdapter(request, slug))(request)  # type: ignore[no-any-return]
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
    return _go(OAuth2LoginView, request, provider_id)


@never_cache
@login_not_required
@require_GET
def back(request: HttpRequest, provider_id: str) -> HttpResponse:
    return _go(Callback, request, provider_id)
