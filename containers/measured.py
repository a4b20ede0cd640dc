"""Whose measurements a container's are: an instance's, whichever of its containers it was."""

from __future__ import annotations

from collections.abc import Mapping

from containers.models import Container


def subjects(host_id: int, containers: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Engine id → `instance:PK` of those containers that an instance has or had on the host."""
    rows = Container.objects.filter(host=host_id, engine_id__in=[*containers]).values_list("engine_id", "instance_id")
    return {engine_id: f"instance:{instance}" for engine_id, instance in rows}


def killed(since: Mapping[str, float]) -> dict[str, list[float]]:
    """When after that moment the engine was heard to say that the kernel killed in each of the containers for lack of memory."""
    found: dict[str, list[float]] = {}
    rows = Container.objects.filter(engine_id__in=[*since]).exclude(ooms=[])
    for engine_id, heard in rows.values_list("engine_id", "ooms"):
        found.setdefault(engine_id, []).extend(when for when in heard if when > since[engine_id])
    return found
