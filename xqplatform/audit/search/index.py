"""Feeds the index: with each event in its own transaction, and what came by another way afterwards."""

from __future__ import annotations

from collections.abc import Callable

from django.apps import apps
from django.db import transaction
from django.db.models import Exists, Max, Min, Model, OuterRef

from xqplatform.audit.models import Event
from xqplatform.audit.search import store
from xqplatform.audit.search.models import Indexed
from xqplatform.audit.search.words import Where, document

# Apps say here what their rows are about: a row → Where, or None for rows that are not theirs.
PLACES: list[Callable[[Model], Where | None]] = []
AT_ONCE = 500
SETTLED = 5000  # keys behind the newest that no open transaction has any more


class Whole:
    """Up to this key this process has seen that nothing is missing, so that it looks only once at a long log."""

    below = 0


_whole = Whole()


def where(*objects: Model | None) -> Where:
    """Of the object, and where it does not tell, of what it belongs to."""
    found = Where()
    for obj in objects:
        for place in PLACES if obj is not None else []:
            found |= place(obj) or Where()  # type: ignore[arg-type]
    return found


def add(event: Event, *objects: Model | None) -> None:
    """Called with the event's own object and its parent, in the event's transaction."""
    _put([(event, where(*objects))])


def add_known(event: Event) -> None:
    """The same for an event of whose rows only the keys are at hand."""
    _put([(event, _looked_up(event))])


def _put(events: list[tuple[Event, Where]]) -> None:
    made = [(event.pk, at, document(event, at)) for event, at in events]
    with transaction.atomic():
        rows = [
            Indexed(
                event_id=pk,
                words=held.words,
                service=at.service[:60],
                environment=at.environment[:60],
                host=at.host[:80],
                instance=at.instance[:20],
            )
            for pk, at, held in made
        ]
        Indexed.objects.bulk_create(rows, ignore_conflicts=True)
        store.put([(pk, held.tokens) for pk, _at, held in made])


def missing(limit: int, above: int = 0) -> list[Event]:
    """Events that cannot be found yet, newest first."""
    known = Indexed.objects.filter(event_id=OuterRef("pk"))
    return list(Event.objects.filter(~Exists(known), pk__gt=above).order_by("-pk")[:limit])


def catch_up(most: int = 20_000) -> int:
    """Adds events that are missing, as after an update of the platform. Returns how many it added; safe beside others."""
    newest = Event.objects.aggregate(n=Max("pk"))["n"] or 0
    done = 0
    while done < most:
        with transaction.atomic():
            events = missing(AT_ONCE, _whole.below)
            _put([(event, _looked_up(event)) for event in events])
        done += len(events)
        if len(events) < AT_ONCE:
            # A transaction that is open now may still bring an event with a lower key.
            _whole.below = max(_whole.below, newest - SETTLED)
            break
    return done


def tidy() -> int:
    """Forgets what was archived. SQLite's tokens stay, which alone say nothing; searches do not look below the log's first event."""
    oldest = Event.objects.aggregate(n=Min("pk"))["n"]
    gone = Indexed.objects.filter(event_id__lt=oldest) if oldest is not None else Indexed.objects.none()
    with transaction.atomic():
        count = gone.delete()[0] if gone.exists() else 0
        if count:
            store.forget(oldest)
    return count


def _looked_up(event: Event) -> Where:
    pairs = ((event.object_type, event.object_id), (event.parent_type, event.parent_id))
    return where(*(_row(label, key) for label, key in pairs))


def _row(label: str, key: str) -> Model | None:
    """The row that an event names, if there still is one."""
    try:
        model = apps.get_model(label) if label and key.isascii() and key.isdecimal() and len(key) < 19 else None
    except (LookupError, ValueError):
        return None
    return model._default_manager.filter(pk=int(key)).first() if model is not None else None
