"""A person has a stored secret used beside the verbs that tell of it: docs/security.md says which those are."""

from __future__ import annotations

from django.db.models import Model

from xqplatform.accounts.actor import Actor
from xqplatform.audit import folding


def used(actor: Actor, obj: Model, what: str) -> None:
    """Before the call that sends or proves it. `what` names the secret («password»); the same again within ten minutes is counted."""
    who = actor.user.pk if actor.user is not None else actor.name
    key = f"secret:{who}:{obj._meta.label_lower}:{obj.pk}:{what}"
    folding.record(actor, "secret.use", obj, key=key, after={"secret": what})
