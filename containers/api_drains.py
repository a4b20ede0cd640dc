"""REST API of drains, which empty a host."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Router, Status

from containers.api_shared import NO_REASON, clean
from containers.as_json import drain_json
from containers.models import Drain
from containers.schemas import DrainIn, DrainOut, ReasonIn
from containers.services import drains
from hosts.models import Host
from xqplatform.accounts.http import actor_of

router = Router(tags=["hosts"])
DRAIN_IT = DrainIn.model_validate({})


@router.post("/hosts/{name}/drain", response={202: DrainOut})
def drain(request: HttpRequest, name: str, body: DrainIn = DRAIN_IT) -> Any:
    """Cordons the host and moves its instances to other hosts. Follow it with GET."""
    host = get_object_or_404(Host, name=clean(name))
    row = drains.drain(actor_of(request), host, clean(body.reason), fenced=body.fenced, with_data=body.with_data)
    return Status(202, drain_json(actor_of(request), row))


@router.get("/hosts/{name}/drain", response=DrainOut)
def show_drain(request: HttpRequest, name: str) -> Any:
    """The host's last drain; 404 when there was none."""
    rows = Drain.objects.filter(host__name=clean(name)).select_related("host")
    row = rows.first()
    if row is None:
        raise Http404
    return drain_json(actor_of(request), row)


@router.post("/hosts/{name}/cancel-drain", response=DrainOut)
def cancel_drain(request: HttpRequest, name: str, body: ReasonIn = NO_REASON) -> Any:
    """No further instance moves; the host stays cordoned."""
    host = get_object_or_404(Host, name=clean(name))
    return drain_json(actor_of(request), drains.cancel(actor_of(request), host, clean(body.reason)))
