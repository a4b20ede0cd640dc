"""The audit log. `record` is called inside the transaction of the change that it tells of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.db.models import Model

    from xqplatform.accounts.actor import Actor
    from xqplatform.audit.models import Event


def record(
    actor: Actor,
    action: str,
    obj: Model | None,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str = "",
    parent: Model | None = None,
    denied: bool = False,
    name: str = "",
) -> Event:
    """Writes one event. `before` and `after` hold only what changed, never a secret. Raises KeyError for an unknown action or way.

    `name` stands for the object's own, or names what has no row. An event is sealed here and cannot be changed afterwards.
    """
    from xqplatform.accounts.rights import RIGHTS
    from xqplatform.accounts.visibility import owner_of
    from xqplatform.audit.actions import ACTIONS
    from xqplatform.audit.models import Event
    from xqplatform.audit.search import index
    from xqplatform.audit.vias import VIAS

    if actor.via not in VIAS:
        raise KeyError(actor.via)
    if action not in ACTIONS and not (denied and action in RIGHTS):
        raise KeyError(action)
    event = Event.objects.create(
        user=actor.user,
        actor=actor.name,
        via=actor.via,
        ip=actor.ip,
        request_id=actor.request_id,
        action=action,
        object_type=obj._meta.label_lower if obj is not None else "",
        object_id=str(obj.pk) if obj is not None else "",
        object_name=(name or (str(obj) if obj is not None else ""))[:250],
        parent_type=parent._meta.label_lower if parent is not None else "",
        parent_id=str(parent.pk) if parent is not None else "",
        before=before,
        after=after,
        reason=reason,
        denied=denied,
        owner=owner_of(obj, parent),
        token=actor.token[:150] or None,
    )
    index.add(event, obj, parent)
    written()
    return event


def written() -> None:
    """Tells the log's pages of a new event, and has it linked soon."""
    from xqplatform import live
    from xqplatform.audit.chain.linker import LINKER

    live.bump("audit")
    LINKER.soon()


def changed(before: dict[str, Any], after: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Only the keys whose values differ, on both sides."""
    keys = [k for k in {**before, **after} if before.get(k) != after.get(k)]
    return {k: before.get(k) for k in keys}, {k: after.get(k) for k in keys}
