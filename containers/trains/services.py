"""The verbs of trains: what pages and the API call. Releases themselves are made by `running.advance`, in a worker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from builds.models import Image, Wave
from containers.models import Car, Deployment, ServiceEnvironment, Train, TrainTemplate
from containers.plan import Policy
from containers.services import queue
from containers.services.planning import check_image
from containers.trains import choosing
from containers.trains.deciding import current, reached
from containers.trains.rows import cars_of, views_of
from containers.trains.words import name_of
from xqplatform import audit, live
from xqplatform.accounts.actor import Actor
from xqplatform.accounts.rights import can, require
from xqplatform.accounts.visibility import sees
from xqplatform.errors import Refused
from xqplatform.work import enqueue

MOST_CARS = 100
MOST_STAGES = 20
RIGHT = "service.deploy"


@dataclass(frozen=True)
class Wanted:
    """A car as somebody asks for it. `image`: None for the newest built one; `policy`: None for how the last one there went."""

    stage: int
    place: ServiceEnvironment
    image: Image | None = None
    policy: Mapping[str, Any] | None = None


def may(actor: Actor, places: Iterable[ServiceEnvironment]) -> bool:
    """Whether the actor may release all of them: who may not, may not steer the train either."""
    return all(can(actor, RIGHT, **p.at) for p in places)


def _require(actor: Actor, places: Iterable[ServiceEnvironment], obj: Any = None) -> None:
    for place in {place.pk: place for place in places}.values():
        require(actor, RIGHT, **place.at, obj=obj or place)


def save(
    actor: Actor,
    cars: Sequence[Wanted],
    *,
    train: Train | None = None,
    name: str,
    on_failure: str = "stop",
    reason: str = "",
    wave: Wave | None = None,
) -> Train:
    """Makes a train, or changes one that has not begun. Nothing is released before it begins. Raises Denied, Refused."""
    _require(actor, [car.place for car in cars])
    if train is not None:
        _require(actor, [car.place for car in cars_of(train)], train)
    fields = _fields(name, on_failure, reason)
    made = _cars(cars)
    with transaction.atomic():
        if train is None:
            row = Train(created_by=actor.user, created_name=actor.name, wave=wave)
        else:
            row = _locked(train, {Train.State.PLANNED}, _("It has begun: it cannot be changed any more."))
            row.cars.all().delete()
        for key, value in fields.items():
            setattr(row, key, value)
        row.save()
        for car in made:
            car.train = row
            car.save()
        newest = _("newest")
        after = {"cars": [f"{car.stage}: {name_of(car)} {car.image or newest}" for car in made]}
        audit.record(actor, "train.create" if train is None else "train.change", row, after=after, reason=reason)
        _tell(row)
    return row


def _fields(name: str, on_failure: str, reason: str) -> dict[str, str]:
    name = " ".join(name.split())
    if not name or len(name) > 120 or "\0" in name:
        raise Refused(_("A name of at most 120 characters."), "name", 400)
    if on_failure not in Train.OnFailure.values:
        choices = ", ".join(Train.OnFailure.values)
        raise Refused(_("Choose one of: %(choices)s.") % {"choices": choices}, "on_failure", 400)
    if len(reason) > 2000:
        raise Refused(_("The reason is too long."), "reason", 400)
    return {"name": name, "on_failure": on_failure, "reason": reason}


def _cars(cars: Sequence[Wanted]) -> list[Car]:
    if not cars:
        raise Refused(_("A train needs at least one car."), "cars", 400)
    if len(cars) > MOST_CARS:
        raise Refused(_("At most %(n)d cars.") % {"n": MOST_CARS}, "cars", 400)
    stages = sorted({car.stage for car in cars})
    if stages[0] < 1 or stages[-1] > MOST_STAGES:
        raise Refused(_("Stages go from 1 to %(n)d.") % {"n": MOST_STAGES}, "cars", 400)
    seen: set[tuple[int, int]] = set()
    found = []
    for position, one in enumerate(cars):
        place = one.place
        where = {"place": str(place), "n": one.stage}
        if (one.stage, place.pk) in seen:
            raise Refused(_("%(place)s is in stage %(n)d twice.") % where, "cars", 400)
        seen.add((one.stage, place.pk))
        if place.service.removed is not None or place.service.removal_asked is not None:
            raise Refused(_("%(place)s: the service is being removed.") % where, "cars", 400)
        if one.image is not None:
            check_image(place, one.image)
        policy = Policy.parse(one.policy).to_json() if one.policy is not None else choosing.usual(place)
        # Stages are numbered anew, so that none is empty.
        stage = stages.index(one.stage) + 1
        found.append(
            Car(stage=stage, position=position, place=place, image=one.image, newest=not one.image, policy=policy)
        )
    return found


def mark_of(cars: Iterable[Car]) -> dict[str, int]:
    """Which image each car would take along now: what somebody who begins the train has seen."""
    images = {str(car.pk): car.image or choosing.newest(car.place) for car in cars}
    return {pk: image.pk if image is not None else 0 for pk, image in images.items()}


def begin(actor: Actor, train: Train, mark: Mapping[str, int] | None = None, reason: str = "") -> Train:
    """Begins it: from now on its releases are the actor's. `mark`: what was shown; if it is not so any more, it is refused."""
    _require(actor, [car.place for car in cars_of(train)], train)
    with transaction.atomic():
        row = _locked(train, {Train.State.PLANNED}, _("It has begun already."))
        cars = cars_of(row)
        now = mark_of(cars)
        if mark is not None and dict(mark) != now:
            raise Refused(
                _("Since the plan was shown, another image became the newest one, or a car changed: look again.")
            )
        for car in cars:
            if car.image is None:
                if not now[str(car.pk)]:
                    raise Refused(_("%(place)s: nothing was built for it yet.") % {"place": name_of(car)})
                Car.objects.filter(pk=car.pk).update(image=now[str(car.pk)])
        row.state, row.started = Train.State.RUNNING, timezone.now()
        row.begun_by, row.begun_name, row.system = actor.user, actor.name, actor.is_system
        row.save(update_fields=["state", "started", "begun_by", "begun_name", "system"])
        audit.record(actor, "train.begin", row, after={"cars": len(cars)}, reason=reason or row.reason)
        _tell(row, look=True)
    return row


# What can be asked of a train: when, and what becomes of it.
CLICKS: dict[str, tuple[set[Train.State], Train.State]] = {
    "pause": ({Train.State.RUNNING}, Train.State.PAUSED),
    "continue": ({Train.State.PAUSED}, Train.State.RUNNING),
    "abort": (
        {Train.State.PLANNED, Train.State.RUNNING, Train.State.PAUSED, Train.State.ROLLING_BACK},
        Train.State.STOPPING,
    ),
    "rollback": ({Train.State.RUNNING, Train.State.PAUSED, Train.State.STOPPING}, Train.State.ROLLING_BACK),
}


def pause(actor: Actor, train: Train, reason: str = "") -> Train:
    """Nothing further begins, releases of it that wait included; what is under way goes on."""
    return _turn(actor, train, "pause", reason)


def proceed(actor: Actor, train: Train, reason: str = "") -> Train:
    """Goes on with a paused one."""
    return _turn(actor, train, "continue", reason)


def abort(actor: Actor, train: Train, reason: str = "") -> Train:
    """Nothing further begins, and what waits never does; what is under way ends by itself. One not begun is cancelled."""
    return _turn(actor, train, "abort", reason)


def rollback(actor: Actor, train: Train, reason: str = "") -> Train:
    """The same, and the stage that was reached goes back to what ran before."""
    return _turn(actor, train, "rollback", reason)


def _turn(actor: Actor, train: Train, verb: str, reason: str) -> Train:
    states, to = CLICKS[verb]
    _require(actor, [car.place for car in cars_of(train)], train)
    if len(reason) > 2000:
        raise Refused(_("The reason is too long."), "reason", 400)
    with transaction.atomic():
        row = _locked(train, states, "")
        with translation.override(settings.LANGUAGE_CODE):  # stored: not in the language of who pressed it
            row.why = _said(actor, verb, reason)
        if verb in {"abort", "rollback"}:
            row.aborted = True
        if verb == "rollback":
            views = views_of(cars_of(row))
            row.stage = reached(views) or current(views) or 0
        planned = row.state == Train.State.PLANNED
        row.state = Train.State.CANCELLED if planned else to
        row.finished = timezone.now() if planned else None
        row.save(update_fields=["state", "why", "aborted", "stage", "finished"])
        audit.record(actor, f"train.{verb}", row, reason=reason)
        _tell(row, look=not planned)
        _look_at_queues(row)
    return row


def _said(actor: Actor, verb: str, reason: str) -> str:
    words = {
        "pause": _("%(who)s paused it."),
        "continue": _("%(who)s let it go on."),
        "abort": _("%(who)s aborted it."),
        "rollback": _("%(who)s aborted it, and has its stage rolled back."),
    }[verb] % {"who": actor.name}
    return f"{words} {reason}".strip()


def _look_at_queues(train: Train) -> None:
    """What waits in its places' queues is told what holds now."""
    waiting = Deployment.objects.filter(car__train=train, state=Deployment.State.WAITING)
    for row in waiting.select_related("place__service", "place__environment"):
        Deployment.objects.filter(pk=row.pk, state=Deployment.State.WAITING).update(held_why="", held_until=None)
        queue.tell(row.place)
        queue.look(row.place)


def _locked(train: Train, states: set[Train.State], words: str) -> Train:
    row = Train.objects.select_for_update(of=("self",)).select_related("begun_by").get(pk=train.pk)
    if row.state not in states:
        state = {"state": row.get_state_display()}
        raise Refused(words or _("The train is %(state)s: this cannot be asked of it now.") % state)
    return row


def _tell(train: Train, *, look: bool = False) -> None:
    from containers.tasks import advance_train

    live.bump("trains", f"train:{train.pk}")
    if look:
        enqueue(advance_train, train.pk)


# --- Templates ----------------------------------------------------------------------------------------------------


def save_template(actor: Actor, train: Train, name: str) -> TrainTemplate:
    """Keeps a train's cars under a name, to be run again; one of that name is replaced."""
    cars = cars_of(train)
    _require(actor, [car.place for car in cars], train)
    name = _fields(name, train.on_failure, "")["name"]
    found = TrainTemplate.objects.filter(name=name).first()
    if found is not None and not sees(actor, found):
        raise Refused(_("This name is taken."), "name")
    if found is not None:
        _require(actor, places_of(found), train)
    content = {
        "on_failure": train.on_failure,
        "cars": [
            {
                "stage": car.stage,
                "service": car.place.service.slug,
                "environment": car.place.environment.slug,
                "policy": car.policy,
            }
            for car in cars
        ],
    }
    with transaction.atomic():
        values = {"content": content, "created_name": actor.name}
        row, _made = TrainTemplate.objects.update_or_create(name=name, defaults=values)
        audit.record(actor, "train.template", row, after={"cars": len(cars), "of": train.pk})
        live.bump("trains")
    return row


def remove_template(actor: Actor, row: TrainTemplate) -> None:
    """Forgets it; trains that were made of it stay. If nothing of it is there any more, that is for who manages environments."""
    places = places_of(row)
    _require(actor, places, row)
    if not places:
        require(actor, "environment.manage", obj=row)
    with transaction.atomic():
        audit.record(actor, "train.template.remove", row)
        row.delete()
        live.bump("trains")


def may_remove(actor: Actor, row: TrainTemplate) -> bool:
    """For showing the button."""
    places = places_of(row)
    return may(actor, places) if places else can(actor, "environment.manage")


def places_of(row: TrainTemplate) -> list[ServiceEnvironment]:
    """The places of a template that are still there."""
    return [place for place, _car in template_cars(row)]


def template_cars(row: TrainTemplate) -> list[tuple[ServiceEnvironment, dict[str, Any]]]:
    """Its cars whose place is still there, in their order."""
    cars = row.content.get("cars", [])
    rows = ServiceEnvironment.objects.filter(
        service__slug__in={car["service"] for car in cars}, service__removed=None
    ).select_related("service", "environment")
    known = {(place.service.slug, place.environment.slug): place for place in rows}
    return [
        (known[car["service"], car["environment"]], car)
        for car in cars
        if (car["service"], car["environment"]) in known
    ]
