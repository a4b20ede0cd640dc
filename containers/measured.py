"""Whose measurements a container's are: an instance's, whichever of its containers it was."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from containers.models import Container, InstanceEvent


def subjects(host_id: int, containers: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Engine id → `instance:PK` of those containers that an instance has or had on the host."""
    rows = Container.objects.filter(host=host_id, engine_id__in=[*containers]).values_list("engine_id", "instance_id")
    return {engine_id: f"instance:{instance}" for engine_id, instance in rows}


def killed(since: Mapping[str, float]) -> set[str]:
    """Those of the containers in which the kernel killed for lack of memory after that moment."""
    rows = InstanceEvent.objects.filter(
        kind=InstanceEvent.Kind.OOM,
        container__engine_id__in=[*since],
        last__gt=datetime.fromtimestamp(min(since.values()), UTC),
    ).values_list("container__engine_id", "last")
    return {engine_id for engine_id, last in rows if last.timestamp() > since[engine_id]}
