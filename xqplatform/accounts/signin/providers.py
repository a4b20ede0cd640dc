"""Which OpenID Connect providers there are: rows, and one that the surroundings name (XQ_OIDC_…)."""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator, validate_slug
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import AccessRequest, Role, Team
from xqplatform.accounts.rights import require
from xqplatform.accounts.roles.foureyes import REPLAYS, Asked, carry
from xqplatform.accounts.signin import groups, mapping
from xqplatform.accounts.signin.models import Given, GroupRule, Provider
from xqplatform.errors import Refused

RIGHT = "roles.manage"  # who says whom a provider lets in can get in as anybody: it takes the right to give all rights
OWN = "sso"  # the slug of the one that the surroundings name
FIELDS = ("name", "client_id", "scopes", "group_claim", "enabled", "makes_people", "domains", "groups", "link_by_name")


def of_surroundings() -> Provider | None:
    """Not saved: its secret stands in the surroundings only."""
    values: dict[str, Any] = settings.OIDC
    return Provider(slug=OWN, **values) if values["issuer"] else None


def all_of_them() -> list[Provider]:
    own = of_surroundings()
    return ([own] if own else []) + list(Provider.objects.exclude(slug=OWN))


def enabled() -> list[Provider]:
    return [provider for provider in all_of_them() if provider.enabled]


def find(slug: str) -> Provider | None:
    return next((provider for provider in enabled() if provider.slug == slug), None)


def admitted(provider: Provider, claims: dict[str, Any]) -> bool:
    """Whether an account there that nobody here has yet may become somebody's: by verified mail domain, and by group."""
    mail = str(claims.get("email") or "") if claims.get("email_verified") is True else ""
    if provider.domains and mail.rpartition("@")[2].lower() not in {d.lower() for d in provider.domains}:
        return False
    return not provider.groups or bool(mapping.groups_in(claims, provider.group_claim).intersection(provider.groups))


def _issuer(text: str) -> str:
    """As it is compared with what a token says. HTTPS, but on this machine. Raises Refused."""
    text = text.strip().rstrip("/")
    parts = urlsplit(text)
    try:
        URLValidator(schemes=["http", "https"])(text.replace("://localhost", "://127.0.0.1"))
        local = parts.hostname == "localhost" or ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValidationError:
        raise Refused(_("This is not an address of a provider."), "issuer", 400) from None
    except ValueError:
        local = False
    if parts.scheme != "https" and not local:
        raise Refused(_("A provider needs HTTPS."), "issuer", 400)
    return text


def _facts(provider: Provider) -> dict[str, Any]:
    return {key: getattr(provider, key) for key in ("slug", "issuer", *FIELDS)}


def save(actor: Actor, provider: Provider, values: dict[str, Any]) -> Provider:
    """A new one or changed settings; an empty secret leaves the one that there is. Raises Denied, Refused."""
    require(actor, RIGHT, extra={"provider": values.get("slug") or provider.slug})
    before = _facts(provider) if provider.pk else {}
    if not provider.pk:
        provider.slug, provider.issuer = values["slug"], _issuer(values["issuer"])
        try:
            validate_slug(provider.slug)
        except ValidationError as error:
            raise Refused(" ".join(error.messages), "slug", 400) from None
        if provider.slug == OWN:
            raise Refused(_("This name is of the provider that the surroundings name."), "slug")
    for key in FIELDS:
        setattr(provider, key, values[key])
    if "openid" not in provider.scopes.split():
        raise Refused(_("«openid» must be among the scopes."), "scopes", 400)
    if values.get("secret"):
        provider.secret = values["secret"]
    was, now = audit.changed(before, _facts(provider))
    try:
        with transaction.atomic():
            provider.save()
            if now or values.get("secret"):
                fresh = {"secret": "new"} if values.get("secret") else {}
                action = "oidc.change" if before else "oidc.create"
                audit.record(actor, action, provider, before=was or None, after=now | fresh)
    except IntegrityError:
        raise Refused(_("There is a provider of this name or issuer already."), "slug") from None
    return provider


def remove(actor: Actor, provider: Provider) -> None:
    """Nobody signs in by it any more. Accounts stay, and so does what its groups gave: from now on as if by hand."""
    require(actor, RIGHT, obj=provider)
    with transaction.atomic():
        links, _tables = SocialAccount.objects.filter(provider=provider.slug).delete()
        Given.objects.filter(provider=provider.slug).delete()
        GroupRule.objects.filter(provider=provider.slug).delete()
        audit.record(actor, "oidc.remove", provider, before=_facts(provider) | {"links": links})
        provider.delete()


def set_rule(
    actor: Actor, provider: str, group: str, teams: list[str], role: str, *, second: AccessRequest | None = None
) -> None:
    """What members of a group get, from their next sign-in on; nothing ticked: the rule goes. Raises Denied, Refused, and Waits
    where whoever comes by the group would have more in production than before.
    """
    require(actor, RIGHT, extra={"group": group, "role": role})
    group = group.strip()
    if not group or len(group) > 200:
        raise Refused(_("Say which group (at most 200 characters)."), "group", 400)
    if role and role not in Role.values:
        raise Refused(_("There is no such role."), "role", 400)
    if set(teams) - set(Team.objects.values_list("slug", flat=True)):
        raise Refused(_("One of the teams does not exist any more."), "teams", 400)

    def change() -> None:
        row = GroupRule.objects.filter(provider=provider, group=group).first()
        old = {"teams": row.teams, "role": row.role} if row else {"teams": [], "role": ""}
        was, now = audit.changed(old, {"teams": sorted(teams), "role": role})
        if not teams and not role:
            GroupRule.objects.filter(provider=provider, group=group).delete()
        else:
            GroupRule.objects.update_or_create(
                provider=provider, group=group, defaults={"teams": sorted(teams), "role": role}
            )
        if now:
            audit.record(actor, "oidc.group", None, name=f"{provider}: {group}"[:250], before=was, after=now)

    about = f"{provider}: {group}"[:250]
    data = {"provider": provider, "group": group, "teams": sorted(teams), "role": role}
    asked = Asked("group", data, about, second=second, also=lambda: {-1: groups.holdings(provider, group)})
    carry(actor, asked, change)


def _again(actor: Actor, data: dict[str, Any], second: AccessRequest) -> None:
    set_rule(actor, data["provider"], data["group"], data["teams"], data["role"], second=second)


REPLAYS["group"] = _again
