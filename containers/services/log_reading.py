"""The verb of reading logs: asks for the right, and writes the event of a production environment once an opening."""

from __future__ import annotations

from django.core import signing
from django.db import transaction

from containers.models import Instance, ServiceEnvironment
from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import require
from xqplatform.audit import folding

SALT = "containers.log_reading"
SECONDS = 12 * 3600  # that one opening may last
TAKEN_ALONG = "download"


def open_logs(
    actor: Actor, place: ServiceEnvironment, what: str, *, instance: Instance | None = None, opening: str = ""
) -> str:
    """Lets the actor read; returns what shows that this opening is known. Raises Denied.

    `what`: «tail», «download», «kept», «file», as the event tells it. `opening`: what an earlier call returned to the same
    person for the same place: the streams and pages of one opening are one event. Over the API, which knows no openings, all readings
    of a place by somebody within ten minutes are one, and one that tells how many more there were. What is taken along is always
    one of its own.
    """
    require(
        actor,
        "service.logs",
        **place.at,
        obj=instance or place,
    )
    if what != TAKEN_ALONG and known(actor, place, opening):
        return opening
    if place.environment.production:
        after = {"what": what, "instance": instance.number} if instance is not None else {"what": what}
        with transaction.atomic():
            if actor.via == "api" and what != TAKEN_ALONG:
                # (An opening is a page's: whoever asks by the API asks again and again.)
                key = f"logs:{place.pk}:{actor.user.pk if actor.user else actor.name}"
                folding.record(
                    actor, "service.logs.read", instance or place, key=key, after=after, parent=place.service
                )
            else:
                audit.record(actor, "service.logs.read", instance or place, after=after, parent=place.service)
    return signing.dumps([actor.user.pk if actor.user else 0, place.pk], salt=SALT)


def known(actor: Actor, place: ServiceEnvironment, opening: str) -> bool:
    """Whether it is of this person, for this place, and not too old."""
    if not opening:
        return False
    try:
        return bool(
            signing.loads(opening, salt=SALT, max_age=SECONDS) == [actor.user.pk if actor.user else 0, place.pk]
        )
    except signing.BadSignature:
        return False
