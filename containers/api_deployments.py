"""REST API of deployments: they begin, wait, and are steered."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Query, Router

from builds.models import Image
from containers.api_shared import NO_REASON, SHOWN, accepted, chosen_addresses, chosen_hosts, clean, page, place_of
from containers.as_json import deployment_json, full_json
from containers.guardrails.glass import Glass
from containers.models import ConfigVersion, Deployment, ServiceEnvironment, Step
from containers.planned import mark_of, seal, unseal
from containers.preview import ahead, gather, pulls
from containers.schemas import (
    DeployIn,
    DeploymentFull,
    DeploymentOut,
    Paged,
    PreviewOut,
    ReasonIn,
    RollbackIn,
    StepAskIn,
    TurnIn,
)
from containers.services import releases, steering, waiting
from containers.services.planning import config_of as planned
from containers.traffic.words import words as traffic_words
from containers.views.access import get_deployment
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.rights import can
from xqplatform.accounts.visibility import visible
from xqplatform.errors import Refused

router = Router(tags=["deployments"])
NOTHING_SAID = RollbackIn.model_validate({})


def _image(place: ServiceEnvironment, named: int | str) -> Image:
    """The image of the service by number, tag or digest. Raises Refused."""
    rows = place.service.project.images.order_by("-id")
    text = clean(str(named))
    found = None
    if text.isascii() and text.isdigit() and len(text) < 12:
        found = rows.filter(pk=int(text)).first()
    found = found or rows.filter(tag=text).first() or (rows.filter(digest=text).first() if text else None)
    if found is None:
        raise Refused(
            _("%(service)s has no image «%(image)s».") % {"service": place.service.slug, "image": text[:120]},
            "image",
            400,
        )
    return found


@router.post("/services/{slug}/{environment}/deployments", response={202: DeploymentOut})
def deploy(request: HttpRequest, slug: str, environment: str, body: DeployIn, response: HttpResponse) -> Any:
    place = place_of(request, slug, environment)
    config = _config(place, body)
    asked: dict[str, Any] = {
        "policy": body.policy.dict(),
        "reason": clean(body.reason),
        "config": config,
        "addresses": chosen_addresses(body),
        "hosts": chosen_hosts(body),
        "shown": unseal(body.mark, place) if body.mark is not None else None,
    }
    actor, image, broken = actor_of(request), _image(place, body.image), _glass(body)
    if body.queue or body.not_before is not None:
        if broken is not None:
            raise Refused(_("The glass is broken for a release that begins now."), "break_glass", 400)
        return accepted(response, waiting.wait(actor, place, image, not_before=body.not_before, **asked))
    return accepted(response, releases.deploy(actor, place, image, broken=broken, **asked))


@router.post("/services/{slug}/{environment}/deployments/preview", response=PreviewOut)
def preview(request: HttpRequest, slug: str, environment: str, body: DeployIn) -> Any:
    """The plan of a release with all that the page shows of it: changes nothing."""
    place = place_of(request, slug, environment)
    image, config = _image(place, body.image), _config(place, body)
    plan = releases.preview(
        actor_of(request),
        place,
        image,
        body.policy.dict(),
        config=config,
        addresses=chosen_addresses(body),
        hosts=chosen_hosts(body),
        reason=clean(body.reason),
    )
    mark = seal(mark_of(plan, place, config, image, plan.guards), place)
    traffic = traffic_words(planned(config or place.config).traffic)
    pending = ahead.ask(image, place.current_image, pulls.hosts_of(plan))
    more = {"traffic": traffic, "mark": mark, "pending": pending}
    return plan.to_json() | gather.of(place, plan, image, config) | more


def _config(place: ServiceEnvironment, body: DeployIn) -> ConfigVersion | None:
    """The settings version that is named; None: the newest. Raises Refused."""
    if body.config is None:
        return None
    config = place.configs.filter(version=max(0, min(body.config, 2**31 - 1))).first()
    if config is None:
        raise Refused(_("There is no settings version %(n)s.") % {"n": body.config}, "config", 400)
    return config


def _glass(body: DeployIn) -> Glass | None:
    given = body.break_glass
    return Glass(clean(given.reason), clean(given.service)) if given is not None else None


@router.get("/deployments", response=list[DeploymentOut])
def list_deployments(
    request: HttpRequest, paged: Query[Paged], service: str = "", environment: str = "", state: str = ""
) -> Any:
    rows = visible(actor_of(request), Deployment).select_related(*SHOWN)
    if service:
        rows = rows.filter(place__service__slug=clean(service))
    if environment:
        rows = rows.filter(place__environment__slug=clean(environment))
    if state:
        if state not in Deployment.State.values:
            raise Refused(
                _("Choose one of: %(choices)s.") % {"choices": ", ".join(Deployment.State.values)}, "state", 400
            )
        rows = rows.filter(state=state)
    if paged.q:
        rows = rows.filter(reason__icontains=clean(paged.q))
    return [deployment_json(row) for row in page(rows, paged)]


@router.get("/deployments/{number}", response=DeploymentFull)
def show_deployment(request: HttpRequest, number: int) -> Any:
    """State, progress, and each instance's step with its times (Unix seconds)."""
    row = get_deployment(actor_of(request), max(0, number))
    found = full_json(row)
    service, environment = row.place.service, row.place.environment.slug
    if not can(actor_of(request), "service.logs", **service.at_in(environment)):
        for step in found["steps"]:
            step["log"] = ""  # what a container said is for those who may read logs
    return found


def _ask(request: HttpRequest, number: int, verb: Any, body: ReasonIn, response: HttpResponse) -> Any:
    return accepted(
        response, verb(actor_of(request), get_deployment(actor_of(request), max(0, number)), clean(body.reason))
    )


@router.post("/deployments/{number}/pause", response={202: DeploymentOut})
def pause(request: HttpRequest, number: int, response: HttpResponse, body: ReasonIn = NO_REASON) -> Any:
    return _ask(request, number, steering.pause, body, response)


@router.post("/deployments/{number}/resume", response={202: DeploymentOut})
def resume(request: HttpRequest, number: int, response: HttpResponse, body: ReasonIn = NO_REASON) -> Any:
    return _ask(request, number, steering.resume, body, response)


@router.post("/deployments/{number}/cancel", response={202: DeploymentOut})
def cancel(request: HttpRequest, number: int, response: HttpResponse, body: ReasonIn = NO_REASON) -> Any:
    return _ask(request, number, waiting.cancel, body, response)


@router.post("/deployments/{number}/turn", response={202: DeploymentOut})
def turn(request: HttpRequest, number: int, body: TurnIn, response: HttpResponse) -> Any:
    """Moves a waiting one in its place's queue."""
    row = waiting.move(
        actor_of(request), get_deployment(actor_of(request), max(0, number)), body.by, clean(body.reason)
    )
    return accepted(response, row)


@router.post("/deployments/{number}/rollback", response={202: DeploymentOut})
def rollback(request: HttpRequest, number: int, response: HttpResponse, body: RollbackIn = NOTHING_SAID) -> Any:
    """Back to image and settings of before; `data_back`: the data, too, so that what was written since is lost to it."""
    verb = partial(steering.rollback, data_back=body.data_back)
    return _ask(request, number, verb, body, response)


@router.post("/deployments/{number}/continue", response={202: DeploymentOut})
def proceed(request: HttpRequest, number: int, response: HttpResponse, body: ReasonIn = NO_REASON) -> Any:
    """Lets it go on: a canary that holds, a gate that asks, the switch of blue/green, the time old ones are kept."""
    return _ask(request, number, steering.proceed, body, response)


def _step(request: HttpRequest, number: int, body: StepAskIn) -> Step:
    rows = get_deployment(actor_of(request), max(0, number)).steps.select_related(
        "instance", "deployment__place__service"
    )
    return get_object_or_404(rows, instance__number=body.instance)


@router.post("/deployments/{number}/skip", response={202: DeploymentOut})
def skip(request: HttpRequest, number: int, response: HttpResponse, body: StepAskIn) -> Any:
    """Leaves an instance out, with a reason; one that failed is brought back to what it was."""
    return accepted(response, steering.skip(actor_of(request), _step(request, number, body), clean(body.reason)))


@router.post("/deployments/{number}/retry", response={202: DeploymentOut})
def retry(request: HttpRequest, number: int, response: HttpResponse, body: StepAskIn) -> Any:
    """Tries a failed instance once more, in a release that rests for it."""
    return accepted(response, steering.retry(actor_of(request), _step(request, number, body), clean(body.reason)))
