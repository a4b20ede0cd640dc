"""Who changes a place, or puts its data back, now: one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from containers import holds
from containers.models import Deployment, ServiceEnvironment
from xqplatform.errors import Refused


def held_by(place: ServiceEnvironment) -> str:
    """Who changes the place, or puts its data back, now, since when and why; empty when nobody does."""
    row = place.deployments.filter(state__in=Deployment.ACTIVE).first()
    if row is None:
        return holds.holder(place)
    began = row.started or row.created
    minutes = max(0, int((timezone.now() - began).total_seconds() // 60))
    return _("%(who)s has a %(kind)s (#%(pk)s) under way since %(minutes)s min: %(why)s") % {
        "who": row.created_name,
        "kind": row.get_kind_display(),
        "pk": row.pk,
        "minutes": minutes,
        "why": row.reason or _("no reason was given"),
    }


@contextmanager
def claimed(place: ServiceEnvironment) -> Iterator[ServiceEnvironment]:
    """A transaction in which a change of the place begins; gives its locked row. Raises Refused while another change is active, also
    where that was begun in this very moment.
    """
    try:
        with transaction.atomic():
            yield free(place)
    except IntegrityError:
        # Another one was faster between our look and our write (the constraint «one active deployment a place»).
        holder = held_by(place)
        if not holder:
            raise
        raise Refused(holder) from None


def free(place: ServiceEnvironment) -> ServiceEnvironment:
    """The place's row, locked. Raises Refused while another change is active."""
    locked = lock(place)
    holder = held_by(locked)
    if holder:
        raise Refused(holder)
    return locked


def lock(place: ServiceEnvironment) -> ServiceEnvironment:
    """The place's row, locked until the transaction ends, whoever changes it."""
    return (
        ServiceEnvironment.objects.select_for_update(of=("self",))
        .select_related("service", "environment", "segment", "environment__segment")
        .get(pk=place.pk)
    )
