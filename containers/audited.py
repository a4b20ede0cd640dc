"""What an event on a row of ours is about, for the search of the audit log."""

from __future__ import annotations

from django.db.models import Model

from containers.models import Environment, Instance, Service, ServiceEnvironment
from xqplatform.audit.search.words import Where


def where(row: Model) -> Where | None:
    """The row's own place and host, or those of what it names (a release's place, a terminal's instance)."""
    if row._meta.app_label != "containers":
        return None
    if isinstance(row, Service):
        return Where(service=row.slug)
    if isinstance(row, Environment):
        return Where(environment=row.slug)
    if isinstance(row, ServiceEnvironment):
        return Where(service=row.service.slug, environment=row.environment.slug)
    host = getattr(row, "host", None)
    found = Where(host=getattr(host, "name", host) or "")  # (a kept log has its host's name as text)
    if isinstance(row, Instance):
        found |= Where(instance=str(row.pk))
    for name in ("instance", "place", "service", "environment"):
        if isinstance(other := getattr(row, name, None), Model):
            found |= where(other) or Where()
    return found
