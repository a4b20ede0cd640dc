"""What forges send is in the audit log: each push that is taken, and what is refused, of which a flood is counted."""

from __future__ import annotations

from builds.models import Forge, ForgeDelivery
from xqplatform import audit
from xqplatform.accounts.actor import Actor
from xqplatform.audit import folding

VIA = "forge"
UNPROVED = 401


def taken(row: ForgeDelivery, ip: str = "") -> None:
    """In the transaction that keeps it."""
    actor = Actor(row.sender or row.forge.get_kind_display(), via=VIA, ip=ip)
    audit.record(actor, "forge.delivery", row.forge.project, after=_facts(row))


def refused(forge: Forge, why: str, row: ForgeDelivery) -> None:
    """A push that was taken, and of which nothing became; in the transaction that ends it."""
    actor = Actor(row.sender or forge.get_kind_display(), via=VIA)
    audit.record(actor, "forge.refused", forge.project, after=_facts(row), reason=why)


def turned_away(forge: Forge, status: int, why: str, ip: str) -> None:
    """A call that was answered with an error: one event in ten minutes for each answer, and one that counts the others. Who calls
    without a good signature may be anybody, so no name is taken from it.
    """
    actor = Actor(forge.get_kind_display(), via=VIA, ip=ip)
    folding.record(
        actor,
        "forge.refused",
        forge.project,
        key=f"forge:{forge.pk}:{status}",
        after={"status": status},
        reason=why,
        denied=status == UNPROVED,
    )


def _facts(row: ForgeDelivery) -> dict[str, str]:
    return {"kind": row.kind, "name": row.name, "revision": row.revision}
