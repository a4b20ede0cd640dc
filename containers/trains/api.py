"""REST API of trains and their templates."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Field, Router, Schema, Status

from builds.models import Wave
from containers.models import Train, TrainTemplate
from containers.schemas import PolicyIn, ReasonIn
from containers.trains import choosing, of_wave, planning, services, standing
from containers.trains.forms import place_named
from containers.trains.rows import cars_of
from containers.trains.views import VERBS, get_train
from containers.views.access import NUMBER_LIMIT, actor_of
from xqplatform.accounts.visibility import get_visible, visible
from xqplatform.errors import Refused

router = Router(tags=["trains"])
NO_REASON = ReasonIn.model_validate({})


class CarIn(Schema):
    stage: int = Field(1, ge=1, le=services.MOST_STAGES)
    service: str = Field(max_length=60)
    environment: str = Field(max_length=60)
    image: int | str | None = Field(
        None, description="The image's number, tag, digest, or the beginning of its commit; left out: the newest built."
    )
    policy: PolicyIn | None = Field(None, description="Left out: as the last release there went.")


class TrainIn(Schema):
    name: str = Field(max_length=120)
    reason: str = Field("", max_length=2000)
    on_failure: Literal["stop", "rollback", "go_on"] = "stop"
    cars: list[CarIn] = Field(default_factory=list, max_length=services.MOST_CARS)
    wave: int | None = Field(
        None,
        ge=1,
        lt=2**31,
        description="A wave of builds; without cars: all that it has built, a stage an environment.",
    )


class BeginIn(Schema):
    reason: str = Field("", max_length=2000)
    mark: dict[str, int] | None = Field(
        None, max_length=services.MOST_CARS, description="As the plan gave it: what is not so any more is refused."
    )


BEGIN_IT = BeginIn.model_validate({})


class CarOut(Schema):
    id: int
    service: str
    environment: str
    image: str | None
    newest: bool
    state: str
    words: list[str]
    deployment: int | None
    back: int | None
    back_state: str
    policy: dict[str, Any]


class StageOut(Schema):
    stage: int
    state: str
    cars: list[CarOut]


class TrainOut(Schema):
    id: int
    name: str
    state: str
    reason: str
    why: str
    on_failure: str
    by: str
    created: datetime
    started: datetime | None
    finished: datetime | None


class TrainFull(TrainOut):
    stages: list[StageOut]


class TemplateIn(Schema):
    name: str = Field(max_length=120)


def _clean(text: str) -> str:
    if "\x00" in text:
        raise Refused(_("NUL characters are not allowed."), None, 400)
    return text


def train_json(row: Train) -> dict[str, Any]:
    names = ("id", "name", "state", "reason", "why", "on_failure", "created", "started", "finished")
    return {name: getattr(row, name) for name in names} | {"by": row.begun_name or row.created_name}


def full_json(row: Train) -> dict[str, Any]:
    stages = standing.stages_of(row)
    return train_json(row) | {
        "stages": [
            {"stage": stage.number, "state": stage.state, "cars": [_car_json(one) for one in stage.cars]}
            for stage in stages
        ]
    }


def _car_json(one: standing.CarStanding) -> dict[str, Any]:
    car = one.car
    return {
        "id": car.pk,
        "service": car.place.service.slug,
        "environment": car.place.environment.slug,
        "image": car.image.tag if car.image is not None else None,
        "newest": car.newest,
        "state": one.state,
        "words": one.words,
        "deployment": car.deployment_id,
        "back": car.back_id,
        "back_state": one.back,
        "policy": car.policy,
    }


def _accepted(response: HttpResponse, row: Train, code: int = 202) -> Status[dict[str, Any]]:
    response["Location"] = f"/api/v1/trains/{row.pk}"
    return Status(code, full_json(row))


def _wanted(request: HttpRequest, body: TrainIn) -> list[services.Wanted]:
    found = []
    for car in body.cars:
        place = place_named(actor_of(request), f"{_clean(car.service)}/{_clean(car.environment)}")
        image = choosing.named(place, _clean(str(car.image))) if car.image is not None else None
        policy = car.policy.dict() if car.policy is not None else None
        found.append(services.Wanted(car.stage, place, image, policy))
    return found


def _save(request: HttpRequest, body: TrainIn, train: Train | None) -> Train:
    wave = get_visible(actor_of(request), Wave, pk=body.wave) if body.wave is not None else None
    cars = of_wave.cars(wave) if wave is not None and not body.cars else _wanted(request, body)
    return services.save(
        actor_of(request),
        cars,
        wave=wave,
        train=train,
        name=_clean(body.name),
        on_failure=body.on_failure,
        reason=_clean(body.reason),
    )


@router.get("/trains", response=list[TrainOut])
def list_trains(request: HttpRequest, state: str = "") -> Any:
    """The newest hundred."""
    rows = visible(actor_of(request), Train)
    rows = rows.filter(state=_clean(state)) if state else rows
    return [train_json(row) for row in rows[:100]]


@router.post("/trains", response={201: TrainFull})
def make_train(request: HttpRequest, body: TrainIn, response: HttpResponse) -> Any:
    """Makes one. Nothing is released before it begins."""
    return _accepted(response, _save(request, body, None), 201)


@router.get("/trains/{number}", response=TrainFull)
def show_train(request: HttpRequest, number: int) -> Any:
    return full_json(get_train(actor_of(request), number))


@router.put("/trains/{number}", response=TrainFull)
def change_train(request: HttpRequest, number: int, body: TrainIn) -> Any:
    """Another name, other cars; as long as it has not begun."""
    return full_json(_save(request, body, get_train(actor_of(request), number)))


@router.get("/trains/{number}/plan", response=dict[str, Any])
def plan_train(request: HttpRequest, number: int) -> Any:
    """What it would do now, before it begins, and the mark of it."""
    train = get_train(actor_of(request), number)
    if train.state != Train.State.PLANNED:
        raise Refused(_("It has begun already."))
    cars = cars_of(train)
    stages = planning.plan_of(train, cars)
    return {
        "mark": planning.mark_of(stages),
        "stages": [{"stage": stage.number, "cars": [_plan_json(one) for one in stage.cars]} for stage in stages],
    }


def _plan_json(one: planning.CarPlan) -> dict[str, Any]:
    return {
        "id": one.car.pk,
        "service": one.car.place.service.slug,
        "environment": one.car.place.environment.slug,
        "image": one.image.tag if one.image is not None else None,
        "would_fail": one.refusal,
        "blocked": one.blocked,
        "waits_for": one.later,
        "guardrails": [check.to_json() for check in one.checks],
        "plan": one.plan.to_json() if one.plan is not None else None,
    }


@router.post("/trains/{number}/begin", response={202: TrainFull})
def begin_train(request: HttpRequest, number: int, response: HttpResponse, body: BeginIn = BEGIN_IT) -> Any:
    """Its releases are yours: each begins with the rights that you have then."""
    train = services.begin(actor_of(request), get_train(actor_of(request), number), body.mark, _clean(body.reason))
    return _accepted(response, train)


def _ask(request: HttpRequest, number: int, verb: str, body: ReasonIn, response: HttpResponse) -> Any:
    return _accepted(
        response, VERBS[verb](actor_of(request), get_train(actor_of(request), number), _clean(body.reason))
    )


@router.post("/trains/{number}/pause", response={202: TrainFull})
def pause_train(request: HttpRequest, number: int, response: HttpResponse, body: ReasonIn = NO_REASON) -> Any:
    """Nothing further begins; what is under way goes on."""
    return _ask(request, number, "pause", body, response)


@router.post("/trains/{number}/continue", response={202: TrainFull})
def continue_train(request: HttpRequest, number: int, response: HttpResponse, body: ReasonIn = NO_REASON) -> Any:
    return _ask(request, number, "continue", body, response)


@router.post("/trains/{number}/abort", response={202: TrainFull})
def abort_train(request: HttpRequest, number: int, response: HttpResponse, body: ReasonIn = NO_REASON) -> Any:
    """Nothing further begins, ever; what is under way ends by itself."""
    return _ask(request, number, "abort", body, response)


@router.post("/trains/{number}/rollback", response={202: TrainFull})
def rollback_train(request: HttpRequest, number: int, response: HttpResponse, body: ReasonIn = NO_REASON) -> Any:
    """The same, and the stage that was reached goes back to what ran before."""
    return _ask(request, number, "rollback", body, response)


@router.post("/trains/{number}/template", response={201: dict[str, Any]})
def keep_train(request: HttpRequest, number: int, body: TemplateIn) -> Any:
    """Keeps its cars under a name, to be run again with the newest built images."""
    return Status(
        201,
        _template_json(
            services.save_template(actor_of(request), get_train(actor_of(request), number), _clean(body.name))
        ),
    )


def _template_json(row: TrainTemplate) -> dict[str, Any]:
    return {"id": row.pk, "name": row.name, "by": row.created_name, "updated": row.updated, **row.content}


@router.get("/train-templates", response=list[dict[str, Any]])
def list_templates(request: HttpRequest) -> Any:
    return [_template_json(row) for row in visible(actor_of(request), TrainTemplate).all()]


@router.delete("/train-templates/{number}", response={204: None})
def remove_template(request: HttpRequest, number: int) -> Any:
    services.remove_template(
        actor_of(request), get_visible(actor_of(request), TrainTemplate, pk=min(number, NUMBER_LIMIT))
    )
    return Status(204, None)
