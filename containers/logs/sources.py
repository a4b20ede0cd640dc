"""Whose logs are read: the instances of a place and the containers they have, from stored rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import close_old_connections, connection

from containers import known
from containers.logs.text import asked_stamp
from containers.models import Container, Instance, KeptLog, ServiceEnvironment
from hosts.models import Host
from xqplatform.secrets.masking import NOTHING, Masker

MOST = 64  # instances of one stream or page
MOST_KEPT = 10  # containers of an instance


@dataclass(frozen=True)
class Source:
    """An instance whose log is read."""

    instance: int
    number: int
    host: str
    state: str


@dataclass(frozen=True)
class Vessel:
    """A container that an engine may still have."""

    engine_id: str
    host: Host
    created: str  # a normal stamp
    hide: Masker = NOTHING  # of the secrets that its output may not show


def sources_of(place: ServiceEnvironment, numbers: Collection[int] = ()) -> list[Source]:
    """The instances that stand there (of these numbers, if any are named), at most MOST."""
    rows = Instance.objects.filter(place=place, removed=None).select_related("host").order_by("number")
    if numbers:
        rows = rows.filter(number__in=list(numbers))
    return [Source(row.pk, row.number, row.host.name, row.state) for row in rows[:MOST]]


def vessels_of(instance: int) -> list[Vessel]:
    """Its containers that did not end, the oldest first: while it is replaced, the old and the new one."""
    rows = Container.objects.filter(instance=instance, ended=None).exclude(engine_id="").select_related("host")
    hide = known.of_instance(instance)
    return [
        Vessel(row.engine_id, row.host, asked_stamp(f"{row.created.timestamp():.6f}"), hide)
        for row in rows.order_by("id")
    ]


def kept_of(instance: int) -> list[KeptLog]:
    """What is kept of its last containers that went, the oldest first."""
    return list(KeptLog.objects.filter(instance=instance, lines__gt=0).order_by("-id")[:MOST_KEPT])[::-1]


@contextmanager
def own_connection() -> Iterator[None]:
    """For threads of our own, which Django does not tidy up after: the connection is closed when they have looked."""
    close_old_connections()
    try:
        yield
    finally:
        if not connection.in_atomic_block:
            connection.close()
