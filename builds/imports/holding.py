"""Whose turn it is at an import: the lease, whether somebody cancelled, and how far it is; asked for at every piece."""

from __future__ import annotations

import time
from typing import Any

from django.db.models import Q
from django.utils import timezone

from builds.models import ImageImport
from builds.outcomes import Cancelled, LeaseLost
from xqplatform import live
from xqplatform.leases import Lease, take

LEASE = 130.0  # seconds; the longest single wait is for a registry or a server that reads all of it again
EVERY = 0.5  # seconds between two looks at the row


class Holder:
    """The only writer of an import's row while its lease is this process's."""

    def __init__(self, row: ImageImport, lease: Lease) -> None:
        self.row, self.lease = row, lease
        self._looked = 0.0
        self._done = -1

    def write(self, **fields: Any) -> None:
        """Raises LeaseLost when it is somebody else's by now, or gone."""
        if not ImageImport.objects.filter(pk=self.row.pk, lease=self.lease.text).update(**fields):
            self.lease.lost()
            raise LeaseLost
        for name, value in fields.items():
            setattr(self.row, name, value)
        live.bump("imports", f"import:{self.row.pk}")

    def step(self, name: str, total: int = 0) -> None:
        """What is done from now on."""
        self.write(step=name, done=0, total=total)
        self.check()

    def told(self, done: int) -> None:
        """So many bytes of the step are done."""
        self._done = done
        self.check()

    def check(self) -> None:
        """Raises Cancelled or LeaseLost when the work must stop."""
        now = time.monotonic()
        if now - self._looked < EVERY:
            return
        self._looked = now
        if not self.lease.renew() or not self.lease.trusted:
            raise LeaseLost
        asked = ImageImport.objects.filter(pk=self.row.pk).values_list("cancel_requested", flat=True).first()
        if asked is None:
            raise LeaseLost
        if asked:
            raise Cancelled
        if self._done >= 0 and self._done != self.row.done:
            self.write(done=self._done)


def claim(pk: int) -> Holder | None:
    """None when there is nothing to do, or somebody else does it."""
    rows = ImageImport.objects.filter(pk=pk)
    due = Q(retry_at=None) | Q(retry_at__lte=timezone.now())
    lease = take(rows.filter(due, state__in=ImageImport.ACTIVE), rows, LEASE)
    if lease is None:
        return None
    related = ("project", "blueprint", "host", "parent", "registry")
    return Holder(ImageImport.objects.select_related(*related).get(pk=pk), lease)
