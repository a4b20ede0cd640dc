"""Who may come in by a provider: by a verified subject that is linked, or as somebody new, as the provider's settings say."""

from __future__ import annotations

from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp
from django.contrib import messages
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import User
from xqplatform.accounts.signin import again, errands, groups, mapping, providers, services
from xqplatform.accounts.signin.idtoken import signed_in_at
from xqplatform.accounts.signin.models import Provider


def app_of(row: Provider) -> SocialApp:
    """As allauth wants it; never saved, its secret stays encrypted where it is."""
    return SocialApp(
        provider="oidc",
        provider_id=row.slug,
        name=row.name,
        client_id=row.client_id,
        secret=row.secret,
        settings={
            "server_url": row.issuer,
            "issuer": row.issuer,
            "scope": row.scopes.split(),
            "group_claim": row.group_claim,
            "oauth_pkce_enabled": True,
        },
    )


def turned_away(request: HttpRequest, name: str, words: str, why: str) -> ImmediateHttpResponse:
    """Back to the log-in page with the words (or, who is signed in, to what they sign in with); the log has the reason."""
    services.sign_in_failed(Actor.of_request(request), name, "provider", why)
    messages.error(request, words)
    return ImmediateHttpResponse(redirect("mfa_index" if request.user.is_authenticated else "accounts:login"))


class SocialAdapter(DefaultSocialAccountAdapter):
    def list_apps(self, request: Any, provider: Any = None, client_id: Any = None) -> list[SocialApp]:
        rows = [row for row in providers.enabled() if provider in {None, "oidc", row.slug}]
        return [app_of(row) for row in rows if client_id in {None, row.client_id}]

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return True  # `pre_social_login` has decided

    def on_authentication_error(
        self, request: HttpRequest, provider: Any, error: Any = None, exception: Any = None, extra_context: Any = None
    ) -> None:
        words = _("Signing in by %(provider)s did not work. Try again, or use name and password.")
        if error == "cancelled":
            words = _("You were not signed in: it was cancelled at %(provider)s.")
        why = str(exception or error or "")[:300]
        raise turned_away(request, "", words % {"provider": provider.name}, why)

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        slug, claims = sociallogin.account.provider, sociallogin.account.extra_data["id_token"]
        row = providers.find(slug)
        if row is None:
            raise turned_away(request, "", _("This provider is switched off."), "switched off")
        errands.arrive(request, row, sociallogin)
        request.session[again.TOLD] = signed_in_at(claims)
        if sociallogin.is_existing:
            groups.apply(_actor(request, row), sociallogin.user, slug, mapping.groups_in(claims, row.group_claim))
            return
        name = str(claims.get("preferred_username") or claims.get("email") or "").partition("@")[0].strip()
        known = User.objects.filter(username__iexact=name).first() if name else None
        may = providers.admitted(row, claims)
        if known is not None and row.link_by_name and may:
            with transaction.atomic():
                sociallogin.connect(request, known)
                audit.record(_actor(request, row), "oidc.link", known, after=_link(sociallogin))
                groups.apply(_actor(request, row), known, slug, mapping.groups_in(claims, row.group_claim))
            return
        if not row.makes_people or not may:
            words = _("Nobody here is known by this account of %(provider)s. Ask an SRE.")
            raise turned_away(request, name, words % {"provider": row.name}, "unknown subject, and not admitted")
        if known is not None:
            raise turned_away(
                request, name, _("An account of this name exists here already. Ask an SRE."), "name taken"
            )
        try:
            UnicodeUsernameValidator()(name)
        except ValidationError:
            raise turned_away(request, name, _("The provider told no usable name."), "no usable name") from None
        sociallogin.user.username = name[:150]

    def save_user(self, request: HttpRequest, sociallogin: Any, form: Any = None) -> Any:
        """Somebody new: the person, the link and what the groups give, with their events, or nothing of it."""
        slug, claims = sociallogin.account.provider, sociallogin.account.extra_data["id_token"]
        row = providers.find(slug)
        assert row is not None  # `pre_social_login` has found it a moment ago
        sociallogin.user.display_name = str(claims.get("name") or "")[:120]
        with transaction.atomic():
            user = super().save_user(request, sociallogin, form)
            actor = _actor(request, row)
            facts = {"display_name": user.display_name, "role": user.role}
            audit.record(actor, "person.create", user, after=facts | _link(sociallogin))
            groups.apply(actor, user, slug, mapping.groups_in(claims, row.group_claim))
        return user


def _link(sociallogin: Any) -> dict[str, str]:
    return {"provider": sociallogin.account.provider, "subject": sociallogin.account.uid}


def _actor(request: HttpRequest, row: Provider) -> Actor:
    """The provider, in whose name it is done."""
    seen = Actor.of_request(request)
    return Actor(name=row.name[:150], via="system", ip=seen.ip, request_id=seen.request_id)
