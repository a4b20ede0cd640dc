"""What the audit log does not know: apps above append a callable in their `AppConfig.ready`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xqplatform.accounts.actor import Actor
    from xqplatform.audit.models import Event
    from xqplatform.audit.reviews.models import Review

# fn(events) → {event's key: {slug of an environment: whether it is production}}: where they were.
PLACES: list[Callable[[Sequence[Event]], Mapping[int, Mapping[str, bool]]]] = []
# action → fn(actor, review, comment): what else is reviewed with it, in the same transaction. Raises Refused.
TOGETHER: dict[str, Callable[[Actor, Review, str], None]] = {}


def places_of(events: Sequence[Event]) -> dict[int, dict[str, bool]]:
    found: dict[int, dict[str, bool]] = {}
    for places in PLACES:
        for key, environments in places(events).items():
            found.setdefault(key, {}).update(environments)
    return found
