"""Whatever adds, uses or removes a second factor is in the log, in the transaction of the row itself."""

from __future__ import annotations

from typing import Any

from allauth.core import context
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_used
from django.db.models.signals import post_delete, post_save

from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.signin.models import FactorSecret

CODES = Authenticator.Type.RECOVERY_CODES


def _actor() -> Actor:
    request = context.request
    return Actor.of_request(request) if request is not None else Actor.system()


def added(sender: Any, instance: Authenticator, created: bool, raw: bool = False, **more: Any) -> None:
    """New recovery codes are a row of their own; a factor that was used, or got another name, is saved again."""
    if raw or not created:
        return
    action = "factor.codes" if instance.type == CODES else "factor.add"
    audit.record(_actor(), action, instance.user, after=_facts(instance))


def removed(sender: Any, instance: Authenticator, **more: Any) -> None:
    """Recovery codes go with the last factor, or before new ones come: that event tells it."""
    FactorSecret.objects.filter(key__in=[v for k, v in instance.data.items() if k in {"secret", "seed"}]).delete()
    if instance.type != CODES:
        audit.record(_actor(), "factor.remove", instance.user, before=_facts(instance))


def used(sender: Any, request: Any, user: Any, authenticator: Authenticator, **more: Any) -> None:
    """A recovery code is for once, and its use is worth a look."""
    if authenticator.type == CODES:
        authenticator.refresh_from_db()  # it was counted on another object of the same row
        left = len(authenticator.wrap().get_unused_codes())
        actor = Actor.of_request(request)
        if actor.user is None:  # in the middle of signing in
            actor = Actor(name=user.get_username(), via="page", user=user, ip=actor.ip, request_id=actor.request_id)
        audit.record(actor, "factor.code.used", user, after={"left": left})


def _facts(row: Authenticator) -> dict[str, Any]:
    """Kind and name; never the secret."""
    return (
        {"kind": row.type, "name": row.wrap().name} if row.type == Authenticator.Type.WEBAUTHN else {"kind": row.type}
    )


def connect() -> None:
    post_save.connect(added, sender=Authenticator, dispatch_uid="factor-added")
    post_delete.connect(removed, sender=Authenticator, dispatch_uid="factor-removed")
    authenticator_used.connect(used, dispatch_uid="factor-used")
