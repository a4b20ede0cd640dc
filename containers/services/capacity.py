"""What is promised on each host, and that two plans made at the same moment do not both promise the last room."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from containers.models import Deployment, Instance, ServiceEnvironment, Step
from xqplatform import locks

KEY = 0x7871_0003  # «xq», and a number of its own


@dataclass
class Promise:
    """CPUs, bytes of memory, and instances of other services; `all`: every instance that stands there."""

    cpus: float = 0.0
    memory: int = 0
    all: int = 0


def lock() -> None:
    """Until the end of the transaction nobody else plans where instances go.

    Called after the place's row is locked and before anything else is. It is no lock on the hosts' rows, because inventories
    write those all the time.
    """
    locks.hold(KEY)


def promises(place: ServiceEnvironment) -> Mapping[int, Promise]:
    """Host → what is promised there, by what stands and by changes under way; the place's own instances are only counted."""
    found: dict[int, Promise] = defaultdict(Promise)
    rows = Instance.objects.filter(removed=None).values_list(
        "host_id",
        "place_id",
        "place__current_config__content",
        "place__config__content",
        "place__active__config__content",
    )
    for host, of, current, newest, coming in rows:
        one = found[host]
        one.all += 1
        if of != place.pk:
            _add(one, current or newest, coming)
    moving = Step.objects.filter(
        deployment__state__in=Deployment.ACTIVE, action=Step.Action.MOVE, state__in=[Step.State.WAITING, *Step.IN_WORK]
    ).exclude(deployment__place=place)
    for host, standing, content in moving.values_list("host_id", "instance__host_id", "config__content"):
        if host is not None and standing != host:
            found[host].all += 1
            _add(found[host], content, None)
    return found


def _add(one: Promise, *contents: Any) -> None:
    """The larger one of settings that may both run while a release is under way."""
    known = [content for content in contents if content]
    one.memory += max((int(content.get("memory") or 0) for content in known), default=0)
    one.cpus += max((float(content.get("cpus") or 0) for content in known), default=0.0)
