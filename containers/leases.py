"""Who advances a deployment: a lease in its row (see `xqplatform.leases`)."""

from __future__ import annotations

from containers.models import Deployment
from xqplatform.leases import Lease, is_dead, is_held, own_text
from xqplatform.leases import take as take_row

__all__ = ["Lease", "is_dead", "is_held", "own_text", "take"]


def take(deployment: int) -> Lease | None:
    """The lease of an active deployment, unless a living process has it."""
    row = Deployment.objects.filter(pk=deployment)
    return take_row(row.filter(state__in=Deployment.ACTIVE), row)
