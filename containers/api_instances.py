"""REST API of instances: how many there are, where they stand, which address and limits they have."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Router, Status

from containers.api_shared import accepted, chosen_addresses, chosen_hosts, clean, place_of, standing_of
from containers.as_json import instance_json, place_json
from containers.reading import instances_of
from containers.schemas import (
    MOST,
    AddressIn,
    DeploymentOut,
    ForgetIn,
    ForgetOut,
    InstanceEventOut,
    InstanceOut,
    LimitOut,
    MoveIn,
    OperateIn,
    Operation,
    PlaceOut,
    PlanOut,
    ScaleIn,
)
from containers.services import lost, moves, new_limits, readdress, releases
from containers.views.access import get_instance
from hosts.models import Host
from xqplatform.accounts.http import actor_of
from xqplatform.errors import Refused

router = Router(tags=["instances"])
ALL_OF_THEM = OperateIn.model_validate({})


@router.post("/services/{slug}/{environment}/scale", response={202: DeploymentOut, 200: PlaceOut})
def scale(request: HttpRequest, slug: str, environment: str, body: ScaleIn, response: HttpResponse) -> Any:
    """202 with the change that began; 200 where nothing was released yet and the number is only noted."""
    place = place_of(request, slug, environment)
    chosen: dict[str, Any] = {"addresses": chosen_addresses(body), "hosts": chosen_hosts(body)}
    confirm = clean(body.confirm)
    row = releases.scale(actor_of(request), place, body.instances, clean(body.reason), confirm=confirm, **chosen)
    return (
        accepted(response, row) if row is not None else Status(200, place_json(standing_of(request, slug, environment)))
    )


@router.post("/services/{slug}/{environment}/scale/preview", response=PlanOut)
def preview_scale(request: HttpRequest, slug: str, environment: str, body: ScaleIn) -> Any:
    """Which instances would come or go."""
    chosen: dict[str, Any] = {"addresses": chosen_addresses(body), "hosts": chosen_hosts(body)}
    place = place_of(request, slug, environment)
    return releases.preview_scale(actor_of(request), place, body.instances, **chosen).to_json()


@router.get("/services/{slug}/{environment}/instances", response=list[InstanceOut])
def list_instances(request: HttpRequest, slug: str, environment: str) -> Any:
    return [instance_json(row) for row in instances_of(place_of(request, slug, environment))]


@router.get("/instances/{number}", response=InstanceOut)
def show_instance(request: HttpRequest, number: int) -> Any:
    return instance_json(get_instance(actor_of(request), max(0, number)))


@router.post("/instances/{number}/address", response={202: DeploymentOut})
def change_address(request: HttpRequest, number: int, body: AddressIn, response: HttpResponse) -> Any:
    """Gives the instance another address of its segment: its container is made anew on its host, the old address rests."""
    one, ip = get_instance(actor_of(request), max(0, number)), clean(body.address or "")
    reason = clean(body.reason)
    return accepted(response, readdress.readdress(actor_of(request), one, ip, with_data=body.with_data, reason=reason))


@router.post("/instances/{number}/address/preview", response=PlanOut)
def preview_address(request: HttpRequest, number: int, body: AddressIn) -> Any:
    """What would change, or why it cannot: changes nothing."""
    one, ip = get_instance(actor_of(request), max(0, number)), clean(body.address or "")
    return readdress.preview(actor_of(request), one, ip, with_data=body.with_data).to_json()


def _host(name: str) -> Host:
    """Raises Refused."""
    found = Host.objects.filter(name=clean(name)).first()
    if found is None:
        raise Refused(_("There is no host «%(host)s».") % {"host": name}, "host", 400)
    return found


def _wish(body: MoveIn) -> dict[str, Any]:
    return {"to_host": _host(body.host) if body.host else None, "fenced": body.fenced, "with_data": body.with_data}


@router.post("/services/{slug}/{environment}/instances/move", response={202: DeploymentOut})
def move(request: HttpRequest, slug: str, environment: str, body: MoveIn, response: HttpResponse) -> Any:
    """Moves instances to other hosts, with image, settings, address and MAC, by the service's own release rules."""
    place = place_of(request, slug, environment)
    row = moves.move(actor_of(request), place, body.instances, reason=clean(body.reason), **_wish(body))
    return accepted(response, row)


@router.post("/services/{slug}/{environment}/instances/move/preview", response=PlanOut)
def preview_move(request: HttpRequest, slug: str, environment: str, body: MoveIn) -> Any:
    """Where the instances would go: changes nothing."""
    return moves.preview(
        actor_of(request), place_of(request, slug, environment), body.instances, **_wish(body)
    ).to_json()


@router.get("/instances/{number}/events", response=list[InstanceEventOut])
def list_instance_events(request: HttpRequest, number: int) -> Any:
    """What happened to it by itself or while it ran, newest first: kills for lack of memory, changed limits."""
    rows = get_instance(actor_of(request), max(0, number)).happened.select_related("container")[:MOST]
    names = ("kind", "text", "time", "count", "last")
    return [
        {name: getattr(row, name) for name in names} | {"container": row.container.engine_id if row.container else None}
        for row in rows
    ]


@router.get("/services/{slug}/{environment}/limits", response=list[LimitOut])
def show_limits(request: HttpRequest, slug: str, environment: str) -> Any:
    """What the newest settings change against those in use, and what of it a running container can take."""
    return [asdict(one) for one in new_limits.live_changes(place_of(request, slug, environment))]


@router.post("/services/{slug}/{environment}/instances/{operation}", response={202: DeploymentOut})
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
        response, verb(actor_of(request), place_of(request, slug, environment), body.instances, clean(body.reason))
    )


@router.post("/services/{slug}/{environment}/forget", response=ForgetOut)
def forget(request: HttpRequest, slug: str, environment: str, body: ForgetIn) -> Any:
    """Gives up instances on a host that cannot be reached: their addresses become free, a later release replaces them."""
    rows = lost.forget(actor_of(request), place_of(request, slug, environment), body.instances, clean(body.reason))
    return {"forgotten": [row.number for row in rows]}


@router.delete("/services/{slug}/{environment}/instances", response={202: DeploymentOut})
def remove_instances(
    request: HttpRequest, slug: str, environment: str, response: HttpResponse, *, reason: str = "", confirm: str = ""
) -> Any:
    """Removes all instances of the service in this environment, and gives their addresses back. Where data goes with them, `confirm` is
    «service/environment», else it is refused with what would go.
    """
    place = place_of(request, slug, environment)
    row = releases.remove_place(actor_of(request), place, clean(reason)[:2000], confirm=clean(confirm))
    return accepted(response, row)
