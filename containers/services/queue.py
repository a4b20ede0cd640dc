"""The rows of a place's queue: read, put in order, and ended without having begun."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from containers.models import Car, Deployment, ServiceEnvironment
from containers.notices import telling
from containers.services.settings import topic
from containers.waiting import Held, Waiter
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.work import enqueue

State = Deployment.State


def rows_of(place: ServiceEnvironment | int) -> list[Deployment]:
    """Those that wait in a place, in their order."""
    rows = Deployment.objects.filter(place=place, state=State.WAITING)
    return list(rows.select_related("image", "place__service", "place__environment").order_by("turn", "id"))


def waiters(rows: Sequence[Deployment]) -> list[Waiter]:
    return [Waiter(row.pk, row.not_before.timestamp() if row.not_before else None) for row in rows]


def held_of(row: Deployment) -> Held | None:
    """What guardrails said when it would have begun; None: they were not asked yet, or let it pass."""
    if not row.held_why:
        return None
    return Held(row.held_why, row.held_until.timestamp() if row.held_until else None)


def put(order: Sequence[int]) -> None:
    """Numbers the queue anew; call it under the place's lock."""
    for turn, pk in enumerate(order):
        Deployment.objects.filter(pk=pk, state=State.WAITING).exclude(turn=turn).update(turn=turn)


def tell(place: ServiceEnvironment) -> None:
    """Pages of the place, and of all that wait there: a change moves the words of each of them."""
    waiting = Deployment.objects.filter(place=place, state=State.WAITING).values_list("pk", flat=True)
    live.bump("services", f"service:{place.service.slug}", topic(place), *(f"release:{pk}" for pk in waiting))


def look(place: ServiceEnvironment | int) -> None:
    """Has the queue looked at once the transaction is committed."""
    from containers.tasks import begin_waiting

    enqueue(begin_waiting, place if isinstance(place, int) else place.pk)


def end(row: Deployment, state: str, outcome: str, actor: Actor, reason: str = "") -> bool:
    """Ends one that has not begun; in a transaction. False when it does not wait any more."""
    fields = {"state": state, "outcome": outcome, "finished": timezone.now(), "held_why": "", "held_until": None}
    if not Deployment.objects.filter(pk=row.pk, state=State.WAITING).update(**fields):
        return False
    action = "deployment.cancel" if actor.user is not None else "deployment.finish"
    after = {"state": state, "outcome": outcome}
    audit.record(actor, action, row, after=after, reason=reason or row.reason, parent=row.place.service)
    telling.ended(row, state, outcome, actor)
    live.bump(f"release:{row.pk}")
    tell(row.place)
    look(row.place_id)
    tell_train(row)
    return True


def tell_train(row: Deployment) -> None:
    """The train that the ended release is part of goes on; so does one that brought it back."""
    from containers.tasks import advance_train

    for train in Car.objects.filter(Q(deployment=row) | Q(back=row)).values_list("train", flat=True):
        enqueue(advance_train, train)


def end_all(place: ServiceEnvironment) -> None:
    """The place, or its service, was removed: nothing begins there any more. In the transaction that settles it."""
    for row in rows_of(place):
        end(row, State.CANCELLED, _("It did not begin: what it was for was removed meanwhile."), Actor.system())
