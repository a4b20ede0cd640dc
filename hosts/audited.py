"""What an event on a row of ours is about, for the search of the audit log."""

from __future__ import annotations

from django.db.models import Model

from hosts.models import Host
from xqplatform.audit.search.words import Where


def where(row: Model) -> Where | None:
    if isinstance(row, Host):
        return Where(host=row.name)
    if row._meta.app_label == "hosts" and isinstance(host := getattr(row, "host", None), Host):
        return Where(host=host.name)
    return None
