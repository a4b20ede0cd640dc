"""What is set against the file that was applied last. Worked out when somebody looks: it takes the rows of a page and no engine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Max
from django.utils import timezone

from containers.ascode import parts, state
from containers.ascode.difference import Change, changes
from containers.ascode.merge import Unfit, merged
from containers.ascode.plans import unexpired
from containers.ascode.state import Now
from containers.models import AppliedFile, Environment, Service
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.visibility import visible


@dataclass(frozen=True)
class Drift:
    """`changes`: what applying the file again would change; `trouble`: why that cannot be said."""

    file: AppliedFile
    changes: tuple[Change, ...] = ()
    trouble: str = ""

    @property
    def state(self) -> str:
        return "unknown" if self.trouble else "drift" if self.changes else "same"


def of_service(service: Service) -> Drift | None:
    """None where no file was ever applied."""
    file = AppliedFile.objects.filter(service=service).first()
    return None if file is None else against(file, state.of("Service", service.slug))


def of_environment(environment: Environment) -> Drift | None:
    file = AppliedFile.objects.filter(environment=environment).first()
    return None if file is None else against(file, state.of_environment(environment))


def against(file: AppliedFile, now: Now) -> Drift:
    if now.state is None:
        return Drift(file)
    try:
        given: dict[str, Any] = unexpired(file.given, timezone.now())
        wanted = merged(file.kind, now.state, given, file.prune, now.removable)
    except Unfit as unfit:
        return Drift(file, trouble=f"{unfit.environment}: {unfit.refused.message}")
    return Drift(file, tuple(one for one in changes(now.state, wanted) if not _scaled(one, now.state)))


def _scaled(change: Change, state: dict[str, Any]) -> bool:
    """Whether it is a number of instances that a policy decides: that it differs is as it should be."""
    places = state.get("environments", {})
    return change.path[2:] == ("instances",) and parts.scaled(places.get(change.path[1], {}))


def newest(actor: Actor) -> Any:
    """The newest file of each thing that still stands, by name."""
    keys = AppliedFile.objects.order_by().values("service_id", "environment_id").annotate(key=Max("pk")).values("key")
    rows = visible(actor, AppliedFile).filter(pk__in=keys).exclude(service__removed__isnull=False)
    return rows.select_related("service", "environment").order_by("service__slug", "environment__slug")


def of_all(files: Iterable[AppliedFile]) -> list[Drift]:
    """Of these files, with a fixed number of queries for all services together."""
    rows = list(files)
    of = state.services().filter(pk__in=[file.service_id for file in rows if file.service_id])
    services = {service.pk: state.of_service(service) for service in of}
    found = []
    for file in rows:
        if file.environment is not None:
            found.append(against(file, state.of_environment(file.environment)))
        else:
            found.append(against(file, services.get(file.service_id, Now(None))))
    return found
