"""A train goes on: one decision after the other, each in a transaction of its own under the train's lock.

Whoever runs it may die at any moment: what a decision made stands whole or not at all, and the next look goes on from it.
"""

from __future__ import annotations

import logging
from datetime import UTC

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from containers.models import Car, Deployment, Train
from containers.preview import gather
from containers.services import queue, steering, waiting
from containers.trains import choosing
from containers.trains.deciding import Action, decide
from containers.trains.rows import cars_of, view_of, views_of
from containers.trains.words import ended, troubles
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.errors import Denied, Refused

log = logging.getLogger(__name__)
FOLLOWS = (Deployment.State.WAITING, *Deployment.ACTIVE)
MAKES = {"release", "return"}  # actions that make a release
MOST_ACTIONS = 500  # at one look; the next one goes on


def active() -> list[int]:
    return list(Train.objects.filter(state__in=Train.ACTIVE).order_by("id").values_list("pk", flat=True))


def advance(pk: int) -> int:
    """Does what can be done now; how much it was. Safe to repeat, and by several at once."""
    done = 0
    while done < MOST_ACTIONS and _one(pk):
        done += 1
    return done


def _one(pk: int) -> bool:
    """Looked at without a lock first: most looks find nothing to do, and what a release has to read is read before."""
    with translation.override(settings.LANGUAGE_CODE), timezone.override(UTC):
        seen = Train.objects.filter(pk=pk, state__in=Train.ACTIVE).first()
        if seen is None:
            return False
        cars = cars_of(seen)
        action = decide(view_of(seen), views_of(cars))
        if action is None:
            return False
        try:
            _decided(pk, action, _first(cars, action))
        except (OperationalError, InterfaceError):
            raise  # the database is away or busy: that says nothing of the train
        except Exception as error:
            if action.kind not in MAKES:
                raise
            # Nobody foresaw it, so it would come again with every look, and the train would stand for ever.
            log.exception("Train %s could not %s car %s", pk, action.kind, action.car)
            _unforeseen(action, error)
    return True


def _decided(pk: int, action: Action, first: gather.Apart | None) -> None:
    """Does it under the lock, unless it is not the thing to do any more."""
    with transaction.atomic():
        train = Train.objects.select_for_update(of=("self",)).filter(pk=pk, state__in=Train.ACTIVE).first()
        cars = cars_of(train) if train is not None else []
        if train is not None and decide(view_of(train), views_of(cars)) == action:
            _carry_out(train, cars, action, first)
            live.bump("trains", f"train:{train.pk}")


def _unforeseen(action: Action, error: Exception) -> None:
    what = _("something unforeseen (%(what)s), see the worker's log.") % {"what": type(error).__name__}
    words = _("It could not begin: %(why)s") % {"why": what}
    if action.kind == "release":
        Car.objects.filter(pk=action.car, deployment=None).update(trouble=words)
    else:
        Car.objects.filter(pk=action.car, back=None).update(back_trouble=words)


def _first(cars: list[Car], action: Action) -> gather.Apart | None:
    """Of a release that is about to be made: what is read of the repository and of past ones, under no lock."""
    if action.kind not in MAKES:
        return None
    car = _car(cars, action)
    back = car.deployment.old_image if car.deployment is not None else None
    image = car.image if action.kind == "release" else back
    policy = car.policy if action.kind == "release" else choosing.way_back(car.policy)
    return gather.apart(car.place, image, str(policy.get("strategy", ""))) if image is not None else None


def _car(cars: list[Car], action: Action) -> Car:
    return next(car for car in cars if car.pk == action.car)


def _carry_out(train: Train, cars: list[Car], action: Action, first: gather.Apart | None) -> None:
    if action.kind in {"turn", "end"}:
        _set(train, cars, action)
        return
    car = _car(cars, action)
    if action.kind == "release":
        _release(train, car, first)
    elif action.kind == "return":
        _return(train, car, first)
    elif action.kind == "roll back":
        _roll_back(train, car)
    else:
        row = car.back if action.kind == "cancel back" else car.deployment
        assert row is not None
        queue.end(row, Deployment.State.CANCELLED, _("Its train was stopped before it began."), Actor.system())


def actor_of(train: Train) -> Actor:
    """Whose releases they are. Raises Refused when who began it is not there any more."""
    if train.begun_by is not None:
        return Actor.person(train.begun_by, via="system")
    if train.system:
        return Actor.system()
    raise Refused(_("%(who)s, who began the train, is not here any more.") % {"who": train.begun_name})


def _release(train: Train, car: Car, first: gather.Apart | None) -> None:
    """An ordinary release, behind those that wait in its place, with all guardrails; or why there can be none."""
    try:
        if car.image is None:
            raise Refused(_("Nothing was built for it."))
        car.deployment = waiting.wait(
            actor_of(train),
            car.place,
            car.image,
            policy=car.policy,
            reason=reason_of(train, train.reason),
            apart=first,
        )
    except (Refused, Denied) as why:
        car.trouble = why.message
    car.save(update_fields=["deployment", "trouble"])


def reason_of(train: Train, why: str) -> str:
    return (_("Train #%(n)d «%(name)s».") % {"n": train.pk, "name": train.name} + " " + why).strip()[:2000]


def _return(train: Train, car: Car, first: gather.Apart | None) -> None:
    """The image and settings that it replaced are released again; not over what somebody else released since."""
    row = car.deployment
    assert row is not None
    try:
        if row.old_image is None:
            raise Refused(_("Nothing ran here before it."))
        began, follows = Q(started__gt=row.started or row.created), Q(state__in=FOLLOWS)
        since = car.place.deployments.filter(began | follows, kind=Deployment.Kind.DEPLOY).exclude(pk=row.pk)
        if newer := since.first():
            raise Refused(_("#%(n)d was released here since, or is about to be.") % {"n": newer.pk})
        car.back = waiting.wait(
            actor_of(train),
            car.place,
            row.old_image,
            policy=choosing.way_back(car.policy),
            config=row.old_config,
            reason=reason_of(train, _("Back to what ran before #%(n)d.") % {"n": row.pk} + " " + train.reason),
            apart=first,
        )
    except (Refused, Denied) as why:
        car.back_trouble = why.message
    car.save(update_fields=["back", "back_trouble"])


def _roll_back(train: Train, car: Car) -> None:
    assert car.deployment is not None
    try:
        steering.rollback(actor_of(train), car.deployment, reason_of(train, ""))
    except (Refused, Denied) as why:
        car.deployment.refresh_from_db(fields=["state"])
        if car.deployment.is_active:  # else it has ended this moment, and the next look takes it from there
            car.back_trouble = why.message
            car.save(update_fields=["back_trouble"])


def _set(train: Train, cars: list[Car], action: Action) -> None:
    over = action.kind == "end"
    train.state, train.stage = action.state, action.stage or train.stage
    said = ended(cars) if over else _turned(train, cars)
    train.why = f"{train.why} {said}" if train.aborted else said
    if over:
        train.finished = timezone.now()
    train.save(update_fields=["state", "stage", "why", "finished"])
    after = {"state": train.state, "outcome": train.why}
    audit.record(Actor.system(), "train.finish" if over else "train.turn", train, after=after, reason=train.reason)


def _turned(train: Train, cars: list[Car]) -> str:
    said = troubles(cars)
    if train.state == Train.State.ROLLING_BACK:
        return " ".join([_("Stage %(n)d goes back.") % {"n": train.stage}, *said])
    return " ".join([_("Nothing further begins."), *said])
