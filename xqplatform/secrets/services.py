"""The verbs about keys: each is an event. What they need of the machine is asked before anything changes."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.errors import Refused
from xqplatform.secrets import keys, rotation
from xqplatform.secrets.rotation import Outcome

TOPIC = "secrets"


def rotate(
    actor: Actor, told: Callable[[Outcome], None] = lambda outcome: None, batch: int = rotation.BATCH
) -> Outcome:
    """Moves all stored secrets under the newest key. May be killed and begun again at any time."""
    require(actor, "secrets.manage")
    before = rotation.state()
    audit.record(actor, "secrets.rotate", None, after={"key": before.newest, "left": before.left})

    def tell(outcome: Outcome) -> None:
        live.bump(TOPIC)
        told(outcome)

    outcome = rotation.rotate(tell, batch)
    facts = {"key": outcome.key, "changed": outcome.changed, "unreadable": len(outcome.unreadable)}
    audit.record(actor, "secrets.rotated", None, after=facts)
    live.bump(TOPIC)
    return outcome


def add_key(actor: Actor) -> str:
    """Makes a new key, the first of the file of keys; all that is written from now on is under it. Returns its id."""
    require(actor, "secrets.manage")
    if not settings.ENCRYPTION_KEY_FILE or settings.ENCRYPTION_KEYS:
        raise Refused(_("The keys are in the environment (XQ_ENCRYPTION_KEYS): put a new one first there."))
    try:
        key_id = keys.add_to_file()
    except OSError as error:
        raise Refused(_("The file of keys cannot be written: %(why)s") % {"why": error.strerror}) from error
    audit.record(actor, "secrets.key.add", None, after={"key": key_id})
    live.bump(TOPIC)
    return key_id


def drop_key(actor: Actor, key_id: str) -> None:
    """Takes an old key out of the file of keys. Raises Refused while anything may still be under it."""
    require(actor, "secrets.manage")
    if key_id not in keys.in_file():
        raise Refused(_("The file of keys has no key «%(key)s».") % {"key": key_id}, "key", 404)
    now = rotation.state()
    if key_id == now.newest:
        raise Refused(_("This key encrypts: add a new one first."), "key")
    if not now.may_drop(key_id):
        count = now.counts.get(key_id, 0) + now.unnamed
        raise Refused(_("%(n)s secrets may still be under this key: rotate them first.") % {"n": count}, "key")
    with transaction.atomic():
        audit.record(actor, "secrets.key.drop", None, after={"key": key_id})  # first: what cannot be told is not done
        try:
            keys.drop_from_file(key_id)
        except OSError as error:
            raise Refused(_("The file of keys cannot be written: %(why)s") % {"why": error.strerror}) from error
    live.bump(TOPIC)
