"""By what somebody can sign in; the last way is not taken away by its own person."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.db import transaction
from django.utils.translation import gettext as _

from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.models import User
from xqplatform.accounts.rights import require
from xqplatform.accounts.signin import again, groups
from xqplatform.errors import Refused

Way = tuple[str, str]  # («password», «passkey» or «provider»; which one)
PASSWORD: Way = ("password", "")
RIGHT = "session.manage"


def is_last(ways: frozenset[Way], way: Way) -> bool:
    """Whether nothing is left without it. One that lets nobody in (any more) is none."""
    return ways == {way}


def of(user: User) -> frozenset[Way]:
    """All that let this person in now: a password, passkeys that do so alone, and providers that are switched on."""
    keys = Authenticator.objects.filter(user=user, type=Authenticator.Type.WEBAUTHN)
    found = [("passkey", str(row.pk)) for row in keys if row.wrap().is_passwordless]
    found += [("provider", row.slug) for row in again.linked(user)]
    return frozenset([*found, PASSWORD] if user.has_usable_password() else found)


def keep_one(user: User, way: Way) -> None:
    """Raises Refused if nothing would be left. Within the verb's transaction: two at once do not take both."""
    User.objects.select_for_update().get(pk=user.pk)
    if is_last(of(user), way):
        raise Refused(_("This is your only way to sign in: add another one first, or ask an SRE for a password."))


def unlink(actor: Actor, user: User, provider: str) -> None:
    """The person signs in by this provider no more, and loses what its groups gave. Raises Denied, Refused."""
    own = actor.user is not None and actor.user.pk == user.pk
    require(actor, RIGHT if own else "people.manage", obj=user)
    with transaction.atomic():
        keep_one(user, ("provider", provider))
        rows = SocialAccount.objects.filter(user=user, provider=provider)
        subjects = list(rows.values_list("uid", flat=True))
        if not subjects:
            raise Refused(_("Nothing is linked there."))
        rows.delete()
        audit.record(actor, "oidc.unlink", user, before={"provider": provider, "subject": subjects[0]})
        groups.apply(actor, user, provider, frozenset())
