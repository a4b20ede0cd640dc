"""Verbs about signing in: what is demanded, whose factors are taken away, and what the log says of attempts."""

from __future__ import annotations

from datetime import timedelta

from allauth.mfa.models import Authenticator
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import Role, User
from xqplatform.accounts.rights import require
from xqplatform.accounts.roles.holding import held_by
from xqplatform.accounts.roles.instead import require_as_much
from xqplatform.accounts.roles.who import everybody
from xqplatform.accounts.signin import limits
from xqplatform.accounts.signin.models import SignInRules
from xqplatform.accounts.signin.policy import FACTORS, lacks_factor
from xqplatform.accounts.telling import tell
from xqplatform.audit.models import Event
from xqplatform.errors import Refused


def signed_in(actor: Actor, by: list[str]) -> None:
    """`by` names the proofs in order: «password», «totp», … Who comes from a new address is told, once they are known at all."""
    with transaction.atomic():
        past = sign_ins(actor.user) if actor.user is not None else Event.objects.none()
        new = past.exists() and not past.filter(ip=actor.ip).exists()
        audit.record(actor, "login", actor.user, after={"by": by} if by else None)
        if new and actor.user is not None:
            tell(actor.user, actor, "place")


def sign_ins(user: User) -> QuerySet[Event]:
    """Those of the days in which a place is still theirs."""
    since = timezone.now() - timedelta(days=limits.KNOWN_DAYS)
    rows = Event.objects.filter(object_type=user._meta.label_lower, object_id=str(user.pk))
    return rows.filter(action="login", time__gte=since)


def sign_in_failed(actor: Actor, username: str, step: str, why: str = "") -> None:
    """A wrong password or code is an event; what was typed as the name is kept, what was typed as the secret never.

    `step` is what failed: «password», «second factor», «passkey», «provider»."""
    name = username.replace("\x00", "")[:150]
    audit.record(actor, "login.failed", None, denied=True, name=name, after={"step": step}, reason=why)


def signed_out(actor: Actor) -> None:
    if actor.user is not None:
        audit.record(actor, "logout", actor.user)


def factors_of(user: User) -> list[str]:
    """Kinds of the second factors that somebody has, «recovery_codes» among them."""
    return sorted(set(Authenticator.objects.filter(user=user).values_list("type", flat=True)))


def must_set_up(user: User) -> bool:
    """Whether this person has to set up a second factor before anything else."""
    required = SignInRules.now().second_factor
    roles = {user.role, *(one.role for one in held_by(user))} & set(required) if required else set()
    return bool(roles) and lacks_factor(min(roles), required, factors_of(user))


def demand_second_factor(actor: Actor, roles: list[str]) -> SignInRules:
    """From now on people of these roles need a second factor, and those who have none are led to set one up."""
    require(actor, "people.manage")
    if unknown := set(roles) - set(Role.values):
        raise Refused(_("There is no such role: %(name)s") % {"name": ", ".join(sorted(unknown))}, "roles", 400)
    with transaction.atomic():
        rules = SignInRules.now()
        before, after = audit.changed({"roles": sorted(rules.second_factor)}, {"roles": sorted(set(roles))})
        rules.second_factor = sorted(set(roles))
        rules.save()
        if after:
            audit.record(actor, "signin.rules", None, before=before, after=after)
    return rules


def reset_factors(actor: Actor, user: User) -> int:
    """Takes all second factors of somebody who has lost theirs; the person is told. Returns how many there were."""
    require(actor, "people.manage", obj=user)
    require_as_much(actor, user)
    if actor.user is not None and actor.user.pk == user.pk:
        raise Refused(_("Remove your own under «Signing in»."), code=409)
    with transaction.atomic():
        rows = list(Authenticator.objects.select_for_update().filter(user=user))
        if not FACTORS.intersection(row.type for row in rows):
            raise Refused(_("%(name)s has no second factor.") % {"name": user})
        Authenticator.objects.filter(pk__in=[row.pk for row in rows]).delete()
        kinds = sorted(row.type for row in rows)
        audit.record(actor, "factor.reset", user, before={"factors": kinds}, after={"factors": []})
        tell(user, actor, "factors")
    return len(rows)


def passkeys_of(user: User) -> int:
    return Authenticator.objects.filter(user=user, type=Authenticator.Type.WEBAUTHN).count()


def without_factor() -> list[User]:
    """Active people who are demanded a second factor, by any of their roles, and have none yet."""
    required = set(SignInRules.now().second_factor)
    if not required:
        return []
    having = Authenticator.objects.filter(type__in=FACTORS).values("user_id")
    lacking = everybody(User.objects.filter(service_account=False).exclude(pk__in=having))
    return [user for user, held in lacking.items() if required & {user.role, *(one.role for one in held)}]
