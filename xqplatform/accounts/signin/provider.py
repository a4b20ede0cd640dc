"""allauth's OpenID Connect with a nonce, PKCE always, and ID tokens that are verified. Found by allauth by this file's name."""

from __future__ import annotations

import secrets
import time
from typing import Any

import requests
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from allauth.utils import build_absolute_uri
from django.urls import reverse

from xqplatform.accounts.signin.idtoken import Unverified, verify


class OidcAdapter(OpenIDConnectOAuth2Adapter):
    """`state` is what was kept when the browser left for the provider."""

    state: dict[str, Any]

    @property
    def openid_config(self) -> dict[str, Any]:
        """What the provider says of itself. Raises OAuth2Error for what is none, RequestException when it is away."""
        config: Any = super().openid_config
        issuer = self.get_provider().app.settings["issuer"]
        if not isinstance(config, dict) or str(config.get("issuer", "")).rstrip("/") != issuer:
            raise OAuth2Error("The provider names another issuer than the one that is set.")
        return config

    def get_callback_url(self, request: Any, app: Any) -> str:
        address = reverse("oidc_callback", kwargs={"provider_id": self.provider_id})
        return str(build_absolute_uri(request, address, self.redirect_uri_protocol))

    def complete_login(self, request: Any, app: Any, token: Any, **kwargs: Any) -> Any:
        raw = kwargs["response"].get("id_token")
        try:
            with get_adapter().get_requests_session() as session:
                answer = session.get(self.openid_config["jwks_uri"])
                answer.raise_for_status()
                keys = answer.json()
            claims = verify(
                str(raw),
                keys,
                issuer=self.openid_config["issuer"],
                client_id=app.client_id,
                nonce=str(self.state.get("nonce") or ""),
            )
        except Unverified as error:
            raise OAuth2Error(f"ID token refused: {error}") from None
        if app.settings["group_claim"] not in claims and self.openid_config.get("userinfo_endpoint"):
            more = self._fetch_user_info(token.token)
            if more.get("sub") != claims["sub"]:
                raise OAuth2Error("What the provider tells of the person is of somebody else.")
            claims = more | claims
        return self.get_provider().sociallogin_from_response(request, {"id_token": claims})


class Oidc(OpenIDConnectProvider):
    id = "oidc"
    name = "OpenID Connect"
    oauth2_adapter_class = OidcAdapter
    pkce_enabled_default = True

    def redirect(self, request: Any, process: Any, next_url: Any = None, data: Any = None, **kwargs: Any) -> Any:
        """`errand` (see `errands`): what somebody who is signed in goes there for; then the provider is told to ask them anew."""
        nonce = secrets.token_urlsafe(24)
        anew = {"prompt": "login", "max_age": "0"} if kwargs.get("errand") else {}
        kwargs["auth_params"] = {"nonce": nonce, **anew}
        kwargs["scope"] = self.get_scope()
        return super().redirect(request, "login", next_url, data, nonce=nonce, begun=time.time(), **kwargs)

    def extract_common_fields(self, data: Any) -> dict[str, Any]:
        """No mail address: only the subject is a way to sign in, so two accounts may tell the same one."""
        return super().extract_common_fields(data) | {"email": None}

    def extract_email_addresses(self, data: Any) -> list[Any]:
        return []

    def get_oauth2_adapter(self, request: Any) -> OidcAdapter:
        return OidcAdapter(request, self.app.provider_id)


# What a provider that is away or strange may end with.
TROUBLE = (requests.RequestException, OAuth2Error, ValueError, KeyError, TypeError)
provider_classes = [Oidc]
