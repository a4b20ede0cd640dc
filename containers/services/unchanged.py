"""Rows of a change that leaves image and settings as they are: a move, another address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from containers.models import Container, Deployment, Drain, Instance, ServiceEnvironment
from xqplatform.accounts.actor import Actor


def deployment(
    actor: Actor,
    place: ServiceEnvironment,
    kind: Deployment.Kind,
    policy: Mapping[str, Any],
    *,
    there: int,
    reason: str,
    drain: Drain | None = None,
) -> Deployment:
    """The change itself; `there`: instances that stand, before and after."""
    config = place.current_config or place.config
    return Deployment.objects.create(
        place=place,
        kind=kind,
        reason=reason,
        image=place.current_image,
        config=config,
        old_image=place.current_image,
        old_config=config,
        old_wanted=there,
        wanted=there,
        policy=dict(policy),
        drain=drain,
        created_by=actor.user,
        created_name=actor.name,
    )


def kept(one: Instance, runs: Container | None, place: ServiceEnvironment) -> dict[str, Any]:
    """A step's columns for what the instance has and keeps: that of the container that `runs`, else the place's own."""
    config = place.current_config or place.config
    image, version = (runs.image, runs.config) if runs is not None else (place.current_image, config)
    return {
        "image": image,
        "config": version,
        "old_image": image,
        "old_config": version,
        "old_engine_id": runs.engine_id if runs is not None else "",
        "old_wanted_state": one.wanted_state,
    }
