"""The free space of an engine's data root: its API does not tell it, so a helper looks every ten minutes."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from hosts import engine as edge
from hosts import helper, inventory
from hosts.engine import Engine, EngineError
from hosts.models import Host
from xqplatform import live

log = logging.getLogger(__name__)
EVERY = timedelta(minutes=10)
# A container's /etc/hostname is a file of the data root that the engine mounts: whatever the storage driver is, the
# file system below it is the data root's. To mount the data root itself would hold on to other containers' mounts.
COMMAND = ("stat", "-f", "-c", "%S %b %a %c %d", "/etc/hostname")


def _waiting() -> QuerySet[Host]:
    """Hosts that answer, and whose figures are neither fresh nor just being asked for."""
    old = timezone.now() - EVERY
    return Host.objects.filter(
        Q(disk_asked=None) | Q(disk_asked__lt=old),
        Q(disk_seen=None) | Q(disk_seen__lt=old),
        state__in=Host.ANSWERING,
    )


def is_due(host_pk: int) -> bool:
    return _waiting().filter(pk=host_pk).exists()


def read(engine: Engine) -> inventory.Space:
    """Asks by a helper. Raises NoHelper, EngineError."""
    answer = helper.run(engine, COMMAND)
    space = inventory.parse_space(answer.output) if answer.exit == 0 else None
    if space is None:
        raise helper.NoHelper(_("What it said could not be read: %(text)s") % {"text": answer.output[:120]})
    return space


def measure(host_pk: int) -> bool:
    """Stores the figures, or why they are not known; at most once in ten minutes a host. False: not due."""
    now = timezone.now()
    if not _waiting().filter(pk=host_pk).update(disk_asked=now):
        return False
    host = Host.objects.get(pk=host_pk)
    try:
        space = read(edge.connect(host))
    except (EngineError, helper.NoHelper) as error:
        log.info("The disk of %s could not be read: %s", host, error)
        note = getattr(error, "words", "") or str(error)
        fields = {"disk_note": note[:250]}
    else:
        fields = inventory.space_fields(space, timezone.now())
    # Not if it was connected in another way meanwhile: then this may be another machine's disk.
    Host.objects.filter(pk=host_pk, connection_version=host.connection_version).update(**fields)
    live.bump("hosts", f"host:{host_pk}")
    return True
