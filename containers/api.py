"""REST API of services, environments, versions, deployments, scaling, instances and settings."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Query, Router, Status

from builds.models import Image
from builds.versions import versions
from containers.as_json import (
    config_json,
    deployment_json,
    drain_json,
    environment_json,
    folder_json,
    full_json,
    instance_json,
    place_json,
    services_json,
)
from containers.guardrails.glass import Glass
from containers.models import (
    ConfigVersion,
    Deployment,
    Drain,
    Environment,
    PersistedFolder,
    Service,
    ServiceEnvironment,
    Step,
)
from containers.planned import mark_of, seal, unseal
from containers.preview import ahead, gather, pulls
from containers.reading import Standing, folders_of, instances_of, shown_folders, standings
from containers.schemas import (
    MOST,
    AddressIn,
    ChangeOut,
    ConfigIn,
    ConfigOut,
    DeployIn,
    DeploymentFull,
    DeploymentOut,
    DrainIn,
    DrainOut,
    EnvironmentIn,
    EnvironmentNew,
    EnvironmentOut,
    FolderOut,
    FolderRemove,
    ForgetIn,
    ForgetOut,
    InstanceEventOut,
    InstanceOut,
    LimitOut,
    MoveIn,
    OperateIn,
    Operation,
    Paged,
    PlaceOut,
    PlanOut,
    PreviewOut,
    ReasonIn,
    RollbackIn,
    ScaleIn,
    ServiceChange,
    ServiceNew,
    ServiceOut,
    StepAskIn,
    TurnIn,
    VersionOut,
)
from containers.services import (
    catalog,
    drains,
    lost,
    moves,
    new_limits,
    persisted,
    readdress,
    releases,
    steering,
    waiting,
)
from containers.services import settings as settings_verbs
from containers.services.planning import config_of as planned
from containers.traffic.words import words as traffic_words
from containers.views.access import get_deployment, get_instance, get_place, get_service
from containers.views.settings import changes
from hosts.models import Host, HostGroup, Segment
from xqplatform.accounts.http import actor_of
from xqplatform.accounts.rights import can
from xqplatform.accounts.visibility import get_visible, visible
from xqplatform.errors import Refused

router = Router(tags=["services"])
NO_REASON, ALL_OF_THEM = ReasonIn.model_validate({}), OperateIn.model_validate({})
NOTHING_SAID = RollbackIn.model_validate({})
DRAIN_IT = DrainIn.model_validate({})
SHOWN = ("place__service", "place__environment", "image", "old_image", "config", "old_config")


def accepted(response: HttpResponse, row: Deployment) -> Status[dict[str, Any]]:
    """202 with the address where the work can be followed."""
    response["Location"] = f"/api/v1/deployments/{row.pk}"
    made = Deployment.objects.select_related(*SHOWN)  # visible: who made it may see it
    return Status(202, deployment_json(made.get(pk=row.pk)))


def _page(rows: QuerySet[Any], paged: Paged) -> list[Any]:
    return list(rows[paged.offset : paged.offset + paged.limit])


def _clean(text: str) -> str:
    if "\x00" in text:
        raise Refused(_("NUL characters are not allowed."), None, 400)
    return text


# --- Environments -------------------------------------------------------------------------------------------------


@router.get("/environments", response=list[EnvironmentOut], tags=["environments"])
def list_environments(request: HttpRequest) -> Any:
    rows = Environment.objects.select_related("segment").prefetch_related("groups")
    return [environment_json(row) for row in rows]


@router.get("/environments/{slug}", response=EnvironmentOut, tags=["environments"])
def show_environment(request: HttpRequest, slug: str) -> Any:
    return environment_json(get_object_or_404(Environment, slug=_clean(slug)))


def _environment_data(body: EnvironmentIn) -> dict[str, Any]:
    data = {k: v for k, v in body.dict(exclude_unset=True).items() if v is not None or k == "segment"}
    if "groups" in data:
        found = list(HostGroup.objects.filter(slug__in=[_clean(g) for g in data["groups"]]))
        if unknown := set(data["groups"]) - {g.slug for g in found}:
            raise Refused(_("There is no host group «%(group)s».") % {"group": min(unknown)}, "groups", 400)
        data["groups"] = found
    if "segment" in data:
        slug = _clean(data["segment"] or "")
        data["segment"] = Segment.objects.filter(slug=slug).first() if slug else None
        if slug and data["segment"] is None:
            raise Refused(_("There is no segment «%(segment)s».") % {"segment": slug}, "segment", 400)
    for name in ("title", "title_zh", "branch", "colour"):
        _clean(str(data.get(name) or ""))
    return data


@router.post("/environments", response={201: EnvironmentOut}, tags=["environments"])
def create_environment(request: HttpRequest, body: EnvironmentNew) -> Any:
    return Status(201, environment_json(catalog.save_environment(actor_of(request), None, _environment_data(body))))


@router.patch("/environments/{slug}", response=EnvironmentOut, tags=["environments"])
def change_environment(request: HttpRequest, slug: str, body: EnvironmentIn) -> Any:
    row = get_object_or_404(Environment, slug=_clean(slug))
    return environment_json(catalog.save_environment(actor_of(request), row, _environment_data(body)))


@router.delete("/environments/{slug}", response={204: None}, tags=["environments"])
def remove_environment(request: HttpRequest, slug: str) -> Any:
    catalog.remove_environment(actor_of(request), get_object_or_404(Environment, slug=_clean(slug)))
    return Status(204, None)


# --- Services -----------------------------------------------------------------------------------------------------


@router.get("/services", response=list[ServiceOut])
def list_services(request: HttpRequest, paged: Query[Paged], team: str = "") -> Any:
    rows = visible(actor_of(request), Service).filter(removed=None).select_related("team", "project").order_by("slug")
    if paged.q:
        rows = rows.filter(slug__icontains=_clean(paged.q))
    if team:
        rows = rows.filter(team__slug=_clean(team))
    return services_json(_page(rows, paged))


@router.post("/services", response={201: ServiceOut})
def create_service(request: HttpRequest, body: ServiceNew) -> Any:
    row = catalog.create_service(actor_of(request), body.dict())
    return Status(201, services_json([row])[0])


@router.get("/services/{slug}", response=ServiceOut)
def show_service(request: HttpRequest, slug: str) -> Any:
    return services_json([get_service(actor_of(request), _clean(slug))])[0]


@router.patch("/services/{slug}", response=ServiceOut)
def change_service(request: HttpRequest, slug: str, body: ServiceChange) -> Any:
    row = catalog.change_service(
        actor_of(request), get_service(actor_of(request), _clean(slug)), body.dict(exclude_unset=True)
    )
    return services_json([row])[0]


@router.delete("/services/{slug}", response={202: list[DeploymentOut]})
def remove_service(request: HttpRequest, slug: str, reason: str = "") -> Any:
    """Starts a removal in each environment where instances stand; none: it is gone at once."""
    started = catalog.remove_service(
        actor_of(request), get_service(actor_of(request), _clean(slug)), _clean(reason)[:2000]
    )
    return Status(202, [deployment_json(get_deployment(actor_of(request), row.pk)) for row in started])


@router.put("/services/{slug}/{environment}", response={201: PlaceOut})
def add_place(request: HttpRequest, slug: str, environment: str) -> Any:
    """Gives the service a place in one more environment."""
    found = get_object_or_404(Environment, slug=_clean(environment))
    place = catalog.add_place(actor_of(request), get_service(actor_of(request), _clean(slug)), found)
    return Status(201, place_json(_standing(request, place.service.slug, environment)))


def _place(request: HttpRequest, slug: str, environment: str) -> ServiceEnvironment:
    return get_place(actor_of(request), _clean(slug), _clean(environment))


def _standing(request: HttpRequest, slug: str, environment: str) -> Standing:
    place = _place(request, slug, environment)
    return standings([place])[place.pk]


@router.get("/services/{slug}/{environment}", response=PlaceOut)
def show_place(request: HttpRequest, slug: str, environment: str) -> Any:
    return place_json(_standing(request, slug, environment))


@router.get("/services/{slug}/{environment}/versions", response=list[VersionOut], tags=["versions"])
def list_versions(
    request: HttpRequest, slug: str, environment: str, all: bool = False, limit: int = Query(50, ge=1, le=MOST)
) -> Any:
    """The version list of the environment's branch (or of all branches), newest commit first."""
    place = _place(request, slug, environment)
    branch = "" if all else place.branch or place.environment.branch
    return [
        {
            "image": v.image.pk if v.image else None,
            "tag": v.image.tag if v.image else None,
            "digest": v.image.digest if v.image else None,
            "build": v.build.pk if v.build else None,
        }
        | {n: getattr(v, n) for n in ("revision", "branch", "status", "time", "author", "message", "base", "running")}
        for v in versions(place.service.project, branch, limit=limit)
    ]


# --- Settings -----------------------------------------------------------------------------------------------------


@router.get("/services/{slug}/{environment}/settings", response=list[ConfigOut], tags=["settings"])
def list_settings(request: HttpRequest, slug: str, environment: str) -> Any:
    """The settings versions, newest first. Values of secrets are never shown."""
    return [config_json(row) for row in _place(request, slug, environment).configs.all()[:MOST]]


@router.post("/services/{slug}/{environment}/settings", response={201: ConfigOut}, tags=["settings"])
def save_settings(request: HttpRequest, slug: str, environment: str, body: ConfigIn) -> Any:
    """Saves a new version; it takes effect with the next release. The same as the newest: that one is returned."""
    if "secrets" in body.settings:
        raise Refused(_("Secrets stand beside `settings`, not in them."), "settings", 400)
    place = _place(request, slug, environment)
    data = body.settings | {"secrets": body.secrets}
    row = settings_verbs.save_config(actor_of(request), place, data, _clean(body.reason))
    return Status(201, config_json(visible(actor_of(request), ConfigVersion).get(pk=row.pk)))


@router.get("/services/{slug}/{environment}/settings/diff", response=list[ChangeOut], tags=["settings"])
def diff_settings(
    request: HttpRequest,
    slug: str,
    environment: str,
    a: int = Query(ge=1, le=10_000_000),
    b: int = Query(ge=1, le=10_000_000),
) -> Any:
    place = _place(request, slug, environment)
    old = get_object_or_404(place.configs, version=a)
    new = get_object_or_404(place.configs, version=b)
    return [{"setting": name, "before": before, "after": after} for name, before, after in changes(old, new)]


# --- Deployments --------------------------------------------------------------------------------------------------


def _image(place: ServiceEnvironment, named: int | str) -> Image:
    """The image of the service by number, tag or digest. Raises Refused."""
    rows = place.service.project.images.order_by("-id")
    text = _clean(str(named))
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


@router.post("/services/{slug}/{environment}/deployments", response={202: DeploymentOut}, tags=["deployments"])
def deploy(request: HttpRequest, slug: str, environment: str, body: DeployIn, response: HttpResponse) -> Any:
    place = _place(request, slug, environment)
    config = _config(place, body)
    asked: dict[str, Any] = {
        "policy": body.policy.dict(),
        "reason": _clean(body.reason),
        "config": config,
        "addresses": _addresses(body),
        "hosts": _hosts(body),
        "shown": unseal(body.mark, place) if body.mark is not None else None,
    }
    actor, image, broken = actor_of(request), _image(place, body.image), _glass(body)
    if body.queue or body.not_before is not None:
        if broken is not None:
            raise Refused(_("The glass is broken for a release that begins now."), "break_glass", 400)
        return accepted(response, waiting.wait(actor, place, image, not_before=body.not_before, **asked))
    return accepted(response, releases.deploy(actor, place, image, broken=broken, **asked))


@router.post("/services/{slug}/{environment}/deployments/preview", response=PreviewOut, tags=["deployments"])
def preview(request: HttpRequest, slug: str, environment: str, body: DeployIn) -> Any:
    """The plan of a release with all that the page shows of it: changes nothing."""
    place = _place(request, slug, environment)
    image, config = _image(place, body.image), _config(place, body)
    plan = releases.preview(
        actor_of(request),
        place,
        image,
        body.policy.dict(),
        config=config,
        addresses=_addresses(body),
        hosts=_hosts(body),
        reason=_clean(body.reason),
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
    return Glass(_clean(given.reason), _clean(given.service)) if given is not None else None


def _addresses(body: DeployIn | ScaleIn) -> dict[int, str]:
    return {number: _clean(ip)[:45] for number, ip in body.addresses.items()}


def _hosts(body: DeployIn | ScaleIn) -> dict[int, str]:
    return {number: _clean(names)[:400] for number, names in body.hosts.items()}


@router.get("/deployments", response=list[DeploymentOut], tags=["deployments"])
def list_deployments(
    request: HttpRequest, paged: Query[Paged], service: str = "", environment: str = "", state: str = ""
) -> Any:
    rows = visible(actor_of(request), Deployment).select_related(*SHOWN)
    if service:
        rows = rows.filter(place__service__slug=_clean(service))
    if environment:
        rows = rows.filter(place__environment__slug=_clean(environment))
    if state:
        if state not in Deployment.State.values:
            raise Refused(
                _("Choose one of: %(choices)s.") % {"choices": ", ".join(Deployment.State.values)}, "state", 400
            )
        rows = rows.filter(state=state)
    if paged.q:
        rows = rows.filter(reason__icontains=_clean(paged.q))
    return [deployment_json(row) for row in _page(rows, paged)]


@router.get("/deployments/{number}", response=DeploymentFull, tags=["deployments"])
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
        response, verb(actor_of(request), get_deployment(actor_of(request), max(0, number)), _clean(body.reason))
    )


@router.post("/deployments/{number}/pause", response={202: DeploymentOut}, tags=["deployments"])
def pause(request: HttpRequest, number: int, response: HttpResponse, body: ReasonIn = NO_REASON) -> Any:
    return _ask(request, number, steering.pause, body, response)


@router.post("/deployments/{number}/resume", response={202: DeploymentOut}, tags=["deployments"])
def resume(request: HttpRequest, number: int, response: HttpResponse, body: ReasonIn = NO_REASON) -> Any:
    return _ask(request, number, steering.resume, body, response)


@router.post("/deployments/{number}/cancel", response={202: DeploymentOut}, tags=["deployments"])
def cancel(request: HttpRequest, number: int, response: HttpResponse, body: ReasonIn = NO_REASON) -> Any:
    return _ask(request, number, waiting.cancel, body, response)


@router.post("/deployments/{number}/turn", response={202: DeploymentOut}, tags=["deployments"])
def turn(request: HttpRequest, number: int, body: TurnIn, response: HttpResponse) -> Any:
    """Moves a waiting one in its place's queue."""
    row = waiting.move(
        actor_of(request), get_deployment(actor_of(request), max(0, number)), body.by, _clean(body.reason)
    )
    return accepted(response, row)


@router.post("/deployments/{number}/rollback", response={202: DeploymentOut}, tags=["deployments"])
def rollback(request: HttpRequest, number: int, response: HttpResponse, body: RollbackIn = NOTHING_SAID) -> Any:
    """Back to image and settings of before; `data_back`: the data, too, so that what was written since is lost to it."""
    verb = partial(steering.rollback, data_back=body.data_back)
    return _ask(request, number, verb, body, response)


@router.post("/deployments/{number}/continue", response={202: DeploymentOut}, tags=["deployments"])
def proceed(request: HttpRequest, number: int, response: HttpResponse, body: ReasonIn = NO_REASON) -> Any:
    """Lets it go on: a canary that holds, a gate that asks, the switch of blue/green, the time old ones are kept."""
    return _ask(request, number, steering.proceed, body, response)


def _step(request: HttpRequest, number: int, body: StepAskIn) -> Step:
    rows = get_deployment(actor_of(request), max(0, number)).steps.select_related(
        "instance", "deployment__place__service"
    )
    return get_object_or_404(rows, instance__number=body.instance)


@router.post("/deployments/{number}/skip", response={202: DeploymentOut}, tags=["deployments"])
def skip(request: HttpRequest, number: int, response: HttpResponse, body: StepAskIn) -> Any:
    """Leaves an instance out, with a reason; one that failed is brought back to what it was."""
    return accepted(response, steering.skip(actor_of(request), _step(request, number, body), _clean(body.reason)))


@router.post("/deployments/{number}/retry", response={202: DeploymentOut}, tags=["deployments"])
def retry(request: HttpRequest, number: int, response: HttpResponse, body: StepAskIn) -> Any:
    """Tries a failed instance once more, in a release that rests for it."""
    return accepted(response, steering.retry(actor_of(request), _step(request, number, body), _clean(body.reason)))


# --- Persisted folders --------------------------------------------------------------------------------------------


@router.get("/hosts/{name}/persisted", response=list[FolderOut], tags=["hosts"])
def list_folders(request: HttpRequest, name: str) -> Any:
    """The folders that the host keeps for addresses, with their sizes as last measured."""
    return [
        folder_json(row) for row in shown_folders(actor_of(request), folders_of(get_object_or_404(Host, name=name)))
    ]


@router.post("/persisted/{number}/remove", response={202: FolderOut}, tags=["hosts"])
def remove_folder(request: HttpRequest, number: int, body: FolderRemove) -> Any:
    """Removes a folder with all that is in it. Only an SRE may, and only where no standing instance has it mounted."""
    row = get_visible(
        actor_of(request), PersistedFolder.objects.select_related("host"), pk=min(max(0, number), 2**31), removed=None
    )
    row = persisted.remove(actor_of(request), row, body.name, _clean(body.reason))
    found = [one for one in folders_of(row.host) if one.pk == row.pk]
    return Status(202, folder_json(found[0] if found else row))


# --- Scaling and instances ----------------------------------------------------------------------------------------


@router.post("/services/{slug}/{environment}/scale", response={202: DeploymentOut, 200: PlaceOut}, tags=["instances"])
def scale(request: HttpRequest, slug: str, environment: str, body: ScaleIn, response: HttpResponse) -> Any:
    """202 with the change that began; 200 where nothing was released yet and the number is only noted."""
    place = _place(request, slug, environment)
    chosen: dict[str, Any] = {"addresses": _addresses(body), "hosts": _hosts(body)}
    row = releases.scale(actor_of(request), place, body.instances, _clean(body.reason), **chosen)
    return (
        accepted(response, row) if row is not None else Status(200, place_json(_standing(request, slug, environment)))
    )


@router.post("/services/{slug}/{environment}/scale/preview", response=PlanOut, tags=["instances"])
def preview_scale(request: HttpRequest, slug: str, environment: str, body: ScaleIn) -> Any:
    """Which instances would come or go."""
    chosen: dict[str, Any] = {"addresses": _addresses(body), "hosts": _hosts(body)}
    place = _place(request, slug, environment)
    return releases.preview_scale(actor_of(request), place, body.instances, **chosen).to_json()


@router.get("/services/{slug}/{environment}/instances", response=list[InstanceOut], tags=["instances"])
def list_instances(request: HttpRequest, slug: str, environment: str) -> Any:
    return [instance_json(row) for row in instances_of(_place(request, slug, environment))]


@router.get("/instances/{number}", response=InstanceOut, tags=["instances"])
def show_instance(request: HttpRequest, number: int) -> Any:
    return instance_json(get_instance(actor_of(request), max(0, number)))


@router.post("/instances/{number}/address", response={202: DeploymentOut}, tags=["instances"])
def change_address(request: HttpRequest, number: int, body: AddressIn, response: HttpResponse) -> Any:
    """Gives the instance another address of its segment: its container is made anew on its host, the old address rests."""
    one, ip = get_instance(actor_of(request), max(0, number)), _clean(body.address or "")
    reason = _clean(body.reason)
    return accepted(response, readdress.readdress(actor_of(request), one, ip, with_data=body.with_data, reason=reason))


@router.post("/instances/{number}/address/preview", response=PlanOut, tags=["instances"])
def preview_address(request: HttpRequest, number: int, body: AddressIn) -> Any:
    """What would change, or why it cannot: changes nothing."""
    one, ip = get_instance(actor_of(request), max(0, number)), _clean(body.address or "")
    return readdress.preview(actor_of(request), one, ip, with_data=body.with_data).to_json()


def _host(name: str) -> Host:
    """Raises Refused."""
    found = Host.objects.filter(name=_clean(name)).first()
    if found is None:
        raise Refused(_("There is no host «%(host)s».") % {"host": name}, "host", 400)
    return found


def _wish(body: MoveIn) -> dict[str, Any]:
    return {"to_host": _host(body.host) if body.host else None, "fenced": body.fenced, "with_data": body.with_data}


@router.post("/services/{slug}/{environment}/instances/move", response={202: DeploymentOut}, tags=["instances"])
def move(request: HttpRequest, slug: str, environment: str, body: MoveIn, response: HttpResponse) -> Any:
    """Moves instances to other hosts, with image, settings, address and MAC, by the service's own release rules."""
    place = _place(request, slug, environment)
    row = moves.move(actor_of(request), place, body.instances, reason=_clean(body.reason), **_wish(body))
    return accepted(response, row)


@router.post("/services/{slug}/{environment}/instances/move/preview", response=PlanOut, tags=["instances"])
def preview_move(request: HttpRequest, slug: str, environment: str, body: MoveIn) -> Any:
    """Where the instances would go: changes nothing."""
    return moves.preview(actor_of(request), _place(request, slug, environment), body.instances, **_wish(body)).to_json()


@router.post("/hosts/{name}/drain", response={202: DrainOut}, tags=["hosts"])
def drain(request: HttpRequest, name: str, body: DrainIn = DRAIN_IT) -> Any:
    """Cordons the host and moves its instances to other hosts. Follow it with GET."""
    host = get_object_or_404(Host, name=_clean(name))
    row = drains.drain(actor_of(request), host, _clean(body.reason), fenced=body.fenced, with_data=body.with_data)
    return Status(202, drain_json(actor_of(request), row))


@router.get("/hosts/{name}/drain", response=DrainOut, tags=["hosts"])
def show_drain(request: HttpRequest, name: str) -> Any:
    """The host's last drain; 404 when there was none."""
    rows = Drain.objects.filter(host__name=_clean(name)).select_related("host")
    row = rows.first()
    if row is None:
        raise Http404
    return drain_json(actor_of(request), row)


@router.post("/hosts/{name}/cancel-drain", response=DrainOut, tags=["hosts"])
def cancel_drain(request: HttpRequest, name: str, body: ReasonIn = NO_REASON) -> Any:
    """No further instance moves; the host stays cordoned."""
    host = get_object_or_404(Host, name=_clean(name))
    return drain_json(actor_of(request), drains.cancel(actor_of(request), host, _clean(body.reason)))


@router.get("/instances/{number}/events", response=list[InstanceEventOut], tags=["instances"])
def list_instance_events(request: HttpRequest, number: int) -> Any:
    """What happened to it by itself or while it ran, newest first: kills for lack of memory, changed limits."""
    rows = get_instance(actor_of(request), max(0, number)).happened.select_related("container")[:MOST]
    names = ("kind", "text", "time", "count", "last")
    return [
        {name: getattr(row, name) for name in names} | {"container": row.container.engine_id if row.container else None}
        for row in rows
    ]


@router.get("/services/{slug}/{environment}/limits", response=list[LimitOut], tags=["instances"])
def show_limits(request: HttpRequest, slug: str, environment: str) -> Any:
    """What the newest settings change against those in use, and what of it a running container can take."""
    return [asdict(one) for one in new_limits.live_changes(_place(request, slug, environment))]


@router.post("/services/{slug}/{environment}/instances/{operation}", response={202: DeploymentOut}, tags=["instances"])
def operate(  # noqa: PLR0917  ninja gives them by name
    request: HttpRequest,
    slug: str,
    environment: str,
    operation: Operation,
    response: HttpResponse,
    body: OperateIn = ALL_OF_THEM,
) -> Any:
    """Restart, stop, start or put right instances by their numbers (left out: all; repair: those with drift).

    `limits`: running containers take the limits of the newest settings without a restart; refused where more differs.
    """
    verb = {
        "restart": releases.restart,
        "stop": releases.stop,
        "start": releases.start,
        "repair": releases.repair,
        "limits": new_limits.apply_limits,
    }[operation]
    return accepted(
        response, verb(actor_of(request), _place(request, slug, environment), body.instances, _clean(body.reason))
    )


@router.post("/services/{slug}/{environment}/forget", response=ForgetOut, tags=["instances"])
def forget(request: HttpRequest, slug: str, environment: str, body: ForgetIn) -> Any:
    """Gives up instances on a host that cannot be reached: their addresses become free, a later release replaces them."""
    rows = lost.forget(actor_of(request), _place(request, slug, environment), body.instances, _clean(body.reason))
    return {"forgotten": [row.number for row in rows]}


@router.delete("/services/{slug}/{environment}/instances", response={202: DeploymentOut}, tags=["instances"])
def remove_instances(
    request: HttpRequest, slug: str, environment: str, response: HttpResponse, reason: str = ""
) -> Any:
    """Removes all instances of the service in this environment, and gives their addresses back."""
    place = _place(request, slug, environment)
    return accepted(response, releases.remove_place(actor_of(request), place, _clean(reason)[:2000]))
