"""Links committed events into the chain, one batch after the other under one lock.

Writers never wait for each other because of the chain: an event is written in the transaction of the change that it tells of, which
may be long, and is linked when that has committed. Its content is fixed from the beginning: sealed, and guarded by triggers.
"""

from __future__ import annotations

from typing import NamedTuple

from django.db import transaction

from xqplatform import locks
from xqplatform.audit.chain import rows
from xqplatform.audit.chain.canonical import FORM, GENESIS, link_hash
from xqplatform.audit.chain.models import Archive, Link, Unlinked

AT_ONCE = 500
LOCK = 0x78716175  # PostgreSQL's advisory lock of this chain


class Head(NamedTuple):
    """The newest place of the chain."""

    position: int
    hash: str


def head() -> Head:
    last = Link.objects.order_by("-position").values_list("position", "hash").first()
    return Head(*last) if last else tail()


def tail() -> Head:
    """Where the chain in the database begins: the place before its first event."""
    last = Archive.objects.filter(state=Archive.State.SEALED).order_by("-last").values_list("last", "hash").first()
    return Head(*last) if last else Head(0, GENESIS)


def lock() -> None:
    """Until the transaction ends nobody else links."""
    locks.hold(LOCK)


def link_some() -> int:
    """Links one batch; how many events that were."""
    with transaction.atomic():
        lock()
        found = rows.waiting(AT_ONCE)
        if not found:
            return 0
        position, previous = head()
        links = []
        for event_id, seal, line in found:
            position += 1
            here = link_hash(position, previous, event_id, seal, line)
            links.append(Link(position=position, event_id=event_id, previous=previous, hash=here, form=FORM))
            previous = here
        Link.objects.bulk_create(links)
        Unlinked.objects.filter(event_id__in=[row[0] for row in found]).delete()
    return len(found)


def link() -> int:
    """Links all that is committed; how many events that were. Safe to call from anywhere, at any time."""
    linked = 0
    while count := link_some():
        linked += count
        if count < AT_ONCE:
            break
    return linked


def unlinked() -> int:
    """How many events wait."""
    return Unlinked.objects.count()
